"""What is said to a channel and what it says, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from app.kernel.bank_card import AccountType
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.payee import Payee


class Seen(StrEnum):
    """What a channel says about a withdrawal. Anything it does not say plainly is PENDING."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    NOT_FOUND = "not_found"
    NOT_SENT = "not_sent"  # said by the gateway, never by an adapter: not a byte of the request left us


class Interface(StrEnum):
    """What one may ask a channel. The call log, the health figures and the masks speak of these."""

    SUBMIT = "submit"
    QUERY = "query"
    FIGURES = "figures"
    BIND_CARD = "bind_card"
    BIND_CARDS = "bind_cards"
    LIST_CARDS = "list_cards"
    UNBIND_CARD = "unbind_card"
    SETTLE = "settle"
    STATEMENT = "statement"
    CALLBACK = "callback"
    TRY = "try"
    """A harmless question of people who try parameters out: it moves nothing, and says nothing about the account's health."""
    PROBE = "probe"
    """The same, asked by the house itself of a channel to which it has stopped sending."""


class Unreadable(Exception):
    """A reply or callback that proves nothing. `reason` is for the call log and for people, never for branching.

    It is a plain sentence of ours, which the catalogue knows, and after a colon which field or word of theirs it is about.
    """

    def __init__(self, what: str, detail: str = "") -> None:
        self.reason = f"{what}：{detail}" if detail else what
        super().__init__(self.reason)


class BadSignature(Unreadable):
    """It does not carry the signature that our key and our algorithm ask for."""


class KickedOut(Unreadable):
    """Validly signed: somebody else signed in where only one may, so our seat is gone. Of what was asked it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payout as a plain value, safe to carry out of the transaction. `number` never changes over re-sends."""

    number: str
    amount: Money
    card_number: str  # or, where `payee` says so, what names the payee's account there
    holder: str
    bank: str
    made_at: datetime
    sent_at: datetime | None = None  # of the latest send, which is the only one where nothing is ever sent again
    kind: str = "payout"  # or "settlement": our own money to our own card; the same number rules, never paid twice
    payee: Payee = Payee.BANK_CARD
    funds: Funds = Funds.COLLECTED
    account_type: str = AccountType.PRIVATE
    branch: Mapping[str, str] = field(default_factory=dict)
    """Where a company has its account, as far as it is known: cnaps, or province, city and branch."""

    def __repr__(self) -> str:
        return f"Order({self.number}, {self.amount})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToBind:
    """One card as the channel is asked to bind it. `reference` is ours and de-duplicates at the channel."""

    reference: str
    card_number: str
    holder: str
    bank: str
    phone: str = ""
    account_type: str = AccountType.PRIVATE
    details: Mapping[str, str] = field(default_factory=dict)
    """Other columns of the channel's template, by key: id_number, branch, cnaps, province, city … All of it private."""

    def __repr__(self) -> str:
        return f"CardToBind({self.reference})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToUnbind:
    """One card as the channel is asked to let it go: by its own name for it, else by the reference it was bound under.

    `card_number`, `holder`: what is known of it here, "" for a card that only the channel knows.
    """

    reference: str
    channel_card: str
    card_number: str = ""
    holder: str = ""

    def __repr__(self) -> str:
        return f"CardToUnbind({self.reference or self.channel_card})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was learned about one withdrawal. `signed`: a valid signature of the channel stands behind it.

    `number`, `amount` are what the channel itself says; None or "" where it says nothing. The service compares them.
    `vague`: signed, and yet no word about the order: too busy, not understood, a code that nobody documented.
    """

    seen: Seen
    signed: bool = False
    vague: bool = False
    number: str = ""
    amount: Money | None = None
    channel_number: str = ""
    word: str = ""  # the channel's own status word or code
    message: str = ""  # for people, never for branching


class BindSeen(StrEnum):
    """What a channel says about a card we asked it to bind."""

    BOUND = "bound"
    REFUSED = "refused"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindObservation:
    """PENDING and `signed`: the channel said that it looks at the card. PENDING and not signed: nothing was proved."""

    seen: BindSeen
    signed: bool = False
    channel_card: str = ""
    message: str = ""


class UnbindSeen(StrEnum):
    """What a channel says about a card we asked it to let go. GONE too when it knows no such card."""

    GONE = "gone"
    REFUSED = "refused"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindObservation:
    """`signed` as in BindObservation."""

    seen: UnbindSeen
    signed: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCard:
    """One card that the channel says is ours. `reference`: under which it was bound, "" if the channel does not say."""

    channel_card: str
    reference: str
    number_masked: str
    holder: str
    bank: str
    state: BindSeen

    def __repr__(self) -> str:
        return f"ListedCard({self.reference or self.channel_card}, {self.state})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPage:
    cards: Sequence[ListedCard]
    next: str  # where the next page begins; "": this was the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What the channel's statement of a day says of one payment: that it was made, that it came back, that it failed.

    `number` is our order number as the channel repeats it, "" for what it does not say is ours. `seen`: PENDING where its word
    is none of the documented ones. `fee`: None where it does not tell one.
    """

    number: str
    channel_number: str
    word: str
    seen: Seen
    amount: Money
    fee: Money | None = None
    at: datetime | None = None
    message: str = ""

    def __repr__(self) -> str:
        return f"StatementLine({self.number or self.channel_number}, {self.seen}, {self.amount})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """In the channel's own order, which is the order in which things happened."""

    lines: Sequence[StatementLine]
    next: str  # where the next page begins; "": this was the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What one may ask a channel to do with cards and money beside paying. `cards_at_once`: 0 where none are bound."""

    binds: bool
    cards_at_once: int
    lists: bool
    unbinds: bool
    settles: bool
    balance: bool = True
    totals: bool = True  # of each day, beside the balance
    statements: bool = False  # line by line, of each day
    pays_to: frozenset[Payee] = frozenset({Payee.BANK_CARD})
    funds: frozenset[Funds] = frozenset({Funds.COLLECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A channel account's own figures for one business day, whatever unit the channel writes them in."""

    day: date
    total: Money  # 交易总额
    yesterday: Money  # 昨日
    today: Money  # 今日
    settled: Money  # 结算金额
    settleable: Money  # 可结算金额: what may be withdrawn now
    prefunded: Money | None = None  # 预存余额, where the channel keeps one and tells it


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, complete and signed. `signed_text` is the exact string that was signed (shown masked)."""

    method: str
    path: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    signed_text: str = ""
    hidden: Sequence[str] = ()  # private values as they are coded in it, which the gateway would not know again

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, raw: signatures are verified over these bytes."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCallback:
    """What a channel posted to us, untouched."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
