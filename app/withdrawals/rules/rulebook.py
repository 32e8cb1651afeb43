"""The rules by which withdrawals are made, as one value: what it says, how it is kept, what makes it unfit. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from app.kernel.errors import Text, gettext_noop
from app.kernel.hours import EVERY_DAY, WEEKDAYS, WHOLE_DAY, Hours, hour
from app.kernel.money import ZERO, Money

DUPLICATE_LONGEST = WHOLE_DAY
COUNT_LARGEST = 1_000_000
TWO_FROM = Money(5_000_000)


class Scope(StrEnum):
    """What a day's limit is about. Counters are locked in this order, by everybody."""

    HOUSE = "house"
    ACCOUNT = "account"
    CARD = "card"


class Outside(StrEnum):
    """What becomes of a withdrawal that is made outside working hours."""

    REFUSE = "refuse"
    TWO = "two"


@dataclass(frozen=True, slots=True)
class Limit:
    """So much money, so many withdrawals; None: as much as one likes."""

    amount: Money | None = None
    count: int | None = None

    def allows(self, amount: Money, count: int) -> bool:
        """May a day end with this?"""
        return (self.amount is None or amount <= self.amount) and (self.count is None or count <= self.count)

    def within(self, other: "Limit") -> "Limit":
        """Both hold: the stricter of each figure."""
        return Limit(_stricter(self.amount, other.amount), _stricter(self.count, other.count))

    def less(self, amount: Money, count: int) -> "Limit":
        """What is left of it when so much is used; never below nothing."""
        left = None if self.amount is None else max(self.amount - amount, ZERO)
        return Limit(left, None if self.count is None else max(self.count - count, 0))


UNLIMITED = Limit()

Figure = TypeVar("Figure", Money, int)


def _stricter(one: Figure | None, other: Figure | None) -> Figure | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """As it is before anybody edits it: one other person checks everything, two from ¥50,000; nothing to a credit card."""

    order_most: Money | None = None
    house_day: Limit = Limit()
    account_day: Limit = Limit()
    card_day: Limit = Limit()
    none_below: Money = ZERO
    """Below this amount nobody checks; at ¥0.00 there is nothing below."""
    two_from: Money | None = TWO_FROM
    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    """ISO weekdays on which withdrawals may be made."""
    opens: int = 0
    """In minutes since midnight of Shanghai."""
    closes: int = WHOLE_DAY
    outside: Outside = Outside.REFUSE
    credit_refused: bool = True
    white_from: Money | None = None
    """From this amount on, only payees on the white list."""
    card_funded: tuple[str, ...] = ()
    """Numbers of accounts whose money came from cards: it goes back to a card on the list of sources, nowhere else."""
    duplicate_minutes: int = 0

    def day_limit(self, scope: Scope) -> Limit:
        return {Scope.HOUSE: self.house_day, Scope.ACCOUNT: self.account_day, Scope.CARD: self.card_day}[scope]

    @property
    def hours(self) -> Hours:
        return Hours(days=frozenset(self.days), opens=self.opens, closes=self.closes)

    def is_open(self, at: datetime) -> bool:
        """Is this a working hour?"""
        return self.hours.has(at)

    def checkers(self, amount: Money, *, made_at: datetime | None = None) -> int:
        """How many other people must check this amount: 0, 1 or 2. Two for what was made outside working hours."""
        if made_at is not None and not self.is_open(made_at):
            return 2
        if self.two_from is not None and amount >= self.two_from:
            return 2
        return 0 if amount < self.none_below else 1


BUILT_IN = Rulebook()
"""What applies while nobody has activated a version."""


def packed(book: Rulebook) -> str:
    return json.dumps(
        {
            "order_most_minor": _minor(book.order_most),
            **{
                f"{scope}_day": {
                    "amount_minor": _minor(book.day_limit(scope).amount),
                    "count": book.day_limit(scope).count,
                }
                for scope in Scope
            },
            "none_below_minor": book.none_below.minor,
            "two_from_minor": _minor(book.two_from),
            "days": book.days,
            "opens": book.opens,
            "closes": book.closes,
            "outside": book.outside,
            "credit_refused": book.credit_refused,
            "white_from_minor": _minor(book.white_from),
            "card_funded": book.card_funded,
            "duplicate_minutes": book.duplicate_minutes,
        }
    )


def unpacked(text: str) -> Rulebook:
    """As it was packed."""
    told: dict[str, Any] = json.loads(text)
    limits = {scope: told[f"{scope}_day"] for scope in Scope}
    house, account, card = (Limit(_money(it["amount_minor"]), it["count"]) for it in limits.values())
    return Rulebook(
        order_most=_money(told["order_most_minor"]),
        house_day=house,
        account_day=account,
        card_day=card,
        none_below=Money(told["none_below_minor"]),
        two_from=_money(told["two_from_minor"]),
        days=tuple(told["days"]),
        opens=told["opens"],
        closes=told["closes"],
        outside=Outside(told["outside"]),
        credit_refused=told["credit_refused"],
        white_from=_money(told["white_from_minor"]),
        card_funded=tuple(told["card_funded"]),
        duplicate_minutes=told["duplicate_minutes"],
    )


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


def _money(minor: int | None) -> Money | None:
    return None if minor is None else Money(minor)


def flaws(book: Rulebook) -> dict[str, Text]:
    """Why this cannot be a rulebook, by the name of the field that is wrong; nothing, when it can."""
    found: dict[str, Text] = {}
    limits = {f"{scope}_day": book.day_limit(scope) for scope in Scope}
    amounts = {"order_most": book.order_most} | {f"{name}_amount": limit.amount for name, limit in limits.items()}
    for name, amount in amounts.items():
        if amount is not None and amount <= ZERO:
            found[name] = Text("上限要大于 0；不限就留空")
    for name, limit in limits.items():
        if limit.count is not None and not 1 <= limit.count <= COUNT_LARGEST:
            found[f"{name}_count"] = Text("笔数应为 1 到 %(most)s；不限就留空", most=COUNT_LARGEST)
    if book.two_from is not None and book.two_from < book.none_below:
        text = Text("两人审批的起点 ¥%(two)s 不能低于免审批的界线 ¥%(none)s", two=book.two_from, none=book.none_below)
        found["two_from"] = text
    if not book.days or not set(book.days) <= set(WEEKDAYS):
        found["days"] = Text("至少选一天")
    if not 0 <= book.opens < book.closes <= WHOLE_DAY:
        found["closes"] = Text("结束时间要晚于开始时间，最晚 24:00")
    if not 0 <= book.duplicate_minutes <= DUPLICATE_LONGEST:
        found["duplicate_minutes"] = Text("应为 0 到 %(most)s 分钟", most=DUPLICATE_LONGEST)
    return found


OUTSIDE = {
    Outside.REFUSE: gettext_noop("不能创建"),
    Outside.TWO: gettext_noop("可以创建，要两人审批"),
}


def fields(book: Rulebook) -> dict[str, object]:
    """By the names of the form's fields, for the audit log, which has a word for each: figures, never sentences."""
    limits: dict[str, object] = {}
    for scope in Scope:
        limit = book.day_limit(scope)
        limits |= {f"{scope}_day_amount": _plain(limit.amount), f"{scope}_day_count": limit.count or ""}
    return {
        "none_below": _plain(book.none_below),
        "two_from": _plain(book.two_from),
        "order_most": _plain(book.order_most),
        **limits,
        "days": list(book.days),
        "opens": hour(book.opens),
        "closes": hour(book.closes),
        "outside": str(book.outside),
        "credit_refused": book.credit_refused,
        "white_from": _plain(book.white_from),
        "card_funded": list(book.card_funded),
        "duplicate_minutes": book.duplicate_minutes,
    }


def _plain(amount: Money | None) -> str:
    return "" if amount is None else f"¥{amount}"


@dataclass(frozen=True, slots=True)
class Line:
    """One rule as people read it. `words` stand in a row."""

    label: Text
    words: tuple[str, ...]


def lines(book: Rulebook, titles: Mapping[str, str]) -> dict[Text, list[Line]]:
    """The whole rulebook in words, in groups. `titles`: what accounts are called, by their numbers."""
    anything = Text("不限")
    all_days = set(book.days) == EVERY_DAY
    all_hours = (book.opens, book.closes) == (0, WHOLE_DAY)
    days = (Text("每天"),) if all_days else tuple(WEEKDAYS[day] for day in sorted(book.days))
    hours = Text("全天") if all_hours else f"{hour(book.opens)}–{hour(book.closes)}"
    return {
        gettext_noop("审批"): [
            Line(gettext_noop("免审批"), (_yuan(Text("低于 ¥%(amount)s"), book.none_below or None, Text("没有")),)),
            Line(gettext_noop("两人审批"), (_yuan(Text("¥%(amount)s 起"), book.two_from, Text("没有")),)),
        ],
        gettext_noop("限额"): [
            Line(gettext_noop("每笔"), (_yuan(Text("最多 ¥%(amount)s"), book.order_most, anything),)),
            Line(gettext_noop("每个渠道账号每天"), _limit(book.account_day)),
            Line(gettext_noop("每个收款账号每天"), _limit(book.card_day)),
            Line(gettext_noop("全公司每天"), _limit(book.house_day)),
        ],
        gettext_noop("时间"): [
            Line(gettext_noop("可以创建的日子"), days),
            Line(gettext_noop("可以创建的时间"), (hours,)),
            Line(gettext_noop("时间以外"), (Text("—") if book.hours.always else OUTSIDE[book.outside],)),
        ],
        gettext_noop("收款人"): [
            Line(gettext_noop("信用卡、准贷记卡"), (Text("不能收款") if book.credit_refused else Text("不检查"),)),
            Line(gettext_noop("只付白名单"), (_yuan(Text("¥%(amount)s 起"), book.white_from, Text("不要求")),)),
            Line(
                gettext_noop("只退回来源卡的账号"),
                tuple(titles.get(number, number) for number in book.card_funded) or (Text("没有"),),
            ),
        ],
        gettext_noop("重复"): [
            Line(
                gettext_noop("同账号同金额"),
                (Text("%(minutes)s 分钟内只能一笔", minutes=book.duplicate_minutes),)
                if book.duplicate_minutes
                else (Text("不检查"),),
            ),
        ],
    }


def _yuan(template: Text, amount: Money | None, otherwise: Text) -> Text:
    return otherwise if amount is None else Text(template, amount=amount)


def _limit(limit: Limit) -> tuple[Text, ...]:
    amount = (Text("最多 ¥%(amount)s", amount=limit.amount),) if limit.amount is not None else ()
    count = (Text("最多 %(count)s 笔", count=limit.count),) if limit.count is not None else ()
    return (*amount, *count) or (Text("不限"),)


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule that says something else than before."""

    label: Text
    before: tuple[str, ...]
    after: tuple[str, ...]


def differences(before: Rulebook, after: Rulebook, titles: Mapping[str, str]) -> list[Difference]:
    """Side by side, in the order of the pages."""
    older, newer = lines(before, titles), lines(after, titles)
    pairs = [pair for group in older for pair in zip(older[group], newer[group], strict=True)]
    return [Difference(old.label, old.words, new.words) for old, new in pairs if old.words != new.words]
