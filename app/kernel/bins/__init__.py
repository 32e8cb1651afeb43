"""Whose card is it? What two public lists of card prefixes say: a hint, years old, and never a reason to refuse.

The tables and where they are from: NOTICE.md beside this file; tools/bins.py made them.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from app.kernel import banks
from app.kernel.bank_card import normalise, passes_luhn
from app.kernel.banks import Bank

_HERE = Path(__file__).parent
LENDS = frozenset({"credit", "semi_credit"})
"""Kinds of card that lend money: 信用卡 and 准贷记卡."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What is told of a card number.

    One bank and `agree`: both lists say so, it is as good as sure. One bank: only one list knows the number. Two banks:
    the lists contradict each other, bankcardinfo's first. None: nobody knows it, which says nothing against the card.

    `kind` is debit | credit | semi_credit | prepaid, or "" when nobody tells it or the lists contradict each other.
    """

    banks: tuple[Bank, ...] = ()
    kind: str = ""
    agree: bool = False

    @property
    def bank(self) -> Bank | None:
        """The one bank that is told; None where there is no word, or more than one."""
        return self.banks[0] if len(self.banks) == 1 else None

    @property
    def lends(self) -> bool:
        return self.kind in LENDS


def look_up(number: str) -> Hint:
    """What is told of a whole number, digits only, as `BankCard.number` holds it. The longest prefix is the nearest."""
    return of_head(head(number), len(number))


_LONG = re.compile("[0-9]{12,19}")
_NETWORKS = re.compile("62|4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[457]")
"""UnionPay, Visa, Mastercard, American Express and JCB (ISO/IEC 7812-1: the first digits are given to them alone)."""


def names_card(text: str) -> bool:
    """Is there a card in a customer's own number? One number of ten passes Luhn by chance: here its first digits count too."""
    found = [number for number in _LONG.findall(normalise(text)) if passes_luhn(number)]
    return any(_NETWORKS.match(number) or look_up(number).banks for number in found)


def head(number: str) -> str:
    """As much of a number as decides what is told of it: six digits, ten where there are longer prefixes."""
    six = number[:6]
    return number[:10] if six in _longer() else six


@lru_cache(maxsize=8192)
def of_head(head: str, length: int) -> Hint:
    """What is told of all numbers of this length that begin so (`head`). Kept by that: no whole number stays in memory."""
    first, second = _tables()
    return _hint(_told(first, head, length), _told(second, head, length))


Told = tuple[Bank, str]
_Table = dict[int, tuple[tuple[int, dict[str, Told]], ...]]
"""Length of the whole number → sizes of prefix, longest first, each with its prefixes."""

_ANY_LENGTH = range(12, 20)  # ISO/IEC 7812, as BankCard reads them


def _told(table: _Table, head: str, length: int) -> Told | None:
    for size, prefixes in table.get(length, ()):
        told = prefixes.get(head[:size])
        if told is not None:
            return told
    return None


@cache
def _longer() -> frozenset[str]:
    """The first six digits under which there are prefixes of seven to ten."""
    prefixes = (it for table in _tables() for by_size in table.values() for _size, them in by_size for it in them)
    return frozenset(prefix[:6] for prefix in prefixes if len(prefix) > 6)


@cache
def _tables() -> tuple[_Table, _Table]:
    return _table("bankcardinfo.csv"), _table("cardbin.csv")


def _table(file: str) -> _Table:
    found: dict[int, dict[int, dict[str, Told]]] = {}
    for prefix, length, bank, kind in _rows(file):
        for whole in (int(length),) if length else _ANY_LENGTH:
            found.setdefault(whole, {}).setdefault(len(prefix), {})[prefix] = bank, kind
    return {whole: tuple(sorted(sizes.items(), reverse=True)) for whole, sizes in found.items()}


def _rows(file: str) -> Iterator[tuple[str, str, Bank, str]]:
    """Rows whose bank banks.toml knows; the few others (a card company in Korea, a lender in Hong Kong) are no banks."""
    with (_HERE / file).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            bank = banks.find(row["bank"])
            if bank:
                yield row["prefix"], row["length"], bank, row["kind"]


def _hint(first: Told | None, second: Told | None) -> Hint:
    if first is None or second is None:
        told = first or second
        return Hint((told[0],), told[1]) if told else Hint()
    agree = first[0] == second[0]
    return Hint((first[0],) if agree else (first[0], second[0]), _kind(first[1], second[1]), agree)


def _kind(first: str, second: str) -> str:
    """Of two that both lend, bankcardinfo's: it tells them apart, cardbin's names (信用卡) often do not."""
    if {first, second} <= LENDS or not second:
        return first
    return second if first in ("", second) else ""
