"""Banks: what people call them, and which one is meant.

The names are facts and stand in banks.toml. A name that is not surely a bank's is nobody's: nothing is guessed.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

_FILE = Path(__file__).with_suffix(".toml")
# Between the characters of a name as people and sheets write it: blanks of all widths, zero-width marks, dots, dashes.
_BETWEEN = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u00b7\u30fb.,\u3001\u3002'\"_-]+")


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank by its official name (without the company form) and a code that is its own.

    `bank_class` is the first three digits of its CNAPS numbers (行别代码), "" where several banks share them or where
    we are not sure.
    """

    code: str
    name: str
    bank_class: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Named:
    """What was read: the bank, and the rest of the text if it tells a branch. A hint: nobody checked the branch."""

    bank: Bank
    branch: str = ""


def find(text: str) -> Bank | None:
    """The bank that a person means: its name, a usual other name, or either with a branch behind it."""
    named = read(text)
    return named.bank if named else None


def same(one: str, other: str) -> bool:
    """Do both texts name the same bank? Names that nobody knows are the same when they are written the same."""
    first, second = find(one), find(other)
    return first == second if first and second else plain(one) == plain(other) != ""


@lru_cache(maxsize=4096)
def read(text: str) -> Named | None:
    """`find`, with the branch. The longest known name wins, and what follows it must end as a branch's name does."""
    known, written = _known(), plain(text)
    if written in known.names:
        return Named(known.names[written])
    if not written.rstrip(")").endswith(known.branch):
        return None
    for size in range(min(len(written) - 1, known.longest), 1, -1):
        name = written[:size]
        if name in known.names and (name.endswith(known.ending) or name in known.surely):
            return Named(known.names[name], written[size:].strip("()"))
    return None


def plain(text: str) -> str:
    """A name without what does not tell banks apart: width and case of letters, blanks, the form of the company."""
    return _known().company.sub("", _bare(text))


def every() -> tuple[Bank, ...]:
    """All banks we know, in the order of the file: the large ones first."""
    return _known().banks


def by_code(code: str) -> Bank | None:
    return _known().codes.get(code)


def of_class(bank_class: str) -> Bank | None:
    """The bank that alone has this CNAPS class; None where several share it (313, 314, …) or nobody is known."""
    return _known().classes.get(bank_class)


@dataclass(frozen=True, slots=True)
class _Known:
    banks: tuple[Bank, ...]
    names: dict[str, Bank]
    codes: dict[str, Bank]
    classes: dict[str, Bank]
    company: re.Pattern[str]
    branch: tuple[str, ...]
    ending: tuple[str, ...]
    surely: frozenset[str]
    longest: int


@cache
def _known() -> _Known:
    """banks.toml, read once. Two banks of one code, one class or one name are a mistake in the file."""
    file = tomllib.loads(_FILE.read_text("utf-8"))
    words = file["words"]
    company = re.compile("|".join(map(re.escape, words["company"])))
    names: dict[str, Bank] = {}
    banks = []
    for group, rows in file["banks"].items():
        for name, (code, bank_class, others) in rows.items():
            bank = Bank(code, name, bank_class)
            banks.append(bank)
            called = [name, *others.split(), *_variants(name, file["variants"].get(group, []))]
            if group in ("large", "joint_stock", "policy"):
                called.append(code)
            for written in called:
                key = company.sub("", _bare(written))
                assert names.setdefault(key, bank) is bank, f"{written} is said of {names[key]} and of {bank}"
    codes = {bank.code: bank for bank in banks}
    classes = {bank.bank_class: bank for bank in banks if bank.bank_class}
    assert len(codes) == len(banks) and len(classes) == sum(bool(bank.bank_class) for bank in banks)
    return _Known(
        banks=tuple(banks),
        names=names,
        codes=codes,
        classes=classes,
        company=company,
        branch=tuple(words["branch"]),
        ending=tuple(words["ending"]),
        surely=frozenset(words["surely"]),
        longest=max(map(len, names)),
    )


def _bare(text: str) -> str:
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()


def _variants(name: str, rules: list[tuple[str, list[str]]]) -> list[str]:
    return [name.removesuffix(ending) + it for ending, instead in rules if name.endswith(ending) for it in instead]
