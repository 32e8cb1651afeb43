"""What an upload is judged by: which column of the file is meant, what may be accepted, how many rows are good. Pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.kernel.cells import REPAIRS, Column, Kind
from app.kernel.errors import Text
from app.kernel.written import TITLES

KEEP_OPEN_DAYS = 3
"""An upload that nobody confirmed is erased after so many days."""
KEEP_DAYS = 30
"""Rows and results of a confirmed one."""
ROWS_SHOWN = 50
HEADER_WITHIN = 10
"""The header is looked for in the first rows; titles and remarks may stand above it."""

_SYNONYMS = {Kind(kind): names.split() for kind, names in TITLES.items()}
_NOISE = re.compile(r"[（(【\[].*?[)）】\]]|[\s*＊:：_\-./]+")


@dataclass(frozen=True, slots=True)
class Matching:
    """Which column of the file (from 0) each key is. `sure`: every one by the template's own words."""

    columns: Mapping[str, int]
    sure: bool
    missing: Sequence[str] = ()
    doubled: Sequence[str] = ()
    """Titles in the file that more than one of its columns carries."""


def match(columns: Sequence[Column], titles: Sequence[str]) -> Matching:
    """Find the template's columns by title, then by alias, then by the common names of their kind (which is not sure)."""
    written, words = [_trimmed(title) for title in titles], [_bare(title) for title in titles]
    found: dict[str, int] = {}
    twice: list[str] = []
    sure = True
    for own, read, spelled in ((True, _trimmed, written), (True, _bare, words), (False, _bare, words)):
        for column in columns:
            if column.key in found:
                continue
            names = (column.title, *column.aliases) if own else _SYNONYMS.get(column.kind, ())
            meant = [word for word in map(read, names) if word]
            places = [place for word in meant for place, it in enumerate(spelled) if it == word]
            place = next((place for place in places if place not in found.values()), None)
            if place is not None:
                found[column.key] = place
                sure = sure and own
                alike = [title for title, it in zip(titles, spelled, strict=True) if it == spelled[place]]
                twice += alike if len(alike) > 1 else []
    doubled = list(dict.fromkeys(title.strip() for title in twice))
    missing = [column.key for column in columns if column.required and column.key not in found]
    return Matching(found, sure and not missing and not doubled, missing, doubled)


def header_at(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """Which of the first rows holds the titles: the one in which most columns are found; the first, where none is."""
    best, place = 0, 0
    for index, titles in enumerate(rows[:HEADER_WITHIN]):
        count = len(match(columns, titles).columns)
        if count > best:
            best, place = count, index
    return place


def _trimmed(title: str) -> str:
    return unicodedata.normalize("NFKC", title).strip().lower()


def _bare(title: str) -> str:
    return _NOISE.sub("", unicodedata.normalize("NFKC", title)).lower()


# What was accepted


@dataclass(slots=True)
class Decisions:
    """What people accepted: patterns of repairs for the whole sheet, and all of a single row's."""

    patterns: set[str] = field(default_factory=set)
    rows: dict[int, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, object]) -> "Decisions":
        patterns, rows = told.get("patterns", ()), told.get("rows", {})
        assert isinstance(patterns, Collection) and isinstance(rows, Mapping)
        return cls(set(patterns), {int(row): list(accepted) for row, accepted in rows.items()})

    def as_json(self) -> dict[str, object]:
        return {"patterns": sorted(self.patterns), "rows": {str(row): it for row, it in sorted(self.rows.items())}}

    def accept(self, row: int, pattern: str) -> bool:
        return pattern in self.patterns or pattern in self.rows.get(row, ())

    def cover(self, row: int, needed: Iterable[str]) -> bool:
        """Is everything accepted that this row cannot do without?"""
        return all(self.accept(row, pattern) for pattern in needed)


SEPARATOR = "|"
"""Between the patterns of a group: all the repairs that a row cannot do without, in order."""


def group_of(patterns: Iterable[str]) -> str:
    return SEPARATOR.join(sorted(set(patterns)))


def patterns_of(group: str) -> list[str]:
    return group.split(SEPARATOR) if group else []


@dataclass(slots=True)
class Pattern:
    """One kind of repair on offer, over the whole sheet. `row` is its first.

    The example is made from it when it is shown: rows are sealed, the tally is not.
    """

    count: int
    needed: bool
    row: int
    before: str = ""
    after: str = ""


@dataclass(slots=True)
class Found:
    """One kind of fault or warning, over the whole sheet."""

    key: str
    template: str
    values: dict[str, object]
    count: int
    row: int

    @property
    def text(self) -> Text:
        return Text(self.template, **self.values)


@dataclass(slots=True)
class Tally:
    """What was found in all rows. `groups`: rows without faults, by the repairs they need ("" needs none)."""

    rows: int = 0
    faulty: int = 0
    warned: int = 0
    groups: dict[str, int] = field(default_factory=dict)
    sums: dict[str, dict[str, int]] = field(default_factory=dict)
    """By the same groups: what the room above adds up of its rows, by its own names."""
    patterns: dict[str, Pattern] = field(default_factory=dict)
    faults: list[Found] = field(default_factory=list)
    warnings: list[Found] = field(default_factory=list)

    def good(self, decisions: Decisions) -> int:
        """How many rows can be taken as things stand."""
        return sum(self.groups[group] for group in self._covered(decisions)) + len(self.alone(decisions))

    def sum_of_covered(self, name: str, decisions: Decisions) -> int:
        """What the good rows add up to, but for those that were accepted alone."""
        return sum(self.sums[group][name] for group in self._covered(decisions))

    def alone(self, decisions: Decisions) -> list[int]:
        """Rows that were accepted one by one, and not already with all their like. What they can do without does not count."""
        dispensable = {name for name, found in self.patterns.items() if not found.needed}
        return [
            row for row, accepted in decisions.rows.items() if not set(accepted) - dispensable <= decisions.patterns
        ]

    def _covered(self, decisions: Decisions) -> list[str]:
        return [group for group in self.groups if set(patterns_of(group)) <= decisions.patterns]

    def repairable(self, decisions: Decisions) -> int:
        """How many rows wait for nothing but a yes to the doctor's proposals."""
        return self.rows - self.faulty - self.good(decisions)


class Status:
    """Of a row to look at."""

    FAULTY, REPAIRABLE, WARNED = "f", "r", "w"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A row to look at, without its contents: enough to find it and to count."""

    row: int
    status: str
    group: str
    faults: tuple[int, ...] = ()
    """Places in the tally's faults (and, for warned rows, warnings)."""


def said(pattern: str, columns: Collection[Column]) -> list[str]:
    """A kind of repair (`number:space+width`) in words: the columns' titles, then what would be done."""
    keys, _, codes = pattern.partition(":")
    titles = {column.key: column.title for column in columns}
    return [titles.get(key, key) for key in keys.split(",")] + [REPAIRS[code] for code in codes.split("+")]
