"""Cards bound to a merchant. What becomes of a card is told by the last two digits of its number, as a table."""

import sqlite3
from dataclasses import dataclass

from app.kernel import numbers
from app.sandbox.merchants import Merchant

# Ending: (state, what the third party says, English). Every other ending is bound at once.
ENDINGS = {
    "01": ("refused", "户名不符", "refused: the holder's name does not match"),
    "02": ("refused", "卡号不存在或已挂失", "refused: no such card"),
    "03": ("in_review", "审核中", "in review; bound when asked again"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToBind:
    reference: str
    card_number: str
    holder: str
    bank: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    reference: str
    token: str
    state: str
    reason: str


def bind(tx: sqlite3.Connection, merchant: Merchant, asked: CardToBind) -> Card:
    """Bind a card, once per reference; a card bound before under another reference keeps its token."""
    known = tx.execute(
        "UPDATE cards SET asked = asked + 1 WHERE merchant_id = ? AND reference = ? RETURNING *",
        (merchant.id, asked.reference),
    ).fetchone()
    if known is None:
        known = _insert(tx, merchant, asked)
    elif known["state"] == "in_review":
        known = tx.execute("UPDATE cards SET state = 'bound', reason = '' WHERE id = ? RETURNING *", (known["id"],))
        known = known.fetchone()
    return Card(reference=known["reference"], token=known["token"], state=known["state"], reason=known["reason"])


def _insert(tx: sqlite3.Connection, merchant: Merchant, asked: CardToBind) -> sqlite3.Row:
    state, reason, _ = ENDINGS.get(asked.card_number[-2:], ("bound", "", ""))
    twin = tx.execute(
        "SELECT token FROM cards WHERE merchant_id = ? AND card_number = ? AND state = 'bound'",
        (merchant.id, asked.card_number),
    ).fetchone()
    row: sqlite3.Row = tx.execute(
        """
        INSERT INTO cards (merchant_id, reference, card_number, holder, bank, phone, token, state, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
        """,
        (
            merchant.id,
            asked.reference,
            asked.card_number,
            asked.holder,
            asked.bank,
            asked.phone,
            twin["token"] if twin else f"card_{numbers.random_text(12)}",
            state,
            reason,
        ),
    ).fetchone()
    return row
