"""预检: which rows of a sheet would not leave today, and why: all of them are made in the mind, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.withdrawals.rules.admission import LABELS as RULES
from app.withdrawals.rules.admission import NOTHING, Check, Facts, Rule, Standing, Twin, Used, checks, refusals
from app.withdrawals.rules.payees import NOWHERE
from app.withdrawals.rules.rulebook import UNLIMITED, Limit, Rulebook, Scope

HALTED, SHORT = "halted", "short"
PAYEE, KIND, AMOUNT, MEMO = "payee", "kind", "amount", "memo"
"""Beside the rules: what waits for the account, what waits for money, what stands against the payee or the row itself."""
LABELS: Mapping[str, Text] = {
    HALTED: gettext_noop("渠道账号今天不发送"),
    SHORT: gettext_noop("可用余额不够"),
    PAYEE: gettext_noop("收款人没有绑定好"),
    KIND: gettext_noop("渠道不付到这种收款账号"),
    AMOUNT: gettext_noop("超过渠道账号单笔限额"),
    MEMO: gettext_noop("备注里有账号"),
    **{rule.value: label for rule, label in RULES.items()},
}
_OF_A_DAY = frozenset({Rule.ACCOUNT_DAY, Rule.OWN_DAY, Rule.CARD_DAY, Rule.HOUSE_DAY})
WAITS = frozenset({HALTED, SHORT})
"""Such a row becomes a withdrawal all the same, later; the others become none."""


@dataclass(frozen=True, slots=True)
class Stays:
    """Why a row would not leave today: a key of `LABELS`, and a sentence."""

    key: str
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A row whose turn it is, with what is known of its payee. `flaw`: why it could not be made, whatever the rules say;
    `used`: what its card was paid today before this sheet."""

    row: int
    amount: Money
    fee: Money
    card_index: str
    card_kind: str = ""
    standing: Standing = NOWHERE
    flaw: Stays | None = None
    used: Used = NOTHING
    twin: Twin | None = None


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """The rows of a sheet in their order, each made or refused as it would be now; what is made counts for those after it.

    `halt`: why nothing leaves the account today; `used`: what its day and the house's add up to before the sheet;
    `own_day`: what the account may send in a day by its own terms.
    """

    book: Rulebook
    account: str
    at: datetime
    available: Money
    funds: Funds = Funds.COLLECTED
    used: dict[Scope, Used] = field(default_factory=dict)
    own_day: Limit = UNLIMITED
    halt: Text | None = None
    whole: bool = True
    _cards: dict[str, Used] = field(default_factory=dict)
    _made: dict[tuple[str, Money], int] = field(default_factory=dict)
    _is_paused: bool = False
    _checks: list[tuple[Rule, Check]] = field(init=False)

    def __post_init__(self) -> None:
        self._checks = checks(self.book)

    def see(self, it: Coming) -> Stays | None:
        """None: it would leave today."""
        if self._is_paused:
            return Stays(SHORT, Text("前面的行在等可用余额，轮不到这一行"))
        against = self._against(it)
        if it.amount + it.fee > self.available:  # as the sheet itself: what money is lacking for waits, refused or not
            self._is_paused = True
            told = {"hold": it.amount + it.fee, "available": self.available}
            return Stays(SHORT, Text("轮到它时可用余额 ¥%(available)s，连手续费要 ¥%(hold)s：整批在这里暂停", **told))
        if against is not None:
            return against
        self._count(it)
        return Stays(HALTED, self.halt) if self.halt is not None else None

    def _against(self, it: Coming) -> Stays | None:
        """What is told of a row that would be refused: what its command would say first."""
        if it.flaw is not None:
            return it.flaw
        twin_row = self._made.get((it.card_index, it.amount)) if self.book.duplicate_minutes else None
        facts = Facts(
            amount=it.amount,
            at=self.at,
            account=self.account,
            funds=self.funds,
            card_kind=it.card_kind,
            standing=it.standing,
            used={**self.used, Scope.CARD: self._cards.get(it.card_index, it.used)},
            own_day=self.own_day,
            twin=Twin("", self.at) if twin_row else it.twin,
            whole=self.whole,
        )
        if not any(is_broken(self.book, facts) for _rule, is_broken in self._checks):
            return None
        refusal = refusals(self.book, facts)[0]
        if refusal.rule is Rule.DUPLICATE and twin_row:
            told = {"row": twin_row, "minutes": self.book.duplicate_minutes}
            return Stays(
                refusal.rule, Text("与第 %(row)d 行的收款账号、金额都相同，%(minutes)s 分钟内只能付一笔", **told)
            )
        if refusal.rule in _OF_A_DAY:
            return Stays(refusal.rule, Text("%(why)s（含这张表前面的行）", why=refusal.text))
        return Stays(refusal.rule, refusal.text)

    def _count(self, it: Coming) -> None:
        self.available -= it.amount + it.fee
        for scope in (Scope.HOUSE, Scope.ACCOUNT):
            self.used[scope] = _more(self.used.get(scope, NOTHING), it.amount)
        if self.book.card_day != Limit():
            self._cards[it.card_index] = _more(self._cards.get(it.card_index, it.used), it.amount)
        if self.book.duplicate_minutes:
            self._made[it.card_index, it.amount] = it.row


def _more(used: Used, amount: Money) -> Used:
    return Used(used.amount + amount, used.count + 1)


@dataclass(slots=True)
class Sum:
    """How many rows stay for a reason, how much, and what of it fees are."""

    count: int = 0
    amount: Money = ZERO
    fee: Money = ZERO

    def add(self, amount: Money, fee: Money) -> None:
        self.count += 1
        self.amount += amount
        self.fee += fee


def require_known(*, stay: int, known: int) -> None:
    """Whoever goes on was told of every row that stays."""
    if stay > known:
        raise Refused(
            "有 %(count)d 行今天不会发出，还没有确认",
            count=stay,
            advice="请看过名单，勾选“仍要提交”后再提交",
        )
