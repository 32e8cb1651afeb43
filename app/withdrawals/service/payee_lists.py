"""Payees are put on a list and taken off it. What was taken off stays as history."""

from datetime import date

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.payee import Destination
from app.runtime.db import changed, insert, transaction
from app.withdrawals import queries
from app.withdrawals.models import PayeeEntry
from app.withdrawals.rules.payees import LISTS, NAMELESS, PayeeList, plain


def enlist(
    kind: PayeeList, *, card: Destination | None = None, name: str = "", reason: str, until: date | None, actor: Actor
) -> None:
    """Put a card, another account or a name on a list. Refused where it stands already, and all but cards where only these
    belong."""
    if (card is None) == (not name):
        raise Refused("请填写账号或姓名，只填一项")
    if kind in NAMELESS and not isinstance(card, BankCard):
        raise Refused("这份名单只收卡号")
    today = clock.business_day()
    if until is not None and until < today:
        raise Refused("有效期不能早于今天")
    place = {"card_index": cards.index_of(card.number) if card else "", "name": plain(name)}
    shown = {"card": card.masked} if card else {"name": place["name"]}
    with transaction():
        former = queries.standing_entry(kind, **place)
        if former is not None and former.until is not None and former.until < today:
            former.removed_by, former.removed_at = actor.display_name, clock.now()  # it has run out
        row = insert(PayeeEntry).values(
            kind=kind,
            **place,
            card_masked=card.masked if card else "",
            reason=reason,
            until=until,
            made_by=actor.display_name,
        )
        if not changed(row.on_conflict_do_nothing()):
            raise Refused("已经在“%(list)s”里了", list=LISTS[kind][0])
        after = shown | {"until": until.isoformat() if until else ""}
        audit.record(actor, "payee.list", kind, after=after, why=reason)


def unlist(entry_id: int, *, reason: str, actor: Actor) -> PayeeList:
    """It counts no more from now on; that it did, and why, stays. Returns the list it stood on."""
    with transaction():
        found = queries.held_entry(entry_id)
        found.removed_by, found.removed_at, found.removed_why = actor.display_name, clock.now(), reason
        before = {"card": found.card_masked} if found.card_masked else {"name": found.name}
        audit.record(actor, "payee.unlist", found.kind, before=before, why=reason)
        return PayeeList(found.kind)
