"""What a channel must be able to say. An adapter translates; it never calls, stores or decides.

Value in, value out: `write_*` makes a Request of ours, `read_*` reads a Reply of theirs. Whatever an adapter cannot read
with certainty it refuses with `Unreadable`; the gateway turns that into "pending, not signed": what we do not understand
has not failed.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from app.kernel.money import Money


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
    CALLBACK = "callback"


class Unreadable(Exception):
    """A reply or callback that proves nothing. `reason` is for the call log and for people, never for branching.

    It is a plain sentence of ours, which the catalogue knows, and after a colon which field or word of theirs it is about.
    """

    def __init__(self, what: str, detail: str = "") -> None:
        self.reason = f"{what}：{detail}" if detail else what
        super().__init__(self.reason)


class BadSignature(Unreadable):
    """It does not carry the signature that our key and our algorithm ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payout as a plain value, safe to carry out of the transaction. `number` never changes over re-sends."""

    number: str
    amount: Money
    card_number: str
    holder: str
    bank: str
    made_at: datetime
    kind: str = "payout"  # or "settlement": our own money to our own card; the same number rules, never paid twice

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
    account_type: str = "private"  # 对私; or "corporate" 对公, whose number is not a PAN
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
class Abilities:
    """What one may ask a channel to do with cards and money beside paying. `cards_at_once`: 0 where none are bound."""

    binds: bool
    cards_at_once: int
    lists: bool
    unbinds: bool
    settles: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A channel account's own figures for one business day, whatever unit the channel writes them in."""

    day: date
    total: Money  # 交易总额
    yesterday: Money  # 昨日
    today: Money  # 今日
    settled: Money  # 结算金额
    settleable: Money  # 可结算金额: what may be withdrawn now


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, complete and signed. `signed_text` is the exact string that was signed (shown masked)."""

    method: str
    path: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    signed_text: str = ""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One parameter of a channel account, as its settings page shows it."""

    name: str
    label: str
    secret: bool = False
    multiline: bool = False
    example: str = ""


class Adapter(ABC):
    """One channel's manner of speaking. Pure: built from settings, holds nothing else.

    `read_submit`, `read_query`, `read_callback` raise Unreadable (or BadSignature) instead of guessing, and answer with
    `signed=True` only after the signature was verified over the raw bytes with our key and our algorithm.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]
    words: ClassVar[Mapping[str, Seen]]
    """The documented status words. A word that is not here reads PENDING."""
    deduplicates: ClassVar[bool] = False
    """Does the channel pay one order number at most once, whatever we send? Only then may we ever send again."""
    query_waits_s: ClassVar[tuple[int, ...]] = (10, 30, 60, 300, 1800, 3600)
    """Seconds between queries of an unfinished order; the last one repeats."""
    resend_window_s: ClassVar[int] = 15 * 60
    """How long after a send the channel may still take it in although it says it does not know it."""
    return_waits_s: ClassVar[tuple[int, ...]] = (3600, 24 * 3600, 3 * 24 * 3600)
    """Seconds after a payment was confirmed at which it is asked about again: a bank may send the money back (退票)."""
    return_refunds_fee: ClassVar[bool] = False
    """Does the channel give its fee back with a returned payment?"""
    callback_answer: ClassVar[str] = "success"
    """What the channel wants to read when a callback was taken."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        missing = [setting.name for setting in type(self).settings if not settings.get(setting.name)]
        assert not missing, f"{self.code}: settings missing: {missing}"
        self.given = settings

    def secrets(self) -> Sequence[str]:
        """What of the settings nobody may see, in every form in which it travels."""
        return [self.given[setting.name] for setting in type(self).settings if setting.secret]

    def read_word(self, word: str) -> Seen:
        """An unknown word is never a failure: a withdrawal that may have left is still out there."""
        return self.words.get(word, Seen.PENDING)

    @abstractmethod
    def write_submit(self, order: Order) -> Request: ...

    @abstractmethod
    def read_submit(self, order: Order, reply: Reply) -> Observation: ...

    @abstractmethod
    def write_query(self, order: Order) -> Request: ...

    @abstractmethod
    def read_query(self, order: Order, reply: Reply) -> Observation: ...

    @abstractmethod
    def read_callback(self, raw: RawCallback) -> Observation:
        """`number` says which order it is about."""


class BindsCards(ABC):
    """The channel pays only to cards that were bound to the account before."""

    @abstractmethod
    def write_bind(self, card: CardToBind) -> Request: ...

    @abstractmethod
    def read_bind(self, card: CardToBind, reply: Reply) -> BindObservation: ...


class BindsManyCards(ABC):
    """The channel takes many cards in one request, each de-duplicated by its reference: a batch sent again is harmless."""

    cards_at_once: ClassVar[int]

    @abstractmethod
    def write_bind_many(self, batch: str, cards: Sequence[CardToBind]) -> Request: ...

    @abstractmethod
    def read_bind_many(self, cards: Sequence[CardToBind], reply: Reply) -> Mapping[str, BindObservation]:
        """By reference. A card that the answer does not speak of is not in it."""


class ListsCards(ABC):
    """The channel tells which cards are bound, page by page, with masked numbers."""

    @abstractmethod
    def write_list(self, after: str) -> Request:
        """`after`: "" for the first page, else the `next` of the page before."""

    @abstractmethod
    def read_list(self, after: str, reply: Reply) -> CardPage: ...


class UnbindsCards(ABC):
    """The channel lets a card go."""

    @abstractmethod
    def write_unbind(self, card: CardToUnbind) -> Request: ...

    @abstractmethod
    def read_unbind(self, card: CardToUnbind, reply: Reply) -> UnbindObservation: ...


class Settles(ABC):
    """The channel pays what may be settled to a card of our own. Answer, query and callback are those of a submit."""

    @abstractmethod
    def write_settle(self, order: Order) -> Request: ...


class ReadsFigures(ABC):
    """The channel tells its totals and balance."""

    @abstractmethod
    def write_figures(self, day: date) -> Request: ...

    @abstractmethod
    def read_figures(self, day: date, reply: Reply) -> Figures: ...
