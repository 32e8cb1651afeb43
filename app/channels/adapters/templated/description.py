"""A channel's manner of speaking as a value: what is asked, how it is signed, how the answer reads.

Closed throughout: names that are not written here are refused with their place, so a slip of the pen is never silently
without effect. There is no expression in it, only sources, filters and tables; whatever it cannot say wants an adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.channels.contract import BindSeen, Seen, UnbindSeen

FORMAT = 1


class Method(StrEnum):
    GET = "GET"
    POST = "POST"


class Body(StrEnum):
    """Where the parameters of a request travel, and how an answer is written."""

    NONE = "none"
    QUERY = "query"
    FORM = "form"
    JSON = "json"
    XML = "xml"


class Unit(StrEnum):
    FEN = "fen"  # 10000
    YUAN = "yuan"  # 100.00, exactly so
    YUAN_ANY = "yuan_any"  # 100, 100.0, 100.00


class SignedText(StrEnum):
    """What the signature is over. NONE must say why, and then nothing that is read is proved."""

    PAIRS = "pairs"
    PARTS = "parts"
    NONE = "none"


class Digest(StrEnum):
    MD5 = "md5"
    SHA256 = "sha256"
    SM3 = "sm3"
    HMAC_SHA256 = "hmac_sha256"
    RSA_SHA256 = "rsa_sha256"


class Written(StrEnum):
    """How a signature is written; one of RSA is base64 always."""

    UPPER = "upper"
    LOWER = "lower"
    BASE64 = "base64"


class ListWritten(StrEnum):
    ARRAY = "array"
    JSON_TEXT = "json_text"


class MomentWritten(StrEnum):
    """How a moment is written; without a zone it is Shanghai's."""

    SPACED = "YYYY-MM-DD HH:mm:ss"
    PACKED = "YYYYMMDDHHmmss"
    EPOCH = "epoch"
    EPOCH_MS = "epoch_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A text: from a source through filters, or constant."""

    source: str = ""
    constant: str = ""
    filters: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    """For a source of few values (account_type, kind): how the channel calls each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Piece):
    """A named text. Left out where it is empty, unless `send_empty`. `integer`: written without quotes in JSON."""

    name: str
    integer: bool = False
    send_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingOf:
    """One parameter of an account, as its settings page asks for it."""

    name: str
    label: str
    secret: bool = False
    multiline: bool = False
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`pairs`: k=v&k=v in the order of the names, without empty values; `parts`: pieces with a separator between."""

    text: SignedText
    digest: Digest = Digest.MD5
    written: Written = Written.UPPER
    secret: str = ""
    """The setting that holds the key."""
    field: str = ""
    header: str = ""
    """Where the signature stands: in a parameter or in a header."""
    key_joiner: str | None = None
    """What stands between the text and the key that is appended to it; null: the key is not appended."""
    unsigned: tuple[str, ...] = ()
    """Parameters that the signature does not cover."""
    keeps_ampersand: bool = False
    """Leave "&" in values, although one text may then mean two forms. Otherwise it is written full-width."""
    parts: tuple[Piece, ...] = ()
    separator: str = "\n"
    ending: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    request: Recipe
    answer: Recipe
    callback: Recipe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What every answer or callback must say: a field that is (or is not) there, or is this, or is a setting of ours."""

    path: str
    present: bool | None = None
    equals: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo(Piece):
    """What the answer repeats of the question: it must be what we asked."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What all answers have in common."""

    body: Body
    code: str
    accepted: tuple[str, ...]
    """The codes that mean: taken, see the status word. "" among them: an answer without a code is such a one."""
    statuses: tuple[int, ...] = (200,)
    kicked_out: tuple[str, ...] = ()
    """The codes that mean: somebody else signed in where only one may."""
    message: str = ""
    checks: tuple[Check, ...] = ()
    exact_form: bool = True
    """Refuse another spelling of the same form (%e5 for %E5, %20 for +)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountAt:
    path: str
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReads:
    number: str
    amount: AmountAt
    word: str
    channel_number: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    method: Method
    path: tuple[Piece, ...]
    body: Body
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInterface:
    ask: Ask
    reads: OrderReads
    codes: Mapping[str, Seen] = field(default_factory=dict)
    """Codes beside the accepted ones that prove something about the order: definite refusals, "no such order"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleInterface:
    """Asked like this; answer, query and callback are those of a submit."""

    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class BindInterface:
    ask: Ask
    word: str
    channel_card: str = ""
    message: str = ""
    echoes: tuple[Echo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReads:
    channel_card: str
    reference: str
    number_masked: str
    holder: str
    bank: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInterface:
    ask: Ask
    cards: str
    each: CardReads
    written: ListWritten = ListWritten.ARRAY
    next: str = ""
    echoes: tuple[Echo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindInterface:
    ask: Ask
    word: str
    codes: Mapping[str, UnbindSeen] = field(default_factory=dict)
    message: str = ""
    echoes: tuple[Echo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresInterface:
    """A day's totals and the balance, or, without the four totals, the balance alone. `prefunded`: what we paid in there to
    pay out of, where the channel keeps it apart."""

    ask: Ask
    unit: Unit
    settleable: str
    total: str = ""
    yesterday: str = ""
    today: str = ""
    settled: str = ""
    prefunded: str = ""
    echoes: tuple[Echo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentAt:
    path: str
    written: MomentWritten


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReads:
    """Of one line. `fee`, `at`: where the channel tells them."""

    number: str
    amount: AmountAt
    word: str
    channel_number: str = ""
    fee: AmountAt | None = None
    at: MomentAt | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementInterface:
    """What was paid and what came back on a day. `words`: its own, where they are others than those of an order."""

    ask: Ask
    lines: str
    each: LineReads
    written: ListWritten = ListWritten.ARRAY
    next: str = ""
    words: Mapping[str, Seen] = field(default_factory=dict)
    echoes: tuple[Echo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interfaces:
    submit: OrderInterface
    query: OrderInterface
    settle: SettleInterface | None = None
    figures: FiguresInterface | None = None
    bind_card: BindInterface | None = None
    list_cards: ListInterface | None = None
    unbind_card: UnbindInterface | None = None
    statement: StatementInterface | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    body: Body
    reads: OrderReads
    answer_word: str
    checks: tuple[Check, ...] = ()
    exact_form: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What else is to be known of a channel; see Adapter."""

    deduplicates: bool = False
    query_waits_s: tuple[int, ...] = (10, 30, 60, 300, 1800, 3600)
    resend_window_s: int = 900
    return_waits_s: tuple[int, ...] = (3600, 86400, 259200)
    return_refunds_fee: bool = False


class Expected(StrEnum):
    """What a sample must read as: something seen, or that it proves nothing."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    NOT_FOUND = "not_found"
    BOUND = "bound"
    REFUSED = "refused"
    GONE = "gone"
    READ = "read"
    UNREADABLE = "unreadable"
    BAD_SIGNATURE = "bad_signature"


class SampleOf(StrEnum):
    SUBMIT = "submit"
    QUERY = "query"
    FIGURES = "figures"
    BIND_CARD = "bind_card"
    LIST_CARDS = "list_cards"
    UNBIND_CARD = "unbind_card"
    STATEMENT = "statement"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An answer or callback as it was recorded or stands in the channel's document, and what it must read as."""

    interface: SampleOf
    name: str
    body: str
    expects: Expected
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    """What was asked, where it matters, by source: {"order.number": "W1"}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A worked example of the channel's document: these values, signed with these keys of theirs, give this signature."""

    interface: SampleOf
    name: str
    signature: str
    about: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    format: int
    title: str
    settings: tuple[SettingOf, ...]
    signing: Signing
    answer: Answer
    words: Mapping[str, Seen]
    interfaces: Interfaces
    callback: Callback | None = None
    headers: tuple[Parameter, ...] = ()
    bind_words: Mapping[str, BindSeen] = field(default_factory=dict)
    unbind_words: Mapping[str, UnbindSeen] = field(default_factory=dict)
    manner: Manner = field(default_factory=Manner)
    sample_settings: Mapping[str, str] = field(default_factory=dict)
    """Test keys with which the samples were recorded: of a sandbox, never of a real account."""
    samples: tuple[Sample, ...] = ()
    worked: tuple[Worked, ...] = ()
    verified: bool = False
    """Was it proved against the third party itself? Only its author can say so; what nobody said was not proved."""
    basis: str = ""
    """What it was written by, and how it was proved: a document and its edition, a day of trial."""
