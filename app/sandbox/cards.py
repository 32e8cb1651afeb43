"""Cards bound to a merchant. What becomes of a card is told by the last two digits of its number, as a table."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.kernel import numbers
from app.kernel.bank_card import mask
from app.sandbox.merchants import Merchant

# Ending: (state, what the third party says, English). Every other ending is bound at once and let go when asked.
ENDINGS = {
    "01": ("refused", "户名不符", "refused: the holder's name does not match"),
    "02": ("refused", "卡号不存在或已挂失", "refused: no such card"),
    "03": ("in_review", "审核中", "in review; bound when asked again"),
    "04": ("bound", "卡片有未完成的交易，不能解绑", "bound; unbinding it is refused"),
    "05": ("bound", "解绑审核中", "bound; unbinding is in review, gone when asked again"),
    "06": ("bound", "批量绑卡的应答里没有这张卡", "bound, but the answer to a batch does not speak of it"),
}
LET_GO = "该绑卡流水号已解绑，请用新的流水号"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToBind:
    reference: str
    card_number: str
    holder: str
    bank: str
    phone: str
    account_type: str = "private"
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindMany:
    batch: str
    cards: Sequence[CardToBind]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCards:
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbind:
    """Which card, by its token, else by the reference it was bound under; the number, if given, must be the card's."""

    token: str
    reference: str
    card_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A binding as it is told. Numbers and names are masked where they are told at all."""

    reference: str
    token: str
    state: str
    reason: str
    number_masked: str = ""
    holder_masked: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    after: str
    cards: Sequence[Card]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbound:
    """What became of an unbinding: `gone`, `refused` or `in_review`; or a word of the manners' PROBLEMS."""

    asked: Unbind
    state: str = ""
    reason: str = ""
    problem: str = ""


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
    if known["state"] == "unbound":
        # A late copy of an old request must not bring a card back that was let go.
        return Card(reference=known["reference"], token="", state="refused", reason=LET_GO)
    return Card(reference=known["reference"], token=known["token"], state=known["state"], reason=known["reason"])


def bind_many(tx: sqlite3.Connection, merchant: Merchant, asked: BindMany) -> list[Card]:
    """All of them in the caller's one transaction. Of cards that end in 06 the answer says nothing."""
    bound = [(card, bind(tx, merchant, card)) for card in asked.cards]
    return [said for card, said in bound if _ending(card.card_number) != "06"]


def page(tx: sqlite3.Connection, merchant: Merchant, asked: ListCards, *, size: int) -> Page | None:
    """The bindings after this place, oldest first; those let go are not among them. None: no such place."""
    if asked.after and not (asked.after.isascii() and asked.after.isdigit() and len(asked.after) <= 18):
        return None
    rows = tx.execute(
        "SELECT * FROM cards WHERE merchant_id = ? AND id > ? AND state <> 'unbound' ORDER BY id LIMIT ?",
        (merchant.id, int(asked.after or 0), size + 1),
    ).fetchall()
    cards = [
        Card(
            reference=row["reference"],
            token=row["token"] if row["state"] == "bound" else "",
            state=row["state"],
            reason=row["reason"],
            number_masked=_stars(row["card_number"]),
            holder_masked=f"{row['holder'][:1]}**",
            bank=row["bank"],
        )
        for row in rows[:size]
    ]
    return Page(after=asked.after, cards=cards, next=str(rows[size - 1]["id"]) if len(rows) > size else "")


def unbind(tx: sqlite3.Connection, merchant: Merchant, asked: Unbind) -> Unbound:
    """Let a card go, with every reference it was bound under."""
    column, value = ("token", asked.token) if asked.token else ("reference", asked.reference)
    row = tx.execute(
        f"SELECT * FROM cards WHERE merchant_id = ? AND {column} = ? AND state IN ('bound', 'in_review') ORDER BY id",  # noqa: S608 - our own word
        (merchant.id, value),
    ).fetchone()
    if row is None:
        return Unbound(asked=asked, problem="no_card")
    if asked.card_number and asked.card_number != row["card_number"]:
        return Unbound(asked=asked, problem="card")
    ending = _ending(row["card_number"])
    if ending == "04":
        return Unbound(asked=asked, state="refused", reason=ENDINGS[ending][1])
    if ending == "05" and not row["unbind_asked"]:
        tx.execute("UPDATE cards SET unbind_asked = 1 WHERE id = ?", (row["id"],))
        return Unbound(asked=asked, state="in_review", reason=ENDINGS[ending][1])
    tx.execute(
        "UPDATE cards SET state = 'unbound', reason = '' WHERE merchant_id = ? AND token = ? AND state <> 'refused'",
        (merchant.id, row["token"]),
    )
    return Unbound(asked=asked, state="gone")


def _insert(tx: sqlite3.Connection, merchant: Merchant, asked: CardToBind) -> sqlite3.Row:
    state, reason, _ = ENDINGS.get(_ending(asked.card_number), ("bound", "", ""))
    twin = tx.execute(
        "SELECT token FROM cards WHERE merchant_id = ? AND card_number = ? AND state = 'bound'",
        (merchant.id, asked.card_number),
    ).fetchone()
    row: sqlite3.Row = tx.execute(
        """
        INSERT INTO cards (merchant_id, reference, card_number, holder, bank, phone, account_type, details, token,
            state, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
        """,
        (
            merchant.id,
            asked.reference,
            asked.card_number,
            asked.holder,
            asked.bank,
            asked.phone,
            asked.account_type,
            json.dumps(dict(asked.details), ensure_ascii=False),
            twin["token"] if twin else f"card_{numbers.random_text(12)}",
            state,
            "" if state == "bound" else reason,
        ),
    ).fetchone()
    return row


def _ending(card_number: str) -> str:
    return card_number[-2:]


def _stars(number: str) -> str:
    """As this program tells a number: first six, last four; of a short one the last four."""
    if len(number) < 12:
        return mask(number)
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"
