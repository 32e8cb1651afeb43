"""选渠道: which account takes a withdrawal, decided from plain facts of every account, and in words why each other does not.

An account suits, or it waits (what is made there now is sent later), or it does not take it: then every reason is told. Of
those that suit the one is proposed whose withdrawals of today are the smallest part of its weight; over a day the parts
come to what the weights say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from app.channels.rules.health import Grade
from app.kernel.errors import Text, gettext_noop
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.withdrawals.rules.admission import NOTHING, Facts, refusals
from app.withdrawals.rules.rulebook import Limit, Rulebook, Scope

SHAKY_PART = 4
"""A shaky account gets so many times less than its weight."""
UNKNOWN_MOST = 0.05
"""Where more of its sends than this end in the unknown, an account is shaky whatever else it answers."""


class Bound(StrEnum):
    """How the payee stands with an account."""

    BOUND = "bound"
    BINDING = "binding"
    REFUSED = "refused"
    OTHER_NAME = "other_name"
    ABSENT = "absent"


class Fit(StrEnum):
    """May an account take the withdrawal?"""

    SUITS = "suits"
    WAITS = "waits"
    NOT = "not"


FITS = {
    Fit.SUITS: (gettext_noop("可以用"), "good"),
    Fit.WAITS: (gettext_noop("要等"), "wait"),
    Fit.NOT: (gettext_noop("不能用"), "neutral"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is known of one account. `method`: does its channel pay to payees of this kind? `facts`: what the rules ask;
    `halts`: what keeps it from sending now; `held`: why the reader cannot work on it, where somebody else does."""

    number: str
    usable: bool
    verified: bool
    method: bool
    bound: Bound
    single_limit: Money
    fee: Money
    available: Money
    facts: Facts
    halts: tuple[Text, ...] = ()
    grade: Grade = Grade.GOOD
    unknown: float | None = None
    held: Text | None = None
    weight: int = 100

    @property
    def funds(self) -> Funds:
        """Of which of its money it would pay: `available` is what there is of it."""
        return self.facts.funds

    @property
    def sent(self) -> Money:
        """What it has taken today."""
        return self.facts.used.get(Scope.ACCOUNT, NOTHING).amount

    @property
    def pull(self) -> Fraction:
        """Its weight as it counts now; 0: a person may choose it, nothing proposes it."""
        if self.grade in (Grade.BAD, Grade.PAUSED) or not self.verified:
            return Fraction(0)
        return Fraction(self.weight, SHAKY_PART if self.is_shaky else 1)

    @property
    def is_shaky(self) -> bool:
        return self.grade == Grade.SHAKY or (self.unknown or 0) > UNKNOWN_MOST

    @property
    def burden(self) -> Fraction:
        """What it has taken today for each part of its weight, in fen."""
        assert self.pull, "nothing is a part of no weight"
        return self.sent.minor / self.pull


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One account, and what speaks against it: every reason in words. `notes`: what should be known of it all the same."""

    candidate: Candidate
    fit: Fit
    reasons: tuple[Text, ...]
    notes: tuple[Text, ...] = ()
    proposed: bool = False


def funds_for(hold: Money, left: Mapping[Funds, Money]) -> Funds:
    """Of which funds an account would pay so much: the first that are enough; where none are, the first."""
    return next((funds for funds, there_is in left.items() if hold <= there_is), next(iter(left)))


def route(book: Rulebook, candidates: Iterable[Candidate]) -> list[Judged]:
    """All of them, the best first: who suits, who waits, who does not take it, the fewest reasons first."""
    ranked = sorted((judge(book, it) for it in candidates), key=_rank)
    best = next((it for it in ranked if it.fit == Fit.SUITS and it.candidate.pull), None)
    return [_explained(it, best, ranked) for it in ranked]


def judge(book: Rulebook, it: Candidate) -> Judged:
    """One account by itself."""
    against = tuple(_against(book, it))
    fit = Fit.NOT if against else Fit.WAITS if it.halts else Fit.SUITS
    return Judged(candidate=it, fit=fit, reasons=(*against, *it.halts), notes=tuple(_notes(it)))


def instead_of(number: str, ranked: Sequence[Judged]) -> Judged | None:
    """The one that would take it at once where this account does not; None: this one does, or none would."""
    own = next((it for it in ranked if it.candidate.number == number), None)
    best = next((it for it in ranked if it.proposed), None)
    return None if own is None or own.fit == Fit.SUITS else best


def takes_all(it: Candidate, left: Limit, *, amount: Money, fee: Money, count: int) -> bool:
    """Would it send a whole sheet at once, as far as money and its day go? Whether the payees are bound there, and what the
    rules say of each row, is another question."""
    ready = it.usable and it.pull and not it.halts and it.held is None
    return bool(ready) and amount + fee <= it.available and left.allows(amount, count)


def _rank(it: Judged) -> tuple[int, int, bool, Fraction, int, str]:
    """Where it stands. Without weight: after those that have some. A tie: the lower fee, then the number."""
    one = it.candidate
    burden = one.burden if one.pull else Fraction(0)
    against = len(it.reasons) if it.fit == Fit.NOT else 0
    return list(Fit).index(it.fit), against, not one.pull, burden, one.fee.minor, one.number


def _against(book: Rulebook, it: Candidate) -> Iterable[Text]:
    amount, hold = it.facts.amount, it.facts.amount + it.fee
    if not it.usable:
        yield Text("渠道账号已停用")
    if not it.method:
        yield Text("这个渠道不能付到这种收款账号")
    elif it.bound != Bound.BOUND:
        yield _NOT_BOUND[it.bound]
    if amount > it.single_limit:
        yield Text("金额 ¥%(amount)s 超过单笔限额 ¥%(limit)s", amount=amount, limit=it.single_limit)
    if hold > it.available:
        told = {"hold": hold, "available": it.available, "lacks": hold - it.available}
        yield Text("连手续费要 ¥%(hold)s，可用余额 ¥%(available)s，还差 ¥%(lacks)s", **told)
    yield from (refusal.text for refusal in refusals(book, it.facts))
    if it.held is not None:
        yield it.held


_NOT_BOUND = {
    Bound.BINDING: gettext_noop("这张卡在该渠道账号上还没有绑定完"),
    Bound.REFUSED: gettext_noop("渠道没有接受这张卡的绑定"),
    Bound.OTHER_NAME: gettext_noop("这张卡在该渠道账号上绑定的是另一个户名"),
    Bound.ABSENT: gettext_noop("这张卡没有绑定在该渠道账号上"),
}


def _notes(it: Candidate) -> Iterable[Text]:
    if not it.verified:
        yield Text("渠道按公开文档编写，尚未与真实渠道联调：不自动推荐")
    if it.grade == Grade.BAD:
        yield Text("近一小时有效应答不到八成：不自动推荐")
    elif it.grade == Grade.PAUSED and not it.halts:
        yield Text("渠道没有正常应答，系统已自动停发；恢复应答后自动发送")
    elif it.is_shaky:
        yield Text("近一小时不稳：权重 %(weight)s 只按四分之一算", weight=it.weight)
    if it.weight == 0:
        yield Text("权重为 0：只由人选用")


def _explained(it: Judged, best: Judged | None, ranked: Sequence[Judged]) -> Judged:
    """With why it is the one that is proposed, or is not though it suits."""
    if best is None or it.fit != Fit.SUITS or not it.candidate.pull:
        return it
    if it is best:
        return _with(it, _why_best(it.candidate, ranked), proposed=True)
    return _with(it, _why_later(it.candidate, best.candidate), proposed=False)


def _with(it: Judged, why: Text, *, proposed: bool) -> Judged:
    return Judged(candidate=it.candidate, fit=it.fit, reasons=(why,), notes=it.notes, proposed=proposed)


def _why_best(best: Candidate, ranked: Sequence[Judged]) -> Text:
    rivals = [it.candidate for it in ranked if it.fit == Fit.SUITS and it.candidate.pull and it.candidate is not best]
    told = {"sent": best.sent, "weight": best.weight, "count": len(rivals) + 1}
    if not rivals:
        return Text("现在只有它可以推荐")
    if rivals[0].burden != best.burden:
        return Text(
            "%(count)s 个可以推荐的渠道账号中，它今天的提现额相对权重最少（¥%(sent)s，权重 %(weight)s）", **told
        )
    if rivals[0].fee != best.fee:
        return Text("今天的提现额相对权重最少的不止一个，其中它的手续费最低（¥%(fee)s）", fee=best.fee)
    return Text("今天的提现额相对权重、手续费都并列，按编号排在最前")


def _why_later(it: Candidate, best: Candidate) -> Text:
    if it.burden != best.burden:
        return Text("今天的提现额相对权重更多（¥%(sent)s，权重 %(weight)s）", sent=it.sent, weight=it.weight)
    if it.fee != best.fee:
        return Text("手续费更高：¥%(fee)s，推荐的是 ¥%(best)s", fee=it.fee, best=best.fee)
    return Text("与推荐的并列，编号排在后面")
