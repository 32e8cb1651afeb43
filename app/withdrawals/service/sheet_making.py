"""批量提现, the worker's part: row after row becomes a withdrawal.

Some rows at a time, in one transaction with the sheet's cursor: killed anywhere, none is lost and none is made twice. A row
that is refused takes the rows of its transaction back with it; they are made again without it, and then it is written down.
"""

import time

from sqlalchemy import insert

from app.auth.identity import Actor, acting_for
from app.auth.permissions import Permission
from app.cards import queries as cards
from app.cards.models import Card
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.ledger import book
from app.ledger.chart import PURSES
from app.runtime import jobs, live_events, vault
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.uploads import queries as uploads
from app.withdrawals import queries
from app.withdrawals.models import WithdrawalSheet, WithdrawalSheetRow
from app.withdrawals.queries import sheets
from app.withdrawals.queries.wishes import Wish, wishes
from app.withdrawals.rules import sheet as rules
from app.withdrawals.service.behalf import on_behalf
from app.withdrawals.service.making import put
from app.withdrawals.service.sheets import RESULT, TOPIC, move_sheet
from app.withdrawals.states import Kind, SheetState

SLICE_S = 15.0
"""How long a worker stays with a sheet before others get their turn: well within a job's lease."""
ROWS_AT_ONCE = 20
"""Rows in one transaction: others who write wait no longer than that."""


class _No(Exception):
    """This row is refused, and `before` others were taken back with it."""

    def __init__(self, wish: Wish, text: Text, before: int) -> None:
        super().__init__(str(text))
        self.wish, self.text, self.before = wish, text, before


def make(reference: str) -> jobs.Again | None:
    """Make withdrawals for a while. Says when to come again; nothing, when there is nothing more to do."""
    until = time.monotonic() + SLICE_S
    while _make_some(reference, ROWS_AT_ONCE):
        if time.monotonic() >= until:
            return jobs.Again(0)
    return None


def _make_some(reference: str, count: int) -> bool:
    """Is there more to do?"""
    try:
        return _make_rows(reference, count)
    except _No as no:
        return _make_some(reference, no.before) if no.before else _write_down(reference, no)


def _make_rows(reference: str, count: int) -> bool:
    with transaction():
        sheet = sheets.held_sheet(reference)
        if sheet.state != SheetState.MAKING:
            return False
        account, actor = channels.account_by_id(sheet.account_id), on_behalf(sheet.maker_id, sheet.session_id)
        may = actor.can(Permission.WITHDRAWAL_CREATE) and actor.reaches(account.channel_code)
        if not account.usable or not may:
            move_sheet(sheet, "pause", why="")  # nobody's deed: the page says why
            return False
        wishes = _next(sheet, count)
        if not wishes:
            move_sheet(sheet, "finish", ended_at=clock.now())
            jobs.promise(RESULT, reference, line=Line.SHEETS)
            return False
        sheet.began_at = sheet.began_at or clock.now()
        payees = {card.number_index: card for card in cards.by_numbers(account.id, [it.number_index for it in wishes])}
        made: list[dict[str, object]] = []
        for wish in wishes:
            payee = payees.get(wish.number_index)
            if flaw := _flaw(payee, wish):
                raise _No(wish, flaw, len(made))
            assert payee is not None, "a card that is bound is there"
            try:
                made.append(_row(sheet.id, wish, withdrawal_id=_put(sheet, wish, account, payee, actor)))
            except Refused as no:
                raise _No(wish, no.text, len(made)) from None
        db.session.execute(insert(WithdrawalSheetRow), made)
        sheet.cursor = wishes[-1].row
        sheet.made += len(made)
        live_events.announce(TOPIC, reference)
        return True


def _put(sheet: WithdrawalSheet, wish: Wish, account: channels.Account, payee: Card, actor: Actor) -> int:
    """The id of this row's withdrawal: the one that a restored house has entered from its journal, where there is one."""
    form_key = _form_key(sheet, wish.row)
    if known := queries.by_form_key(form_key):
        return known.id
    with acting_for(actor):
        return put(
            *(account, payee),
            amount=wish.amount,
            memo=wish.memo,
            kind=Kind.PAYOUT,
            funds=Funds(sheet.funds),
            form_key=form_key,
            actor=actor,
            sheet_id=sheet.id,
        ).id


def _flaw(payee: Card | None, wish: Wish) -> Text | None:
    """Why this card cannot be paid: it was bound when the sheet was checked, and that is a while ago."""
    state, holder = (payee.state, payee.holder) if payee else (None, "")
    flaw = rules.flaw_of_payee(state=state, holder=holder, named=wish.holder)
    return flaw[1] if flaw else None


def _write_down(reference: str, no: _No) -> bool:
    """The row is no withdrawal, and the others go on; where it is only the money that is not enough, the sheet waits for it."""
    with transaction():
        sheet = sheets.held_sheet(reference)
        if sheet.state != SheetState.MAKING or sheet.cursor >= no.wish.row:
            return sheet.state == SheetState.MAKING
        account = channels.account_by_id(sheet.account_id)
        if book.balance(account.number, PURSES[Funds(sheet.funds)]) < _hold(account, no.wish):
            rest = sum((_hold(account, wish) for wish in _next(sheet, sheet.total)), ZERO)
            move_sheet(sheet, "pause", why="", needed=rest)
            return False
        db.session.execute(insert(WithdrawalSheetRow), [_row(sheet.id, no.wish, message=no.text.kept())])
        sheet.cursor = no.wish.row
        sheet.refused += 1
        live_events.announce(TOPIC, reference)
        return True


def _hold(account: channels.Account, wish: Wish) -> Money:
    return wish.amount + channel_rules.fee(wish.amount, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm)


def _row(sheet_id: int, wish: Wish, *, withdrawal_id: int | None = None, message: str = "") -> dict[str, object]:
    """What became of this row."""
    known = {"sheet_id": sheet_id, "row": wish.row, "own_number": wish.own_number}
    return known | {"withdrawal_id": withdrawal_id, "message": message}


def _form_key(sheet: WithdrawalSheet, row: int) -> str:
    """The same for the same row for ever, and nobody can send a form that has it."""
    return vault.blind_index(f"{sheet.reference}:{row}", purpose="row of a sheet")[:36]


def _next(sheet: WithdrawalSheet, count: int) -> list[Wish]:
    """The next good rows, up to so many."""
    upload = uploads.by_id(sheet.upload_id)
    return [wish for some in wishes(upload, after_row=sheet.cursor, most=count) for wish in some]
