"""How long things take here. Every figure is an option of the command line, so that tests need not wait."""

from dataclasses import dataclass

from app.sandbox.faults import When


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    pay_after_s: float = 1.0
    pay_spread_s: float = 2.0
    """A normal payout is paid between `pay_after_s` and `pay_after_s + pay_spread_s`, evenly by its number."""
    callback_delay_s: float = 0.5
    late_s: float = 20.0
    long_s: float = 1800.0
    return_after_s: float = 15.0
    slow_s: float = 40.0
    """Longer than anybody's read time-out."""
    early_answer_s: float = 1.5
    """How long the answer waits when the callback overtakes it."""
    retry_waits_s: tuple[float, ...] = (2, 10, 30, 60, 300, 900, 1800, 3600, 7200, 21600)
    """Between attempts to deliver a callback; after the last one it is given up."""
    callback_timeout_s: float = 5.0

    def delay(self, when: When, share: float) -> float:
        """Seconds from acceptance to a step of a life; `share` in [0, 1) spreads the normal ones."""
        return {
            When.AT_ONCE: 0.0,
            When.SOON: self.pay_after_s + self.pay_spread_s * share,
            When.LATE: self.late_s,
            When.LONG: self.long_s,
            When.AFTERWARDS: self.pay_after_s + self.pay_spread_s * share + self.return_after_s,
        }[when]
