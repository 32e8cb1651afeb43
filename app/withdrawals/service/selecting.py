"""批量审批: many withdrawals picked, looked at on one page, and then decided one by one, each with the rules of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.auth.permissions import Permission
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import NotThere, Refused, Text
from app.kernel.money import ZERO
from app.kernel.numbers import new_number
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, transaction
from app.runtime.queue import Line
from app.withdrawals import queries
from app.withdrawals.models import Selection, SelectionRow, Withdrawal
from app.withdrawals.queries import listing, selections
from app.withdrawals.service import deciding
from app.withdrawals.service.behalf import on_behalf
from app.withdrawals.states import Outcome, State

TOPIC = "selections"
DECIDE = "app.withdrawals.jobs.decide"
PICKED_MOST = 10_000
AT_ONCE = 500
"""So many are decided while their person waits; more are a worker's."""
ROWS_A_RUN = 200
RESCUE_S = 60
"""When a worker looks whether those that were decided at once all were: the process may have died in between."""


@dataclass(frozen=True, slots=True)
class Picked:
    """`changed`: the list is no longer the one that was looked at."""

    reference: str
    changed: bool


def pick(
    numbers: Sequence[str], asked: Mapping[str, str], *, account_id: int | None, everything: str, actor: Actor
) -> Picked:
    """Keep these rows, or everything that the filter finds now, with what there is to be seen of each.

    `everything`: what the page said that it was (`selections.seal_of`); "": the numbers alone count.
    """
    with transaction():
        if everything:
            differs = selections.seal_of(asked, listing.totals(asked, account_id=account_id)) != everything
            found = listing.restricted(select(Withdrawal), asked, account_id=account_id)
        else:
            if not numbers:
                raise Refused("还没有选中任何一笔", advice="请先勾选要办理的提现")
            differs = False
            found = listing.restricted(select(Withdrawal), {}, account_id=None, numbers=numbers[:PICKED_MOST])
        rows = db.session.scalars(found.order_by(Withdrawal.id).limit(PICKED_MOST + 1)).all()
        if len(rows) > PICKED_MOST:
            raise Refused("一次最多选择 %(count)s 笔", count=f"{PICKED_MOST:,}", advice="请缩小筛选范围，分几次办理")
        mine = [it for it in rows if it.state == State.REVIEW and it.maker_id != actor.operator_id]
        if not mine:
            raise Refused("所选的提现里没有等您审批的", advice="待审批、且不是您自己创建的才能批量审批")
        picked = Selection(
            reference=new_number("S"),
            operator_id=actor.operator_id,
            session_id=actor.session_id,
            count=len(mine),
            amount=sum((it.amount for it in mine), ZERO),
            left_out=len(rows) - len(mine),
        )
        db.session.add(picked)
        db.session.flush()
        values = [{"selection_id": picked.id, "withdrawal_id": it.id, "seen": queries.digest(it)} for it in mine]
        db.session.execute(insert(SelectionRow), values)
        return Picked(picked.reference, differs)


def decide(reference: str, verb: str, *, why: str = "", actor: Actor) -> bool:
    """Approve or reject all of it, once. True when it is done, False when a worker goes on with it."""
    with transaction():
        selections.selection(reference, actor)
        picked = selections.held_selection(reference)
        if picked.verb:
            raise Refused("这批提现已经办理过了", advice="请看每一笔的结果")
        picked.verb, picked.why, picked.session_id = verb, why, actor.session_id
        at_once, selection_id = picked.count <= AT_ONCE, picked.id
        jobs.promise(DECIDE, reference, line=Line.SHEETS, after_s=RESCUE_S if at_once else 0)
        told = {"count": picked.count, "amount": picked.amount.yuan}
        audit.record(
            actor,
            "selection.approve" if verb == "approve" else "selection.reject",
            reference,
            why=why,
            after=told,
        )
    if at_once:
        _work_off(reference, selection_id, verb, why, actor, limit=AT_ONCE)
    return at_once


def work(reference: str) -> jobs.Again | None:
    """The worker's part: some rows more, as the person who decided, while they still may."""
    db.session.rollback()
    picked = db.session.execute(
        select(Selection.id, Selection.operator_id, Selection.session_id, Selection.verb, Selection.why).where(
            Selection.reference == reference
        )
    ).one()
    actor = on_behalf(picked.operator_id, picked.session_id)
    more = _work_off(reference, picked.id, picked.verb, picked.why, actor, limit=ROWS_A_RUN)
    return jobs.Again(0) if more else None


def _work_off(reference: str, selection_id: int, verb: str, why: str, actor: Actor, *, limit: int) -> bool:
    """One after the other, each in a transaction of its own. True while there are more."""
    foreign = {
        it.id for it in channels.accounts() if actor.channels is not None and it.channel_code not in actor.channels
    }
    for row in selections.waiting(selection_id, limit):
        told = _no_right(actor) if row.account_id not in foreign else Text("这笔提现不在您的渠道范围内")
        outcome, message = (Outcome.REFUSED, told) if told else _decide(row.number, row.seen, verb, why, actor)
        with transaction():
            mine = (SelectionRow.id == row.id, SelectionRow.outcome == Outcome.WAITING)
            values = {"outcome": outcome, "message": message.kept() if message else "", "at": clock.now()}
            changed(update(SelectionRow).where(*mine).values(**values))
            live_events.announce(TOPIC, reference)
    with transaction():
        more = bool(selections.waiting(selection_id, 1))
        if not more:
            ended = (Selection.id == selection_id, Selection.ended_at.is_(None))
            db.session.execute(update(Selection).where(*ended).values(ended_at=clock.now()))
            live_events.announce(TOPIC, reference)
    return more


def _no_right(actor: Actor) -> Text | None:
    return None if actor.can(Permission.WITHDRAWAL_APPROVE) else Text("办理时您已没有审批权限")


def _decide(number: str, seen: str, verb: str, why: str, actor: Actor) -> tuple[Outcome, Text | None]:
    """One row, by the same command as a single one. What this person did just before a process died, is done."""
    try:
        if verb == "approve":
            deciding.approve(number, seen=seen, actor=actor)
        else:
            deciding.reject(number, reason=why, actor=actor)
    except Refused as refused:
        db.session.rollback()
        now = queries.by_number(number)
        said_yes = now.approval == seen and verb == "approve"
        said_no = now.state == State.REJECTED and verb == "reject"
        if now.checker_id == actor.operator_id and (said_yes or said_no):
            return Outcome.DONE, None
        return Outcome.REFUSED, refused.text
    except NotThere:
        return Outcome.REFUSED, Text("没有这笔提现，或您不能看到它")
    return Outcome.DONE, None
