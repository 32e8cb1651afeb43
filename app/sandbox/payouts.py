"""What the third party does with money: takes payouts, moves them along their lives, says what it knows.

Every function works inside the caller's transaction. A payout changes its state in `move` and nowhere else; the merchant's
two running sums change with it.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.kernel import clock, numbers
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.sandbox import merchants
from app.sandbox.faults import NORMAL, Call, Fault, When, fault_of
from app.sandbox.merchants import Merchant
from app.sandbox.pace import Pace
from app.sandbox.states import PAYOUT, State, money_out, money_paid

_STAMP = {"pay": "paid_at", "fail": "failed_at", "return": "returned_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """A payout as it was asked for, whatever the manner."""

    order_no: str
    amount_minor: int
    card_number: str
    holder: str
    bank: str
    kind: str = "payout"  # or "settlement"
    funds: Funds = Funds.COLLECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    id: int
    merchant_id: int
    order_no: str
    channel_no: str
    amount_minor: int
    fee_minor: int
    kind: str
    funds: Funds
    state: State
    reason: str
    hidden_queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a submit: perhaps a payout, perhaps a refusal, and the fault that falls on the answer."""

    payout: Payout | None
    fault: Fault
    problem: str = ""


def take(
    tx: sqlite3.Connection, merchant: Merchant, asked: Submit, *, deduplicates: bool, forced: Fault | None, pace: Pace
) -> Taken:
    """Take a payout in, once per order number if the manner de-duplicates, otherwise as often as it is asked."""
    submits, copies = _count_submit(tx, merchant, asked.order_no)
    drawn = fault_of(asked.amount_minor) if merchant.misbehaves and submits == 1 else NORMAL
    fault = forced or drawn
    known = latest(tx, merchant, asked.order_no)
    # A known number is looked at before anything is checked: the answer to a re-send is the first one's state.
    if known is not None and (deduplicates or known.state is State.REFUSED):
        theirs = (known.amount_minor, known.kind, known.funds)
        same = theirs == (asked.amount_minor, asked.kind, asked.funds)
        return Taken(payout=known if same else None, fault=forced or NORMAL, problem="" if same else "different")
    if not fault.taken:
        return Taken(payout=None, fault=fault)
    refusal = fault.refusal or _refusal(tx, merchants.of(tx, merchant.id), asked)
    payout = _insert(tx, merchant, asked, fault, refusal, copies, pace)
    return Taken(payout=payout, fault=fault)


def look(tx: sqlite3.Connection, merchant: Merchant, order_no: str) -> Payout | None:
    """What a query is told: None while the payout hides. Of several payouts of one number the last one answers."""
    payout = latest(tx, merchant, order_no)
    if payout is None:
        return None
    tx.execute(
        "UPDATE payouts SET queries = queries + 1, hidden_queries = max(0, hidden_queries - 1) WHERE id = ?",
        (payout.id,),
    )
    return None if payout.hidden_queries else payout


def move(tx: sqlite3.Connection, payout_id: int, verb: str, calls: Sequence[Call], *, pace: Pace) -> None:
    """The only line here that changes a state. Refused: the payout's life has no such edge now."""
    payout = of(tx, payout_id)
    state = State(PAYOUT.move(payout.state, verb).target)
    now = clock.now().timestamp()
    tx.execute("UPDATE payouts SET state = ? WHERE id = ?", (state, payout.id))
    if verb in _STAMP:
        tx.execute(f"UPDATE payouts SET {_STAMP[verb]} = ? WHERE id = ?", (now, payout.id))  # noqa: S608 - our own word
    before = (money_paid(payout.state, payout.amount_minor), _out(payout, payout.state))
    after = (money_paid(state, payout.amount_minor), _out(payout, state))
    _add(tx, payout.merchant_id, payout.funds, paid_minor=after[0] - before[0], out_minor=after[1] - before[1])
    due_at = now + pace.callback_delay_s
    for call in calls:
        tx.execute(
            "INSERT INTO callbacks (payout_id, call, state, due_at) VALUES (?, ?, ?, ?)",
            (payout.id, call, state, due_at),
        )
        if call is Call.BADLY_SIGNED:
            due_at += pace.callback_delay_s


def run_due_steps(tx: sqlite3.Connection, *, pace: Pace, at_most: int = 500) -> int:
    """Make the moves whose time has come. A step that a person's hand has overtaken is dropped."""
    due = tx.execute(
        "SELECT * FROM steps WHERE due_at <= ? ORDER BY due_at, id LIMIT ?", (clock.now().timestamp(), at_most)
    ).fetchall()
    for step in due:
        calls = [Call(word) for word in step["calls"].split(",") if word]
        with suppress(Refused):
            move(tx, step["payout_id"], step["verb"], calls, pace=pace)
        tx.execute("DELETE FROM steps WHERE id = ?", (step["id"],))
    return len(due)


def decide(tx: sqlite3.Connection, payout_id: int, verb: str, *, pace: Pace) -> None:
    """A person's hand: `pay`, `fail`, `return` now; `hold` forgets what was planned; `call` posts the callback again."""
    payout = of(tx, payout_id)
    if verb == "call":
        tx.execute(
            "INSERT INTO callbacks (payout_id, call, state, due_at) VALUES (?, ?, ?, ?)",
            (payout.id, Call.RIGHT, payout.state, clock.now().timestamp()),
        )
        return
    if verb != "hold":
        move(tx, payout_id, verb, (Call.RIGHT,), pace=pace)
    tx.execute("DELETE FROM steps WHERE payout_id = ?", (payout_id,))


def of(tx: sqlite3.Connection, payout_id: int) -> Payout:
    row = tx.execute("SELECT * FROM payouts WHERE id = ?", (payout_id,)).fetchone()
    if row is None:
        raise Refused("没有这笔代付")
    return _payout(row)


def latest(tx: sqlite3.Connection, merchant: Merchant, order_no: str) -> Payout | None:
    row = tx.execute(
        "SELECT * FROM payouts WHERE merchant_id = ? AND order_no = ? ORDER BY copy DESC LIMIT 1",
        (merchant.id, order_no),
    ).fetchone()
    return _payout(row) if row else None


def _count_submit(tx: sqlite3.Connection, merchant: Merchant, order_no: str) -> tuple[int, int]:
    submits, copies = tx.execute(
        """
        INSERT INTO orders (merchant_id, order_no, submits) VALUES (?, ?, 1)
        ON CONFLICT (merchant_id, order_no) DO UPDATE SET submits = submits + 1 RETURNING submits, copies
        """,
        (merchant.id, order_no),
    ).fetchone()
    return submits, copies


def _refusal(tx: sqlite3.Connection, merchant: Merchant, asked: Submit) -> str:
    """Why a payout is refused without anybody's wishing so, or ""."""
    known = tx.execute(
        """
        SELECT holder, state, account_type FROM cards WHERE merchant_id = ? AND card_number = ?
        ORDER BY state = 'bound' DESC, state = 'unbound' DESC, id
        """,
        (merchant.id, asked.card_number),
    ).fetchone()
    corporate = known is not None and known["account_type"] == "corporate"  # such a number has any length
    if not corporate and not (asked.card_number.isascii() and asked.card_number.isdigit()):
        return "card"
    if not corporate and not 12 <= len(asked.card_number) <= 19:
        return "card"
    if known is not None and known["state"] == "unbound":
        return "card_not_bound"
    if merchant.needs_bound_cards:
        if known is None or known["state"] != "bound":
            return "card_not_bound"
        if known["holder"] != asked.holder:
            return "name"
    there_is = merchant.deposit_minor if asked.funds == Funds.PREFUNDED else merchant.account().settleable_minor
    enough = asked.amount_minor + merchant.payout_fee_minor <= there_is
    return "" if enough else "balance"


def _insert(
    tx: sqlite3.Connection,
    merchant: Merchant,
    asked: Submit,
    fault: Fault,
    refusal: str,
    copy: int,
    pace: Pace,
) -> Payout:
    now = clock.now().timestamp()
    state = State.REFUSED if refusal else State.PROCESSING
    payout_id = tx.execute(
        """
        INSERT INTO payouts (merchant_id, order_no, copy, channel_no, amount_minor, fee_minor, kind, funds, card_number,
            holder, bank, fault, state, reason, hidden_queries, accepted_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            merchant.id,
            asked.order_no,
            copy,
            numbers.new_number(merchant.manner[0].upper()),
            asked.amount_minor,
            merchant.payout_fee_minor,
            asked.kind,
            asked.funds,
            asked.card_number,
            asked.holder,
            asked.bank,
            fault.name,
            state,
            refusal,
            fault.hidden_queries,
            None if refusal else now,
        ),
    ).lastrowid
    assert payout_id is not None
    tx.execute(
        "UPDATE orders SET copies = copies + 1 WHERE merchant_id = ? AND order_no = ?", (merchant.id, asked.order_no)
    )
    if not refusal:
        _plan(tx, merchant, asked, fault, payout_id, pace)
    return of(tx, payout_id)


def _plan(tx: sqlite3.Connection, merchant: Merchant, asked: Submit, fault: Fault, payout_id: int, pace: Pace) -> None:
    _add(tx, merchant.id, asked.funds, paid_minor=0, out_minor=asked.amount_minor + merchant.payout_fee_minor)
    share = hashlib.sha256(asked.order_no.encode()).digest()[0] / 256
    for step in fault.life:
        if step.when is When.AT_ONCE:
            move(tx, payout_id, step.verb, step.calls, pace=pace)
            continue
        tx.execute(
            "INSERT INTO steps (payout_id, due_at, verb, calls) VALUES (?, ?, ?, ?)",
            (payout_id, clock.now().timestamp() + pace.delay(step.when, share), step.verb, ",".join(step.calls)),
        )


def _add(tx: sqlite3.Connection, merchant_id: int, funds: Funds, *, paid_minor: int, out_minor: int) -> None:
    """To the merchant's running sums; what is paid of the deposit counts in sums of its own too."""
    is_deposit = funds == Funds.PREFUNDED
    tx.execute(
        """
        UPDATE merchants SET paid_minor = paid_minor + :paid, out_minor = out_minor + :out,
            deposit_paid_minor = deposit_paid_minor + :paid * :deposit,
            deposit_out_minor = deposit_out_minor + :out * :deposit
        WHERE id = :merchant
        """,
        {"paid": paid_minor, "out": out_minor, "deposit": is_deposit, "merchant": merchant_id},
    )


def _out(payout: Payout, state: State) -> int:
    return money_out(state, payout.amount_minor, payout.fee_minor)


def _payout(row: sqlite3.Row) -> Payout:
    return Payout(
        id=row["id"],
        merchant_id=row["merchant_id"],
        order_no=row["order_no"],
        channel_no=row["channel_no"],
        amount_minor=row["amount_minor"],
        fee_minor=row["fee_minor"],
        kind=row["kind"],
        funds=Funds(row["funds"]),
        state=State(row["state"]),
        reason=row["reason"],
        hidden_queries=row["hidden_queries"],
    )
