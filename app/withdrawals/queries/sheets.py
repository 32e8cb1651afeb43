"""Reading sheets of withdrawals: how far they are, what became of each row, what waits for review. Nothing here writes."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock, signing
from app.kernel.cells import plain
from app.kernel.errors import Malformed, NotThere, Text
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.kernel.payee import Payee
from app.runtime import vault
from app.runtime.db import db, total
from app.runtime.listing import Listing, listing
from app.uploads import queries as uploads
from app.uploads.rules import Status
from app.withdrawals.models import Withdrawal, WithdrawalSheetOrder, WithdrawalSheetRow
from app.withdrawals.models import WithdrawalSheet as WithdrawalSheet
from app.withdrawals.queries.rows import of_company
from app.withdrawals.rules import sheet as rules
from app.withdrawals.states import Answer, SheetState, State

UNDER_WAY = (SheetState.MAKING, SheetState.PAUSED)
NO_WITHDRAWAL, NOT_DONE = "none", "not_done"
"""Beside the states, what the rows of a sheet may be asked for."""


def sheet(reference: str) -> WithdrawalSheet:
    """By its reference; NotThere otherwise."""
    mine = select(WithdrawalSheet).where(
        WithdrawalSheet.reference == reference, channels.within_reach(WithdrawalSheet.account_id)
    )
    found = db.session.scalars(mine).one_or_none() if "\0" not in reference else None
    if found is None:
        raise NotThere(reference)
    return found


def held_sheet(reference: str) -> WithdrawalSheet:
    """The sheet, locked until the transaction ends."""
    found = select(WithdrawalSheet).where(WithdrawalSheet.id == sheet(reference).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def sheet_of(upload_id: int) -> WithdrawalSheet | None:
    return db.session.scalars(select(WithdrawalSheet).where(WithdrawalSheet.upload_id == upload_id)).one_or_none()


def sheets_of(upload_ids: Sequence[int]) -> dict[int, WithdrawalSheet]:
    """What became of these uploads, by their id."""
    found = select(WithdrawalSheet).where(WithdrawalSheet.upload_id.in_(upload_ids))
    return {it.upload_id: it for it in db.session.scalars(found)}


def reference_of(sheet_id: int | None) -> str | None:
    """The reference of the sheet that a withdrawal came with."""
    return db.session.scalar(select(WithdrawalSheet.reference).where(WithdrawalSheet.id == sheet_id))


# Before it is confirmed


def weigh(account: channels.Account, texts: Mapping[str, str]) -> dict[str, int]:
    """What a good row adds to the totals, in fen."""
    amount = Money.parse(texts[rules.AMOUNT])
    fee = channel_rules.fee(amount, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm)
    return {"amount": amount.minor, "fee": fee.minor}


def totals(upload: uploads.Upload) -> rules.Totals:
    """Of the rows that can be taken as things stand."""
    tally, decisions = uploads.tally(upload), uploads.decisions(upload)
    account, mapping = channels.account_by_id(upload.account_id), uploads.mapping(upload)
    sums = {name: tally.sum_of_covered(name, decisions) for name in ("amount", "fee")}
    columns = rules.FORMS[upload.form_id]
    for row in uploads.rows(upload, tally.alone(decisions)):
        for name, minor in weigh(account, row.texts(columns, mapping, decisions)).items():
            sums[name] += minor
    return rules.Totals(tally.good(decisions), Money(sums["amount"]), Money(sums["fee"]))


def whole(upload: uploads.Upload, *, count: int) -> rules.Whole | None:
    """What the file has with the rows that are left out, where there are some and it has so many rows."""
    tally, decisions = uploads.tally(upload), uploads.decisions(upload)
    if tally.rows != count or tally.good(decisions) == count:
        return None
    looked_at = [flaw.row for flaw in uploads.flaws(upload) if flaw.status != Status.WARNED]
    left_out = [row for row in uploads.rows(upload, looked_at) if not row.is_good(decisions)]
    mapping = uploads.mapping(upload)
    try:
        amounts = [_meant(row, mapping) for row in left_out]
    except Malformed:
        return rules.Whole(count, None)
    return rules.Whole(count, sum(amounts, totals(upload).amount))


def _meant(row: uploads.SheetRow, mapping: Mapping[str, int]) -> Money:
    """The amount of a row as whoever adds up the file reads it: ¥1,234.00 is one, accepted or not."""
    proposed = [fix.cells[rules.AMOUNT] for fix in row.verdict.fixes if rules.AMOUNT in fix.cells]
    return Money.parse(proposed[-1] if proposed else plain(row.cell(mapping.get(rules.AMOUNT))).strip())


# Once it is


def states(sheet_id: int) -> dict[str, tuple[int, Money]]:
    """How many of its withdrawals are in each state, and how much."""
    found = select(Withdrawal.state, func.count(), total(Withdrawal.amount)).where(Withdrawal.sheet_id == sheet_id)
    return {str(state): (int(n), amount) for state, n, amount in db.session.execute(found.group_by(Withdrawal.state))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the sheet, as its page lists it. `message`: why it became no withdrawal; `answer_why`: why not decided."""

    row: int
    withdrawal_id: int | None
    own_number: str
    number: str | None
    holder: str | None
    card_masked: str | None
    account_type: str | None
    amount: Money | None
    state: str | None
    is_unknown: bool
    message: str
    answer: str
    answer_why: str


def rows(sheet_id: int, asked: Mapping[str, str], *, only: Collection[int] | None = None) -> tuple[Listing, list[Line]]:
    """One page of its rows in the file's order, and its neighbours. `only`: those of these withdrawals, as `asked["state"]`
    names them."""
    r, w = WithdrawalSheetRow, Withdrawal
    statement = (
        select(
            r.row, r.withdrawal_id, r.own_number, r.message, r.answer, r.answer_why, w.number, w.holder, w.card_masked,
            w.account_type, w.amount, w.state, w.signed_at,
        )
        .outerjoin(w, w.id == r.withdrawal_id)
        .where(r.sheet_id == sheet_id)
    )  # fmt: skip
    show = asked.get("state", "")
    if show in set(State):
        statement = statement.where(w.state == show)
    elif show == NO_WITHDRAWAL:
        statement = statement.where(r.withdrawal_id.is_(None))
    elif show == NOT_DONE:
        statement = statement.where(r.answer == Answer.REFUSED)
    if only is not None:
        statement = statement.where(r.withdrawal_id.in_(only))
    found = listing(statement, key=r.row.expression, asked=asked, kept={"state": show}, rising=True)
    return found, [_line(row) for row in found.rows]


def _line(row: Any) -> Line:
    out = row.state in (State.SENDING, State.PENDING)
    return Line(
        row=row.row,
        withdrawal_id=row.withdrawal_id,
        own_number=row.own_number,
        number=row.number,
        holder=row.holder,
        card_masked=row.card_masked,
        account_type=row.account_type,
        amount=row.amount,
        state=row.state,
        is_unknown=out and row.signed_at is None,
        message=said(row.message),
        answer=row.answer,
        answer_why=said(row.answer_why),
    )


def said(message: str) -> str:
    """A sentence as a row keeps it."""
    return Text.told(message) if message else ""


def outcomes(sheet_id: int, first_row: int, last_row: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """What became of these rows of the sheet."""
    r, w = WithdrawalSheetRow, Withdrawal
    found = (
        select(r.row, r.message, w.number, w.state, w.message.label("channel_said"))
        .outerjoin(w, w.id == r.withdrawal_id)
        .where(r.sheet_id == sheet_id, r.row.between(first_row, last_row))
    )
    return db.session.execute(found).all()


def seconds_left(sheet: WithdrawalSheet) -> int | None:
    """How long the rest will take at the pace so far; None while that is anybody's guess."""
    done = sheet.made + sheet.refused
    if sheet.began_at is None or sheet.state != SheetState.MAKING or done < 20:
        return None
    took_s = (clock.now() - sheet.began_at).total_seconds()
    return int(took_s / done * (sheet.total - done))


# All of it at once


@dataclass(frozen=True, slots=True)
class Review:
    """Everything of a sheet that waits for review: how many, how much, and a digest over all of it."""

    count: int
    amount: Money
    digest: str

    @property
    def token(self) -> str:
        """As a form carries it: what was on the screen can be told when it has changed."""
        return f"{self.count}.{self.amount.minor}.{self.digest}"

    def is_same(self, other: "Review") -> bool:
        return self.count == other.count and self.amount == other.amount and signing.same(self.digest, other.digest)

    @property
    def words(self) -> dict[str, object]:
        return {"count": self.count, "amount": str(self.amount)}

    @classmethod
    def of_token(cls, token: str) -> "Review":
        """Of a form that was sent back: its syntax was checked there."""
        count, minor, digest = token.split(".")
        return cls(int(count), Money(int(minor)), digest)


def in_review(sheet_id: int) -> Review:
    w = Withdrawal
    rows = db.session.execute(
        select(
            w.number,
            w.amount,
            w.fee,
            w.payee,
            w.holder,
            w.bank,
            w.card_index,
            w.card_id,
            w.account_id,
            w.maker_id,
            w.account_type,
            w.funds,
        )
        .where(w.sheet_id == sheet_id, w.state == State.REVIEW)
        .order_by(w.id)
    ).all()
    return review_of(rows)


def review_of(rows: Sequence[Any]) -> Review:
    """What these withdrawals, in the order in which they were made, add up to and say."""
    said = [
        [
            it.number,
            it.amount.minor,
            it.fee.minor,
            it.holder,
            it.bank,
            it.card_index,
            it.card_id,
            it.account_id,
            it.maker_id,
            *([] if it.payee == Payee.BANK_CARD else [it.payee]),  # as before there were others
            *of_company(it.account_type, it.card_id),
            *([] if it.funds == Funds.COLLECTED else [it.funds]),
        ]
        for it in rows
    ]
    amount = sum((it.amount for it in rows), ZERO)
    text = json.dumps(said, ensure_ascii=False)
    return Review(len(rows), amount, vault.mac(text.encode(), purpose="approvals of sheets"))


def review_rows(sheet_id: int) -> Sequence[tuple[int, Withdrawal]]:
    """The ids of its rows whose withdrawals wait for review, each with that."""
    found = (
        select(WithdrawalSheetRow.id, Withdrawal)
        .join(Withdrawal, Withdrawal.id == WithdrawalSheetRow.withdrawal_id)
        .where(WithdrawalSheetRow.sheet_id == sheet_id, Withdrawal.state == State.REVIEW)
    )
    return [(row_id, withdrawal) for row_id, withdrawal in db.session.execute(found.order_by(Withdrawal.id))]


def order(order_id: int) -> WithdrawalSheetOrder:
    return db.session.get_one(WithdrawalSheetOrder, order_id)


def held_order(order_id: int) -> WithdrawalSheetOrder:
    """The order, locked until the transaction ends."""
    found = select(WithdrawalSheetOrder).where(WithdrawalSheetOrder.id == order_id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def orders(sheet_id: int) -> Sequence[WithdrawalSheetOrder]:
    """What was ordered about the whole of it, the latest first."""
    found = select(WithdrawalSheetOrder).where(WithdrawalSheetOrder.sheet_id == sheet_id)
    return db.session.scalars(found.order_by(WithdrawalSheetOrder.id.desc()).limit(20)).all()


def open_order(sheet_id: int) -> WithdrawalSheetOrder | None:
    """The one that is being carried out."""
    return next((it for it in orders(sheet_id) if it.ended_at is None), None)


def waiting(order_id: int, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Rows that the order is still to be carried out for."""
    r, w = WithdrawalSheetRow, Withdrawal
    found = select(r.id, r.seen, w.number, w.id.label("withdrawal_id")).join(w, w.id == r.withdrawal_id)
    mine = found.where(r.order_id == order_id, r.answer == Answer.WAITING)
    return db.session.execute(mine.order_by(r.row).limit(limit)).all()


def answered(order_id: int) -> tuple[int, int]:
    """For how many rows the order was carried out, and for how many it was refused."""
    answer = WithdrawalSheetRow.answer
    done, refused = (func.count().filter(answer == it) for it in (Answer.DONE, Answer.REFUSED))
    counted = db.session.execute(select(done, refused).where(WithdrawalSheetRow.order_id == order_id)).one()
    return counted[0], counted[1]
