"""充值入账: what came into an account whose channel does not say so. One person enters it, another lets it into the book."""

from datetime import date

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import queries as channels
from app.collections import queries, rules
from app.collections.models import TopUp
from app.collections.queries import Purse
from app.collections.states import TOP_UP, Kind, State
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.ledger import book
from app.ledger import queries as ledger
from app.runtime import live_events
from app.runtime.db import changed, db, transaction

TOPIC = "topups"


def enter(
    *,
    account: str,
    kind: Kind,
    amount: Money,
    arrived_on: date,
    evidence: str,
    form_key: str,
    actor: Actor,
    funds: Funds = Funds.COLLECTED,
) -> str:
    """Write down what came in; it counts when another person has looked. Returns its number.

    The same form sent twice is one top-up. Refused where the channel itself tells what comes in, for more than it shows
    beyond our book, and for a second opening.
    """
    with transaction():
        source = channels.account(account)
        wish = {"account_id": source.id, "funds": funds, "kind": kind, "amount": amount}
        wish |= {"arrived_on": arrived_on, "evidence": evidence}
        made = queries.by_form_key(form_key)
        if made is not None:
            if any(getattr(made, name) != value for name, value in wish.items()):
                raise Refused(
                    "这张表单已经提交过，记成了 %(number)s，改动后的内容没有提交",
                    number=made.number,
                    advice="要再记一笔，请重新打开“记入”",
                )
            return made.number
        rules.require_day(arrived_on, today=clock.business_day())
        rules.require_clean_evidence(evidence)
        _require_fit(Purse(source, funds), kind, amount)
        if kind is Kind.OPENING and (other := queries.opening_of(source.id, funds)):
            raise Refused(
                "这个渠道账号的%(funds)s已经记过期初：%(number)s",
                funds=FUNDS[funds],
                number=other.number,
                advice="之后到账的，请选“充值到账”",
            )
        number = new_number("D")
        db.session.add(
            TopUp(
                number=number,
                form_key=form_key,
                state=State(TOP_UP.initial),
                maker_id=actor.operator_id,
                maker=actor.display_name,
                **wish,
            )
        )
        told = {"account": account, "amount": amount.yuan, "day": arrived_on.isoformat()}
        told |= {"funds": str(funds)} if funds != Funds.COLLECTED else {}
        audit.record(actor, "collection.enter", number, after=told, why=evidence)
        live_events.announce(TOPIC, number)
    return number


def approve(number: str, *, actor: Actor) -> None:
    """It is in the book from now on. Refused for whoever entered it, and where it does not fit any more."""
    with transaction():
        found = queries.held(number)
        rules.require_another_pair_of_eyes(maker_id=found.maker_id, checker_id=actor.operator_id)
        source = channels.account_by_id(found.account_id)
        book.open_accounts(source.number)
        ledger.lock_available(source.number)  # of two that fit only one by one, the later sees the earlier
        funds = Funds(found.funds)
        _require_fit(Purse(source, funds), Kind(found.kind), found.amount)
        _move(found, "approve", actor)
        assert book.collect(source.number, found.amount, number=number, funds=funds), f"{number} was collected before"
        audit.record(actor, "collection.approve", number, after={"account": source.number, "amount": found.amount.yuan})
        live_events.announce("channels", source.number)


def reject(number: str, *, reason: str, actor: Actor) -> None:
    with transaction():
        found = queries.held(number)
        rules.require_another_pair_of_eyes(maker_id=found.maker_id, checker_id=actor.operator_id)
        _move(found, "reject", actor, why=reason)
        audit.record(actor, "collection.reject", number, why=reason)


def withdraw(number: str, *, actor: Actor) -> None:
    """Whoever entered it takes it back."""
    with transaction():
        found = queries.held(number)
        rules.require_own(maker_id=found.maker_id, actor_id=actor.operator_id)
        _move(found, "withdraw", None)
        audit.record(actor, "collection.withdraw", number)


def _require_fit(purse: Purse, kind: Kind, amount: Money) -> None:
    standing, can = queries.standing(purse), purse.account.can
    name = purse.account.title
    rules.require_by_hand(standing, funds=purse.funds, offered=can.funds, totals=can.totals, kind=kind, name=name)
    rules.require_amount(amount, standing)


def _move(found: TopUp, verb: str, checker: Actor | None, *, why: str = "") -> None:
    decided: dict[str, object] = {"decided_at": clock.now(), "why": why}
    if checker is not None:
        decided |= {"checker_id": checker.operator_id, "checker": checker.display_name}
    move(found, verb, **decided)


def move(found: TopUp, verb: str, **values: object) -> None:
    """The only line in the room that changes top_up.state."""
    step = TOP_UP.move(found.state, verb)
    mine = update(TopUp).where(TopUp.id == found.id, TopUp.state == found.state)
    if not changed(mine.values(state=step.target, **values)):
        raise Refused("这笔入账的状态刚刚变了，请刷新后再试")
    live_events.announce(TOPIC, found.number)
