"""整批办理: one order about everything of a sheet that waits for review, carried out by each withdrawal's own command.

What was on the screen is what is decided: the order is refused when anything of it differs, and each row is decided by the
digest that it had when the order was given.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, select, update

from app.auth import audit
from app.auth.identity import Actor, acting_for
from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.errors import NotThere, Refused, Text, gettext_noop
from app.runtime import jobs, live_events
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalSheetOrder, WithdrawalSheetRow
from app.withdrawals.queries import sheets
from app.withdrawals.rules import sheet as sheet_rules
from app.withdrawals.service.behalf import on_behalf
from app.withdrawals.service.deciding import approve, cancel, reject
from app.withdrawals.service.sheets import TOPIC
from app.withdrawals.states import Answer, SheetState

CARRY_OUT = "app.withdrawals.jobs.carry_out"
SLICE_S = 15.0
ROWS_AT_ONCE = 50
NEEDS = {
    "approve": Permission.WITHDRAWAL_APPROVE,
    "reject": Permission.WITHDRAWAL_APPROVE,
    "cancel": Permission.WITHDRAWAL_CANCEL,
}
NO_RIGHT = gettext_noop("办理人已没有这项权限")
GONE = gettext_noop("这笔提现已不在，或不在办理人的渠道范围内")


def give(reference: str, verb: str, *, seen: str, actor: Actor, reason: str = "") -> None:
    """Approve, reject or (its maker) cancel all that waits. `seen`: the token of what was on the screen."""
    with transaction():
        sheet = sheets.held_sheet(reference)
        if verb != "cancel":
            rules.require_another_pair_of_eyes(maker_id=sheet.maker_id, checker_id=actor.operator_id)
        elif sheet.maker_id != actor.operator_id:
            raise Refused("只有创建人可以撤回", advice="审批人可以驳回")
        if sheet.state == SheetState.MAKING:
            raise Refused("这批提现还在生成，请等生成完（或先暂停）再整批办理")
        if sheets.open_order(sheet.id) is not None:
            raise Refused("这批提现正在整批办理，请等办理完")
        rows = sheets.review_rows(sheet.id)  # read once: what is compared is what is ordered
        then, now = sheets.Review.of_token(seen), sheets.review_of([withdrawal for _, withdrawal in rows])
        sheet_rules.require_same_review(then=then.words, now=now.words, is_same=then.is_same(now))
        if not now.count:
            raise Refused("没有待审批的提现")
        order = WithdrawalSheetOrder(
            sheet_id=sheet.id,
            verb=verb,
            reason=reason,
            seen=now.digest,
            total=now.count,
            amount=now.amount,
            actor_id=actor.operator_id,
            actor=actor.display_name,
            session_id=actor.session_id,
        )
        db.session.add(order)
        db.session.flush()
        _mark(order, rows)
        told = {"count": now.count, "amount": now.amount.yuan, "approval": now.digest}
        audit.record(actor, f"sheet.{verb}", reference, after=told, why=reason)
        jobs.promise(CARRY_OUT, str(order.id), line=Line.SHEETS)
        live_events.announce(TOPIC, reference)


def _mark(order: WithdrawalSheetOrder, rows: Sequence[tuple[int, Withdrawal]]) -> None:
    """These rows, as they are now, are what the order is about."""
    marks = [{"its_id": row_id, "its_seen": queries.digest(withdrawal)} for row_id, withdrawal in rows]
    table = WithdrawalSheetRow.__table__
    mine = update(table).where(table.c.id == bindparam("its_id"))  # type: ignore[arg-type]
    marked = mine.values(order_id=order.id, seen=bindparam("its_seen"), answer=Answer.WAITING.value, answer_why="")
    db.session.connection().execute(marked, marks)


def carry_out(order_id: str) -> jobs.Again | None:
    """The worker's part: decide row by row for a while."""
    until = time.monotonic() + SLICE_S
    while True:
        order = sheets.order(int(order_id))
        rows = sheets.waiting(order.id, ROWS_AT_ONCE)
        if not rows:
            _end(order.id)
            return None
        actor, verb, reason, made_at = (
            on_behalf(order.actor_id, order.session_id),
            order.verb,
            order.reason,
            order.made_at,
        )
        answers: dict[int, Text | None] = {}
        for row in rows:
            no = _decide(verb, row.number, seen=row.seen, reason=reason, actor=actor)
            # Killed before it was written down: it is done all the same.
            did = no is not None and _did(row.withdrawal_id, verb, actor, made_at)
            answers[row.id] = None if did else no
        _keep(int(order_id), answers)
        if time.monotonic() >= until:
            return jobs.Again(0)


def _decide(verb: str, number: str, *, seen: str, reason: str, actor: Actor) -> Text | None:
    """By the same command as for a single one. Why not; None: it is done."""
    if not actor.can(NEEDS[verb]):
        return NO_RIGHT
    try:
        with acting_for(actor):
            match verb:
                case "approve":
                    approve(number, seen=seen, actor=actor)
                case "reject":
                    reject(number, reason=reason, actor=actor)
                case "cancel":
                    cancel(number, actor=actor)
    except Refused as no:
        return no.text
    except NotThere:
        return GONE
    return None


def _did(withdrawal_id: int, verb: str, actor: Actor, since: datetime) -> bool:
    """Has this person done it since the order was given?"""
    theirs = exists().where(
        WithdrawalEvent.withdrawal_id == withdrawal_id,
        WithdrawalEvent.actor == actor.username,
        WithdrawalEvent.verb.startswith(verb),
        WithdrawalEvent.at >= since,
    )
    return bool(db.session.scalar(select(theirs)))


def _keep(order_id: int, answers: Mapping[int, Text | None]) -> None:
    with transaction():
        order = sheets.held_order(order_id)
        for row_id, no in answers.items():
            mine = update(WithdrawalSheetRow).where(
                WithdrawalSheetRow.id == row_id, WithdrawalSheetRow.answer == Answer.WAITING
            )
            values = {"answer": Answer.REFUSED, "answer_why": no.kept()} if no else {"answer": Answer.DONE}
            db.session.execute(mine.values(**values))
        _count(order)


def _end(order_id: int) -> None:
    with transaction():
        order = sheets.held_order(order_id)
        order.ended_at = order.ended_at or clock.now()
        _count(order)


def _count(order: WithdrawalSheetOrder) -> None:
    order.done, order.refused = sheets.answered(order.id)
    live_events.announce(TOPIC, sheets.reference_of(order.sheet_id) or "")
