"""What is unusual about a withdrawal, for the eyes of whoever approves it. Pure; it warns, it never refuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.clock import BUSINESS_ZONE
from app.kernel.errors import Text
from app.kernel.hours import Hours
from app.kernel.money import ZERO, Money

JUST_BELOW_PERCENT = 5
FAR = 3
"""So many times the largest that this payee ever got is far from their history."""
NEW_CARD_H = 24
OFFICE = Hours(days=frozenset(range(1, 6)), opens=8 * 60, closes=20 * 60)
"""When people work where the rulebook does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What this payee got before, over all accounts."""

    paid: int
    largest: Money = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    amount: Money
    made_at: datetime
    card_bound_at: datetime | None
    history: History
    tiers: Sequence[Money]
    """Amounts from which one more pair of eyes is asked for."""
    hours: Hours
    """When withdrawals may be made, as the rulebook in force says; always, where it says nothing."""


def oddities(facts: Facts) -> list[Text]:
    found = []
    history = facts.history
    if not history.paid:
        found.append(Text("第一次付给这个账号"))
    elif facts.amount.minor > FAR * history.largest.minor:
        found.append(
            Text(
                "远高于这个账号以往的金额：此前 %(count)s 笔，最大 ¥%(largest)s",
                count=history.paid,
                largest=str(history.largest),
            )
        )
    for tier in facts.tiers:
        if tier.minor * (100 - JUST_BELOW_PERCENT) <= facts.amount.minor * 100 < tier.minor * 100:
            found.append(Text("只比需要多一人审批的 ¥%(tier)s 略低", tier=str(tier)))
    working = OFFICE if facts.hours.always else facts.hours
    if not working.has(facts.made_at):
        made = facts.made_at.astimezone(BUSINESS_ZONE)
        found.append(Text("在非工作时间创建（%(at)s）", at=f"{made:%m-%d %H:%M}"))
    if facts.card_bound_at is not None and facts.made_at - facts.card_bound_at < timedelta(hours=NEW_CARD_H):
        found.append(Text("收款人是在创建前 24 小时内绑定或登记的"))
    return found
