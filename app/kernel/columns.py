"""What is to be said about the rows of a sheet: faults, repairs on offer, and what is only odd. Pure.

A row is judged as a whole: whose account it is decides what its number must look like, two columns may be the wrong way
round, and the first digits of a card say something about its bank.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from app.kernel import banks, bins, regions
from app.kernel.cells import LONGEST, Cell, Column, Kind, Read, parse, plain, quick, read_number, tidy
from app.kernel.errors import Text, gettext_noop
from app.kernel.written import ACCOUNT_TYPES, CORPORATE

OTHER_BANK = gettext_noop("卡号像是%(banks)s的，这里写的是%(bank)s")
CREDIT_CARD = gettext_noop("像是信用卡：可以绑定，但信用卡不能收提现款")
_TELLING = frozenset({Kind.CARD, Kind.ID_NUMBER, Kind.PHONE, Kind.CNAPS})
"""Kinds whose form or check digit tells them from everything else: only with one of them, two columns are seen as swapped."""


class Fault(NamedTuple):
    """Something about a cell, for people: a sentence of the catalogue and its values."""

    key: str
    template: str
    values: Mapping[str, object]

    @property
    def text(self) -> Text:
        return Text(self.template, **self.values)


class Fix(NamedTuple):
    """A repair on offer. `pattern` names all like it (`number:space+width`); `needed`: the row is no good without it."""

    pattern: str
    cells: Mapping[str, str]
    needed: bool


@dataclass(slots=True)
class Verdict:
    """What is to be said about one row. A row without faults whose needed fixes were all accepted is good."""

    faults: list[Fault] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.faults or self.fixes or self.warnings)


class Judge:
    """Reads rows of a sheet against a template's columns; `cells` are in the order of the columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._patterns = [re.compile(column.pattern) if column.pattern else None for column in columns]
        self._at = {column.kind: place for place, column in reversed(list(enumerate(columns)))}
        self._quick = [quick(column) for column in columns]
        self._may_be_empty = [not column.required and column.kind is not Kind.BANK for column in columns]

    def judge(self, cells: Sequence[Cell]) -> Verdict:
        """Everything there is to say about this row. Raises nothing: whatever stands in a cell is somebody's data."""
        verdict = Verdict()
        corporate = self._is_corporate(cells)
        if not corporate and self._is_plainly_right(cells):
            return verdict
        reads: list[Read | None] = []
        for place, cell in enumerate(cells):
            is_right = self._quick[place]
            if is_right is not None and not corporate and type(cell) is str and is_right(cell):
                reads.append(None)
            else:
                reads.append(self._read(place, cell, corporate))
        if any(reads):
            self._note(verdict, cells, reads, corporate)
        self._compare_bank(verdict, cells, reads, corporate)
        return verdict

    def _is_plainly_right(self, cells: Sequence[Cell]) -> bool:
        """Most rows are: seen in a few microseconds. A no means: look closely."""
        for cell, is_right, may_be_empty in zip(cells, self._quick, self._may_be_empty, strict=True):
            if not (may_be_empty if cell is None else is_right is not None and type(cell) is str and is_right(cell)):
                return False
        card, bank = self._at.get(Kind.CARD), self._at.get(Kind.BANK)
        if card is None or cells[card] is None:
            return True
        number = str(cells[card])
        return _nothing_odd(bins.head(number), len(number), "" if bank is None else str(cells[bank]))

    def _is_corporate(self, cells: Sequence[Cell]) -> bool:
        place = self._at.get(Kind.ACCOUNT_TYPE)
        if place is None:
            return False
        cell = cells[place]
        return cell == CORPORATE or ACCOUNT_TYPES.get(tidy(plain(cell), Kind.CHOICE)[0].lower()) == CORPORATE

    def _read(self, place: int, cell: Cell, corporate: bool) -> Read:
        column = self.columns[place]
        if isinstance(cell, str) and not cell.strip():
            cell = None
        if cell is None:
            return Read("", fault=Text("必填，没有填")) if column.required else Read("")
        read = read_number(column, cell) if not isinstance(cell, str) else None
        if read is None:
            text, codes = tidy(plain(cell), column.kind)
            if not text:
                return Read("", codes, fault=Text("必填，没有填")) if column.required else Read("", codes)
            read = parse(column, text, codes, corporate)
            if read.optional:
                read = self._as_written(place, text, read)
            if read.text == cell and read.fault is None:
                read = Read(read.text)  # what is right already needs no repair on the way
        if read.fault is None and read.text:
            fault = self._fault_of_form(place, read.text)
            if fault is not None:
                return read._replace(fault=fault)
        return read

    def _as_written(self, place: int, text: str, read: Read) -> Read:
        """What may stay as it is: on offer only where the template allows both, needed where it does not allow it as it is."""
        if self._fault_of_form(place, text) is not None:
            return read._replace(optional=False)
        return Read(text) if self._fault_of_form(place, read.text) is not None else read

    def _fault_of_form(self, place: int, text: str) -> Text | None:
        """What the template itself asks for: length and pattern."""
        column = self.columns[place]
        longest = column.longest or LONGEST.get(column.kind, 200)
        if len(text) > longest:
            return Text("太长：最多 %(count)d 个字", count=longest)
        if len(text) < column.shortest:
            return Text("太短：至少 %(count)d 个字", count=column.shortest)
        pattern = self._patterns[place]
        if pattern is not None and pattern.fullmatch(text) is None:
            return Text("与模版要求的格式不符，例如 %(example)s", example=column.example or column.pattern)
        return None

    def _note(self, verdict: Verdict, cells: Sequence[Cell], reads: list[Read | None], corporate: bool) -> None:
        swapped = self._swapped(cells, reads, corporate)
        if swapped is not None:
            one, other, texts = swapped
            keys = self.columns[one].key, self.columns[other].key
            verdict.fixes.append(Fix(f"{keys[0]},{keys[1]}:swap", dict(zip(keys, texts, strict=True)), True))
        split = self._split(reads, corporate)
        if split is not None:
            keys = self.columns[split[0][0]].key, self.columns[split[0][1]].key
            verdict.fixes.append(Fix(f"{keys[0]},{keys[1]}:split", dict(zip(keys, split[1], strict=True)), True))
        settled = {*(swapped[:2] if swapped else ()), *(split[0] if split else ())}
        for place, read in enumerate(reads):
            if read is None or place in settled:
                continue
            key = self.columns[place].key
            if read.fault is not None:
                verdict.faults.append(Fault(key, read.fault.template, read.fault.values))
            elif read.codes:
                pattern = f"{key}:{'+'.join(read.codes)}"
                verdict.fixes.append(Fix(pattern, {key: read.text}, not read.optional))

    def _swapped(
        self, cells: Sequence[Cell], reads: list[Read | None], corporate: bool
    ) -> tuple[int, int, tuple[str, str]] | None:
        """Two columns that are both wrong as they stand, and both right the other way round.

        Whose account it is stays out of it: by that, all the others were read.
        """
        bad = [
            place
            for place, read in enumerate(reads)
            if read is not None
            and read.fault
            and cells[place] is not None
            and self.columns[place].kind is not Kind.ACCOUNT_TYPE
        ]
        for index, one in enumerate(bad):
            for other in bad[index + 1 :]:
                if self.columns[one].kind in _TELLING or self.columns[other].kind in _TELLING:
                    here, there = self._read(one, cells[other], corporate), self._read(other, cells[one], corporate)
                    if here.fault is None and there.fault is None and here.text and there.text:
                        return one, other, (here.text, there.text)
        return None

    def _split(self, reads: list[Read | None], corporate: bool) -> tuple[tuple[int, int], tuple[str, str]] | None:
        """广东省深圳市 in the column of provinces, and nothing in that of cities."""
        province, city = self._at.get(Kind.PROVINCE), self._at.get(Kind.CITY)
        if province is None or city is None or reads[province] is None:
            return None
        read, empty = reads[province], reads[city]
        if read is None or read.fault is None or empty is None or empty.text:
            return None
        found = regions.split(read.text)
        if found is None:
            return None
        here, there = self._read(province, found[0], corporate), self._read(city, found[1], corporate)
        return None if here.fault or there.fault else ((province, city), (here.text, there.text))

    def _compare_bank(self, verdict: Verdict, cells: Sequence[Cell], reads: list[Read | None], corporate: bool) -> None:
        """What the first digits of a private card say about its bank and its kind. A hint: it never refuses."""
        card = self._at.get(Kind.CARD)
        if card is None or corporate:
            return
        read = reads[card]
        number = cells[card] if read is None else read.text if read.fault is None else ""
        if not isinstance(number, str) or not number:
            return
        hint = bins.look_up(number)
        if hint.lends:
            verdict.warnings.append(Fault(self.columns[card].key, CREDIT_CARD.template, {}))
        place = self._at.get(Kind.BANK)
        if place is None or not hint.banks:
            return
        key, written = self.columns[place].key, reads[place]
        text = cells[place] if written is None else written.text
        if not text:
            if plain(cells[place]).strip() == "":
                self._offer_bank(verdict, place, hint)
            return
        known = banks.find(text) if isinstance(text, str) else None
        if known is not None and all(known.code != bank.code for bank in hint.banks):
            names = "、".join(bank.name for bank in hint.banks)
            verdict.warnings.append(Fault(key, OTHER_BANK.template, {"banks": names, "bank": known.name}))

    def _offer_bank(self, verdict: Verdict, place: int, hint: "bins.Hint") -> None:
        """An empty bank may be filled in from the card, where the sources do not contradict each other."""
        key = self.columns[place].key
        if hint.bank is None or self._read(place, hint.bank.name, corporate=False).fault is not None:
            return
        needed = self.columns[place].required
        if needed:
            verdict.faults = [fault for fault in verdict.faults if fault.key != key]
        verdict.fixes.append(Fix(f"{key}:bank_bin", {key: hint.bank.name}, needed))


@lru_cache(maxsize=8192)
def _nothing_odd(head: str, length: int, bank: str) -> bool:
    """Is there nothing to say about such a card (`bins.head`) at this bank ("": nobody said which)?"""
    hint = bins.of_head(head, length)
    known = banks.find(bank) if bank else None
    return not hint.lends and (known is None or not hint.banks or known in hint.banks)
