"""What a channel's adapter must be able to do, and what it may."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar

from app.channels.contract.values import (
    BindObservation,
    CardPage,
    CardToBind,
    CardToUnbind,
    Figures,
    Observation,
    Order,
    RawCallback,
    Reply,
    Request,
    Seen,
    StatementPage,
    UnbindObservation,
)
from app.kernel.errors import Text
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.kernel.payee import Payee


class Shape(StrEnum):
    """What a parameter must look like."""

    TEXT = "text"
    URL = "url"
    NUMBER = "number"
    CHOICE = "choice"
    PRIVATE_KEY = "private_key"
    PUBLIC_KEY = "public_key"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One parameter of a channel account, as its settings page asks for it. A secret one is never shown again.

    `choices`: value and label of each, for Shape.CHOICE. `default` stands where nothing is given.
    """

    name: str
    label: str
    secret: bool = False
    multiline: bool = False
    example: str = ""
    shape: Shape = Shape.TEXT
    optional: bool = False
    default: str = ""
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()


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
    kicked_out_words: ClassVar[frozenset[str]] = frozenset()
    """Their codes for: somebody else signed in where only one may (只允许一个人登录). Whatever was asked, such an answer is
    raised as KickedOut, once its signature was verified."""
    callback_answer: ClassVar[str] = "success"
    """What the channel wants to read when a callback was taken."""
    pays_to: ClassVar[frozenset[Payee]] = frozenset({Payee.BANK_CARD})
    funds: ClassVar[frozenset[Funds]] = frozenset({Funds.COLLECTED})
    """Of which of our money there a payment may be made: where it is one balance to them, it is the collected one to us."""
    verified: ClassVar[bool] = True
    """Was it proved against the third party itself? False: written by its documents alone, and people are told so."""
    basis: ClassVar[str] = ""
    """What it was written by, in its author's words. "": nothing is known beyond the above."""

    @classmethod
    def lacks(cls, *, bank: str, branch: Mapping[str, str]) -> Text | None:
        """Why a company's account (对公) at this bank and branch cannot be paid to: its document knows no such payment, or
        asks for what is not there. None: it can. People are told before anything is made."""
        return None

    def __init__(self, settings: Mapping[str, str]) -> None:
        declared = type(self).settings
        self.given = {setting.name: settings.get(setting.name) or setting.default for setting in declared}
        missing = [setting.name for setting in declared if not (setting.optional or self.given[setting.name])]
        assert not missing, f"{self.code}: settings missing: {missing}"

    @classmethod
    def flaws(cls, given: Mapping[str, str]) -> Mapping[str, Text]:
        """What is wrong with these parameters beyond the shape of each, by the name of the one to look at. All that must be
        there are there, and well formed."""
        return {}

    def secrets(self) -> Sequence[str]:
        """What of the settings nobody may see, in every form in which it travels."""
        return [text for it in type(self).settings if it.secret and (text := self.given[it.name])]

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


class ReadsStatements(ABC):
    """The channel tells what it paid on a business day and what came back on it, line by line and page by page."""

    @abstractmethod
    def write_statement(self, day: date, after: str) -> Request:
        """`after`: "" for the first page, else the `next` of the page before."""

    @abstractmethod
    def read_statement(self, day: date, after: str, reply: Reply) -> StatementPage:
        """Unreadable unless it is of this day and this page. A word that no document lists is PENDING."""


class ReadsBalance(ReadsFigures):
    """The channel tells what is left on the account at this moment, and nothing of what came in on any day."""

    @abstractmethod
    def write_balance(self) -> Request: ...

    @abstractmethod
    def read_balance(self, reply: Reply) -> Money: ...

    def write_figures(self, day: date) -> Request:
        return self.write_balance()

    def read_figures(self, day: date, reply: Reply) -> Figures:
        left = self.read_balance(reply)
        return Figures(day=day, total=ZERO, yesterday=ZERO, today=ZERO, settled=ZERO, settleable=left)
