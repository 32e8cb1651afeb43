"""核对: read an uploaded sheet in a child process and judge its rows. Called with no transaction open, like the gateway.

Killed at any row it is simply begun anew: blocks are written with the number of the look that made them, and only a look
that came to its end is believed.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import delete, update

from app.kernel import bins, clock, payee
from app.kernel.bank_card import mask, mask_runs
from app.kernel.cells import Cell, Column, Kind, plain
from app.kernel.columns import Fault, Judge, Verdict
from app.kernel.errors import Text, gettext_noop
from app.kernel.id_number import mask_id
from app.kernel.phone import mask_phone
from app.runtime import live_events, sheet, vault
from app.runtime.db import changed, db, insert, let_go, transaction
from app.uploads import queries
from app.uploads.intake import TOPIC, move, sentence
from app.uploads.models import Upload, UploadBlock
from app.uploads.queries import SheetRow
from app.uploads.rules import HEADER_WITHIN, Found, Matching, Pattern, Status, Tally, group_of, header_at, match
from app.uploads.states import State

ROWS_A_BLOCK = 500
BLOCKS_A_COMMIT = 10
NO_INDEX = bytes(32)
TWICE = gettext_noop("与第 %(row)d 行重复")

Known = Callable[[Sequence[bytes]], Mapping[bytes, Text]]
"""What the room above knows of these rows already, by their blind index."""
Settled = Callable[[SheetRow, str], str | None]
"""The text of a row's column (by key) with the repair that is on offer; None, if it is wrong."""
Compare = Callable[[Sequence[SheetRow], Sequence[bytes], Settled], None]
"""Add to the verdicts of these rows what only shows beside others. Beside each its index, `NO_INDEX` where it has none."""
Weigh = Callable[[Callable[[str], str | None]], Mapping[str, int]]
"""From the texts of a row without faults, by key: what is to be added up, by the names of the room above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the room above wants its sheets read. `index`: the blind index (32 bytes) of the text of `index_key`."""

    columns: Sequence[Column]
    index_key: str
    index: Callable[[str], bytes]
    compare: Compare
    weigh: Weigh | None = None


class Once:
    """Compares: each index only once in a sheet, and none that the room above knows already."""

    def __init__(self, key: str, known: Known) -> None:
        self.key, self.known = key, known
        self._seen: dict[bytes, int] = {}

    def __call__(self, rows: Sequence[SheetRow], indexes: Sequence[bytes], _settled: Settled) -> None:
        known = self.known([index for index in indexes if index != NO_INDEX])
        for one, index in zip(rows, indexes, strict=True):
            if index == NO_INDEX:
                continue
            first = self._seen.setdefault(index, one.row)
            if first != one.row:
                one.verdict.faults.append(Fault(self.key, TWICE.template, {"row": first}))
            elif (text := known.get(index)) is not None:
                one.verdict.faults.append(Fault(self.key, text.template, text.values))


def check(reference: str, plan: Plan) -> None:
    """Read the whole file and keep what is to be said about it. An upload that was checked or closed meanwhile stays so."""
    upload = queries.upload(reference)
    if upload.state != State.CHECKING:
        return
    mapping = json.loads(upload.mapping)
    content = b"".join(queries.file(upload))
    key = queries.key_of(upload)
    upload_id = upload.id
    with transaction():
        db.session.execute(delete(UploadBlock).where(UploadBlock.upload_id == upload_id))
    let_go()
    look = _Look(reference, upload_id, key, plan, mapping)
    try:
        with sheet.reading(content) as book:
            if not look.begin(book):
                _close(reference, "doubt", look)
                return
            look.read(book)
            look.meta = look.meta | _meta(book)
    except _Closed:
        return
    except sheet.Unfit as unfit:
        look.trouble = [*sentence(unfit.text), *sentence(unfit.advice)]
        _close(reference, "refuse", look)
        return
    _close(reference, "pass", look)


def _close(reference: str, verb: str, look: "_Look") -> None:
    with transaction():
        upload = queries.held(reference)
        if upload.state != State.CHECKING:
            return
        move(
            upload,
            verb,
            checked_at=clock.now(),
            meta=json.dumps(look.meta, ensure_ascii=False),
            mapping=json.dumps(look.mapping),
            tally=queries.told(look.tally),
            rows_read=look.tally.rows,
            trouble=json.dumps(look.trouble, ensure_ascii=False) if look.trouble else "",
        )


def _meta(book: "sheet.Book") -> dict[str, object]:
    told = book.meta
    return {
        "format": told.format,
        "sheet": told.sheet,
        "encoding": told.encoding,
        "other_sheets": told.other_sheets,
        "hidden_rows": told.hidden_rows,
        "hidden_columns": told.hidden_columns,
        "formulas": told.formulas,
        "merged": told.merged,
    }


class _Closed(Exception):
    """Somebody threw the upload away, or its time was over, while it was read."""


class _Look:
    """One reading of a sheet from the first row to the last."""

    def __init__(
        self, reference: str, upload_id: int, key: vault.DataKey, plan: Plan, mapping: Mapping[str, int]
    ) -> None:
        self.reference, self.upload_id, self.key, self.plan = reference, upload_id, key, plan
        self.mapping = dict(mapping)
        self.judge = Judge(plan.columns)
        self.tally = Tally()
        self.meta: dict[str, object] = {}
        self.trouble: list[object] = []
        self._waiting: list[sheet.Row] = []
        self._number = 0
        self._faults = _Register(self.tally.faults)
        self._warnings = _Register(self.tally.warnings)
        self._told_at = 0.0

    def begin(self, book: "sheet.Book") -> bool:
        """Find the header. False: people must say which column is which."""
        self._first = iter(book)
        head = next(self._first, [])
        titles = [[plain(cell) for cell in cells] for _row, cells in head[:HEADER_WITHIN]]
        at = header_at(self.plan.columns, titles)
        row = head[at][0]
        width = max(len(one) for one in titles)
        header = titles[at] + [""] * (width - len(titles[at]))
        found: Matching = match(self.plan.columns, header)
        if not found.columns and any(_NUMBER.search(title) for title in header):  # no header at all: these are data
            row, header, at = 0, [""] * width, -1
        samples = [[self._sample(cell) for cell in line[:width]] for _row, line in head[at + 1 : at + 4]]
        kept = [self._sample(title) if _NUMBER.search(title) else title for title in header]
        self.meta = _meta(book) | {"header_row": row, "header": kept, "samples": samples}
        self.meta["missing"], self.meta["doubled"] = list(found.missing), list(found.doubled)
        self._waiting = head[at + 1 :]
        if self.mapping:
            return True
        self.mapping = dict(found.columns)
        return found.sure

    @staticmethod
    def _sample(cell: Cell) -> str:
        """Enough of a cell to see what its column is, nothing to keep."""
        text = plain(cell).strip()
        return mask(text) if sum(letter.isdigit() for letter in text) >= 8 else text[:1] + "*" * min(len(text) - 1, 3)

    def read(self, book: "sheet.Book") -> None:
        waiting: list[dict[str, object]] = []
        for rows in self._blocks():
            waiting.append(self._block(rows))
            if len(waiting) >= BLOCKS_A_COMMIT:
                self._write(waiting)
                waiting = []
        self._write(waiting)
        if not self.tally.rows:
            raise sheet.Unfit(Text("表头下面没有数据"), Text("请从第二行起填写后再上传"))

    def _blocks(self) -> Iterator[list[sheet.Row]]:
        rows = self._waiting
        for more in self._first:
            rows += more
            while len(rows) >= ROWS_A_BLOCK:
                yield rows[:ROWS_A_BLOCK]
                rows = rows[ROWS_A_BLOCK:]
        if rows:
            yield rows

    def _block(self, rows: list[sheet.Row]) -> dict[str, object]:
        """Judge these rows and make a block of them."""
        places = [self.mapping.get(column.key) for column in self.plan.columns]
        index_at = next(at for at, column in enumerate(self.plan.columns) if column.key == self.plan.index_key)
        judge, index = self.judge.judge, self.plan.index
        read: list[SheetRow] = []
        indexes: list[bytes] = []
        for row, cells in rows:
            width = len(cells)
            ours = [cells[place] if place is not None and place < width else None for place in places]
            verdict = judge(ours)
            read.append(SheetRow(row, list(cells), verdict))
            text = ours[index_at] if not verdict else _settled(verdict, self.plan.index_key, ours[index_at])
            indexes.append(index(text) if isinstance(text, str) and text else NO_INDEX)
        self.plan.compare(read, indexes, self._text)
        flawed = [flaw for one in read if (flaw := self._count(one)) is not None]
        self.tally.rows += len(read)
        number, self._number = self._number, self._number + 1
        return {
            "upload_id": self.upload_id,
            "number": number,
            "first_row": read[0].row,
            "last_row": read[-1].row,
            "row_count": len(read),
            "flawed": json.dumps(flawed, separators=(",", ":"), ensure_ascii=False),
            # A faulty row is never handed on: the same card in another sheet is not refused for its sake.
            "indexes": b"".join(
                NO_INDEX if one.verdict.faults else index for one, index in zip(read, indexes, strict=True)
            ),
            "body": self.key.seal(queries.packed(read), place=queries.place_of_block(self.reference, number)),
        }

    def _text(self, one: SheetRow, key: str) -> str | None:
        if any(fault.key == key for fault in one.verdict.faults):
            return None
        return plain(_settled(one.verdict, key, one.cell(self.mapping.get(key)))).strip()

    def _count(self, one: SheetRow) -> list[object] | None:
        verdict = one.verdict
        if not verdict:
            self._add("", one)
            return None
        warned = [self._warnings.count(fault, one.row) for fault in verdict.warnings]
        self.tally.warned += bool(warned)
        if verdict.faults:
            self.tally.faulty += 1
            return [one.row, Status.FAULTY, "", [self._faults.count(fault, one.row) for fault in verdict.faults]]
        for fix in verdict.fixes:
            known = self.tally.patterns.setdefault(fix.pattern, Pattern(0, fix.needed, one.row))
            known.count += 1
        group = group_of(one.needed())
        self._add(group, one)
        if group:
            return [one.row, Status.REPAIRABLE, group, []]
        return [one.row, Status.WARNED, "", warned] if warned else None

    def _add(self, group: str, one: SheetRow) -> None:
        self.tally.groups[group] = self.tally.groups.get(group, 0) + 1
        if self.plan.weigh is not None:
            sums = self.tally.sums.setdefault(group, {})
            for name, count in self.plan.weigh(partial(self._text, one)).items():
                sums[name] = sums.get(name, 0) + count

    def _write(self, blocks: list[dict[str, object]]) -> None:
        if not blocks:
            return
        with transaction():
            told = update(Upload).where(Upload.id == self.upload_id, Upload.state == State.CHECKING)
            if not changed(told.values(rows_read=self.tally.rows)):
                raise _Closed
            db.session.execute(insert(UploadBlock), blocks)
            if time.monotonic() - self._told_at > 0.5:
                self._told_at = time.monotonic()
                live_events.announce(TOPIC, self.reference)


def _settled(verdict: Verdict, key: str, cell: Cell) -> Cell:
    """The text a row is compared by: with its repair, if one is on offer; nothing, if it is wrong."""
    if any(fault.key == key for fault in verdict.faults):
        return None
    repaired = next((fix.cells[key] for fix in verdict.fixes if key in fix.cells), None)
    return repaired if repaired is not None else cell


def shown(kind: Kind, text: str) -> str:
    """A cell as pages show it: numbers masked, and what one would not see made visible."""
    core = text.strip()
    if not core:
        return _marked(text)
    before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
    cover = _COVERS.get(kind)
    if cover and not _ROUNDED.fullmatch(core):
        covered = cover(core)
    elif kind is Kind.CNAPS and len(core) <= 12:  # no secret, and no card
        covered = core
    elif kind is Kind.REFERENCE and not bins.names_card(core):
        covered = _marked(core, spaces=False)
    else:
        covered = _marked(_NUMBER.sub(lambda it: mask(it[0]), mask_runs(core)), spaces=False)
    return _marked(before) + covered + _marked(after)


_COVERS = {Kind.CARD: mask, Kind.PAYEE: payee.covered, Kind.ID_NUMBER: mask_id, Kind.PHONE: mask_phone}
_NUMBER = re.compile(r"\d{11,}")
"""What may be somebody's card, ID or phone number, in whatever column it stands."""
_ROUNDED = re.compile(r"[0-9]\.[0-9]{1,5}E\+[0-9]{1,2}", re.ASCII)
"""A card as a number: six digits are all that is left of it."""
_MARKS = {" ": "␣", "\t": "⇥", "\n": "↵", "\r": "↵", "\u3000": "␣", "\u00a0": "␣"}


def _marked(text: str, *, spaces: bool = True) -> str:
    marks = _MARKS if spaces else {mark: sign for mark, sign in _MARKS.items() if mark != " "}
    return "".join(marks.get(letter, letter if letter.isprintable() else "□") for letter in text)


@dataclass(slots=True)
class _Register:
    """Counts faults by column and sentence; the sentence's values are those of the first."""

    found: list[Found]
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, fault: Fault, row: int) -> int:
        place = self._places.get((fault.key, fault.template))
        if place is None:
            place = self._places[fault.key, fault.template] = len(self.found)
            self.found.append(Found(fault.key, fault.template, dict(fault.values), 0, row))
        self.found[place].count += 1
        return place
