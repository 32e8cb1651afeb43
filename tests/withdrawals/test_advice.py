"""What people read about work that waits for them."""

import pytest

from app.channels.contract import Observation, Seen
from app.kernel.errors import Text
from app.kernel.money import Money
from app.withdrawals import rules
from app.withdrawals.rules import Known
from app.withdrawals.states import State

KNOWN = Known(number="W1", state=State.PENDING, amount=Money.parse("10.15"), attempts=1)


def test_all_work_has_a_name_and_a_way_out() -> None:
    assert set(rules.ADVICE) == set(rules.HOLDS) == set(rules.WORK)


@pytest.mark.parametrize("reason", sorted(rules.HOLDS))
def test_advice_sends_people_where_that_work_can_be_ended(reason: str) -> None:
    alone, together = "办结" in rules.ADVICE[reason], "认定" in rules.ADVICE[reason]
    assert (alone, together) == (reason in rules.ACKNOWLEDGED, reason not in rules.ACKNOWLEDGED)


@pytest.mark.parametrize(
    ("reason", "seen", "told"),
    [
        ("amount_differs", {"seen": Seen.PAID, "amount": Money.parse("11.15")}, "渠道说 ¥11.15，我方记录 ¥10.15"),
        ("number_differs", {"seen": Seen.PAID, "number": "W2"}, "渠道的答复写的是 W2"),
        ("contradiction", {"seen": Seen.PAID, "amount": Money.parse("10.15")}, "渠道现在说：款已付出"),
        ("contradiction", {"seen": Seen.FAILED}, "渠道现在说：没有付款"),
        ("never_sent", {"seen": Seen.RETURNED}, "渠道现在说：付出后已退票"),
    ],
)
def test_what_was_heard_is_told_with_the_work(reason: str, seen: dict[str, object], told: str) -> None:
    heard = rules.heard(KNOWN, reason, Observation(**seen))  # type: ignore[arg-type]
    assert heard == told and isinstance(heard, Text)
    again = Text.told(heard.kept())
    assert (again, again.template) == (told, heard.template), "in any reader's language"
    assert len(heard.kept()) <= 300, "as much as is kept"
