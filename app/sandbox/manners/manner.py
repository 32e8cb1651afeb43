"""What every manner must be able to say. Value in, value out: no database, no clock but for timestamps, no network."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, TypeVar

from app.kernel import clock
from app.sandbox.cards import BindMany, Card, CardToBind, ListCards, Page, Unbind, Unbound
from app.sandbox.growth import Account
from app.sandbox.merchants import Merchant
from app.sandbox.payouts import Payout, Submit
from app.sandbox.statements import AskStatement, Statement

CLOCK_TOLERANCE_S = 300

PROBLEMS = {
    "balance": "可用余额不足",
    "card": "收款卡号有误",
    "name": "收款户名不符",
    "card_not_bound": "收款卡未绑定",
    "not_found": "订单不存在",
    "different": "订单号重复且内容不一致",
    "malformed": "参数有误",
    "signature": "签名错误",
    "clock": "时间戳超出允许范围",
    "no_day": "没有该日数据",
    "busy": "系统繁忙，请稍后查询",
    "kicked_out": "该商户已在别处登录",
    "no_card": "没有这张卡",
}
"""What may be wrong, in this program's words, and the sentence beside the code. Each manner has a code for what it may say."""
DETAILS = ("id_number", "branch", "cnaps", "province", "city")
T = TypeVar("T")
ACCOUNT_TYPES = {"": "private", "PRIVATE": "private", "CORPORATE": "corporate"}


class Rejected(Exception):
    """A request that is not even looked at. `problem` is a word of PROBLEMS."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    method: str
    path: str  # with its query, without the prefix of the manner
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    order_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFigures:
    day: date


Asked = Submit | Query | CardToBind | BindMany | ListCards | Unbind | AskFigures | AskStatement


@dataclass(frozen=True, slots=True)
class Voice:
    """To whom, in answer to what, and whether the signature is spoilt on purpose."""

    merchant: Merchant
    path: str = ""
    spoilt: bool = False

    def sign(self, signature: str) -> str:
        return signature[::-1] if self.spoilt else signature


class Manner(ABC):
    code: ClassVar[str]
    title: ClassVar[str]
    deduplicates: ClassVar[bool]
    takes_deposits: ClassVar[bool] = False
    """Does the company keep what a merchant pays in apart from what it collects, to pay out of?"""
    keys: ClassVar[tuple[str, ...]]
    """What must be given at registration."""
    interfaces: ClassVar[Mapping[str, str]]
    """`METHOD /path` → a name of switches.INTERFACES. A path that ends in a slash stands for all below it."""

    def complete_keys(self, given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
        """The keys to keep, with what the manner makes itself; `known` is what it kept before."""
        return dict(given)

    def told(self, keys: Mapping[str, str]) -> dict[str, str]:
        """What the merchant must be told after registration."""
        return {}

    def interface(self, incoming: Incoming) -> str | None:
        path = f"{incoming.method} {incoming.path.partition('?')[0]}"
        return next(
            (
                name
                for rule, name in self.interfaces.items()
                if path == rule or (rule.endswith("/") and path.startswith(rule))
            ),
            None,
        )

    @abstractmethod
    def caller(self, incoming: Incoming) -> tuple[str, str]:
        """Who says they are calling: ("merchant_no", …) or the name and value of one of the keys."""

    @abstractmethod
    def read(self, incoming: Incoming, interface: str, merchant: Merchant) -> Asked:
        """Verify and understand, or Rejected."""

    @abstractmethod
    def payout(self, voice: Voice, payout: Payout) -> Outgoing: ...

    @abstractmethod
    def problem(self, voice: Voice, problem: str, *, order_no: str = "", amount_minor: int | None = None) -> Outgoing:
        """A refusal or an error, signed like everything else."""

    @abstractmethod
    def card(self, voice: Voice, card: Card) -> Outgoing: ...

    @abstractmethod
    def figures(self, voice: Voice, account: Account) -> Outgoing: ...

    @abstractmethod
    def callback(self, voice: Voice, payout: Payout) -> Outgoing: ...

    @abstractmethod
    def satisfied(self, answer: bytes) -> bool:
        """Is this the word that ends the callbacks?"""


class BindsMany(ABC):
    """A company that takes many cards at once."""

    @abstractmethod
    def cards(self, voice: Voice, batch: str, cards: Sequence[Card]) -> Outgoing: ...


class KeepsCards(ABC):
    """A company that tells which cards are bound, and lets them go."""

    page_size: ClassVar[int]

    @abstractmethod
    def card_page(self, voice: Voice, page: Page) -> Outgoing: ...

    @abstractmethod
    def unbound(self, voice: Voice, unbound: Unbound) -> Outgoing: ...


class KeepsStatements(ABC):
    """A company that tells what it did on a day, line by line."""

    lines_a_page: ClassVar[int]

    @abstractmethod
    def statement(self, voice: Voice, statement: Statement) -> Outgoing: ...


def one_of(words: Mapping[str, T], text: str) -> T:
    if text not in words:
        raise Rejected("malformed")
    return words[text]


def text_of(fields: Mapping[str, object], name: str, *, optional: bool = False) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or not (value or optional) or len(value) > 128:
        raise Rejected("malformed")
    return value


def json_object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise Rejected("malformed") from problem
    if not isinstance(found, dict):
        raise Rejected("malformed")
    return found


def json_bytes(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise Rejected("malformed") from problem


def check_clock(seconds_text: str, *, per_second: int = 1) -> None:
    """Refuse a request written long ago or in the future."""
    if not seconds_text.isdecimal() or len(seconds_text) > 15:
        raise Rejected("clock")
    if abs(int(seconds_text) / per_second - clock.now().timestamp()) > CLOCK_TOLERANCE_S:
        raise Rejected("clock")
