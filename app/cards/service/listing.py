"""What the channel itself says about an account's cards: the list it keeps, and letting a card go."""

from sqlalchemy import delete

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries
from app.cards.models import CardListing, ListedCard
from app.cards.service.cards import TOPIC, move
from app.cards.states import State
from app.channels import claims, gateway
from app.channels import queries as channels
from app.channels.contract import CardToUnbind, Interface, UnbindSeen
from app.channels.manners import abilities
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime import jobs, live_events
from app.runtime.db import db, insert, transaction
from app.runtime.queue import Line

ASK_LIST = "app.cards.jobs.ask_list"
UNBIND = "app.cards.jobs.unbind"
PAGES_MOST = 1000
ASK_AGAIN_S, ASK_SELDOM_S = 5, 3600
PARTED, KEPT = "part", "keep"


def refresh(number: str, *, actor: Actor) -> None:
    """Ask the channel which cards this account has; the answer comes by itself."""
    with transaction():
        account = channels.account(number)
        if not abilities(account.adapter).lists:
            raise Refused("该渠道没有查询已绑卡的接口", advice="以本系统的记录为准")
        row = insert(CardListing).values(
            account_id=account.id, asked_at=clock.now(), asked_by=actor.display_name, failure=""
        )
        db.session.execute(
            row.on_conflict_do_update(
                index_elements=["account_id"],
                set_={"asked_at": row.excluded.asked_at, "asked_by": row.excluded.asked_by},
            )
        )
        jobs.promise(ASK_LIST, number, line=Line.SHEETS)
        live_events.announce(TOPIC, number)


def ask_list(number: str) -> None:
    """The worker's part: page after page; only a list that came to its end replaces the one before."""
    account = channels.account(number)
    found: list[dict[str, object]] = []
    after = ""
    failure = ""
    try:
        for _page in range(PAGES_MOST):
            with transaction():
                setting_id = channels.active_setting_id(account.id)
                assert setting_id is not None, f"{number} has no settings"
                call = gateway.announce(
                    Interface.LIST_CARDS, account_id=account.id, setting_id=setting_id, subject=number
                )
            page = gateway.list_cards(call, after)
            found += [
                {
                    "account_id": account.id,
                    "channel_card": card.channel_card[:64],
                    "reference": card.reference[:64],
                    "number_masked": card.number_masked[:30],
                    "holder": card.holder[:60],
                    "bank": card.bank[:60],
                    "state": str(card.state),
                }
                for card in page.cards
            ]
            after = page.next
            if not after:
                break
    except gateway.NoAnswer as problem:
        failure = str(problem)[:200]
    with transaction():
        told = {"failure": failure} if failure else {"failure": "", "told_at": clock.now()}
        row = insert(CardListing).values(account_id=account.id, asked_at=clock.now(), asked_by="", **told)
        db.session.execute(row.on_conflict_do_update(index_elements=["account_id"], set_=told))
        if not failure:
            db.session.execute(delete(ListedCard).where(ListedCard.account_id == account.id))
            known = queries.known_as(account.id, [(str(it["reference"]), str(it["channel_card"])) for it in found])
            if found:
                db.session.execute(
                    insert(ListedCard), [it | {"reference": ours} for it, ours in zip(found, known, strict=True)]
                )
        live_events.announce(TOPIC, number)


def unbind(reference: str, *, why: str, fence: int, actor: Actor) -> None:
    """Ask the channel to let the card go; where it was only registered here, it goes at once. Refused while unfinished work
    names it, and where the channel cannot do it."""
    with transaction():
        card = queries.held(reference)
        account = channels.account_by_id(card.account_id)
        claims.require(account.id, fence=fence, actor=actor)
        if card.open_work:
            raise Refused(
                "还有 %(count)d 笔未完成的提现用到它，不能删除", count=card.open_work, advice="请等它们有结果后再删除"
            )
        if not account.can.binds:
            move(card, "remove", message="")
            audit.record(actor, "card.remove", reference, before={"card": card.number_masked}, why=why)
            return
        if not account.can.unbinds:
            raise Refused("该渠道没有解绑接口", advice="请在渠道的后台解绑")
        move(card, "unbind", message="")
        audit.record(actor, "card.unbind", reference, after={"card": card.number_masked}, why=why)
        jobs.promise(UNBIND, reference)


def ask_unbind(reference: str) -> jobs.Again | None:
    """The worker's part: ask until the channel has said yes or no."""
    with transaction():
        card = queries.card(reference)
        if card.state != State.UNBINDING:
            return None
        account = channels.account_by_id(card.account_id)
        setting_id = channels.active_setting_id(account.id)
        assert setting_id is not None, f"{account.number} has no settings"
        waited_s = (clock.now() - (card.settled_at or card.made_at)).total_seconds()
        call = gateway.announce(Interface.UNBIND_CARD, account_id=account.id, setting_id=setting_id, subject=reference)
        wanted = CardToUnbind(
            reference=reference,
            channel_card=card.channel_card,
            card_number=queries.number_of(card),
            holder=card.holder,
        )
    told = gateway.unbind_card(call, wanted)
    if told.seen is UnbindSeen.PENDING:
        return jobs.Again(min(max(waited_s / 4, ASK_AGAIN_S), ASK_SELDOM_S))
    with transaction():
        card = queries.held(reference)
        if card.state == State.UNBINDING:
            verb = PARTED if told.seen is UnbindSeen.GONE else KEPT
            move(card, verb, message=told.message)
            audit.record("worker", f"card.{verb}", reference, after={"message": told.message})
    return None
