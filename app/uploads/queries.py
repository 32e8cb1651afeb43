"""Reading uploads: their state, and their rows, block by block. Nothing here writes."""

import itertools
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Row, select

from app.channels import queries as channels
from app.kernel.cells import Cell, Column, plain
from app.kernel.columns import Fault, Fix, Verdict
from app.kernel.errors import NotThere, Text
from app.runtime import vault
from app.runtime.db import db
from app.runtime.listing import Listing, listing
from app.uploads.models import Upload as Upload
from app.uploads.models import UploadBlock, UploadPart
from app.uploads.rules import Decisions, Flaw, Found, Pattern, Tally

FILE = "file"


@dataclass(slots=True)
class SheetRow:
    """One row of the sheet: its cells as they stand, and what is to be said about them."""

    row: int
    cells: list[Cell]
    verdict: Verdict = field(default_factory=Verdict)

    def texts(self, columns: Sequence[Column], mapping: Mapping[str, int], decisions: Decisions) -> dict[str, str]:
        """The row by the template's keys, with the repairs that were accepted."""
        found = {column.key: plain(self.cell(mapping.get(column.key))).strip() for column in columns}
        for fix in self.verdict.fixes:
            if decisions.accept(self.row, fix.pattern):
                found |= fix.cells
        return found

    def cell(self, place: int | None) -> Cell:
        return self.cells[place] if place is not None and place < len(self.cells) else None

    def needed(self) -> list[str]:
        return [fix.pattern for fix in self.verdict.fixes if fix.needed]

    def is_good(self, decisions: Decisions) -> bool:
        return not self.verdict.faults and decisions.cover(self.row, self.needed())


def upload(reference: str) -> Upload:
    """By its reference; NotThere otherwise."""
    mine = select(Upload).where(Upload.reference == reference, channels.within_reach(Upload.account_id))
    found = db.session.scalars(mine).one_or_none() if "\0" not in reference else None
    if found is None:
        raise NotThere(reference)
    return found


def by_id(upload_id: int) -> Upload:
    return db.session.get_one(Upload, upload_id)


def held(reference: str) -> Upload:
    """The upload, locked until the transaction ends."""
    found = select(Upload).where(Upload.id == upload(reference).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def by_form_key(form_key: str) -> Upload | None:
    return db.session.scalars(select(Upload).where(Upload.form_key == form_key)).one_or_none()


def uploads(asked: Mapping[str, str], *, purpose: str, account_id: int | None) -> Listing:
    """The list page."""
    statement = select(
        Upload.id, Upload.reference, Upload.account_id, Upload.filename, Upload.state, Upload.rows_read, Upload.maker,
        Upload.made_at, Upload.size,
    ).where(Upload.purpose == purpose, channels.within_reach(Upload.account_id))  # fmt: skip
    if account_id is not None:
        statement = statement.where(Upload.account_id == account_id)
    kept = {name: asked[name] for name in ("account",) if asked.get(name)}
    return listing(statement, key=Upload.id.expression, asked=asked, kept=kept)


def same_file(upload: Upload) -> Row[*tuple[Any, ...]] | None:
    """The latest earlier upload of the very same bytes to this account for the same, that was not thrown away."""
    found = select(Upload.reference, Upload.maker, Upload.made_at, Upload.state).where(
        Upload.account_id == upload.account_id,
        Upload.purpose == upload.purpose,
        Upload.content_index == upload.content_index,
        Upload.id < upload.id,
        Upload.state.not_in(("discarded", "unfit")),
    )
    return db.session.execute(found.order_by(Upload.id.desc()).limit(1)).one_or_none()


def key_of(upload: Upload) -> vault.DataKey:
    """What opens its blocks and parts; vault.Sealed when it was erased."""
    return vault.DataKey.opened(upload.key_sealed, table="upload", column="key_sealed", row=upload.reference)


def place_of_block(reference: str, number: int) -> str:
    return f"upload_block|{reference}|{number}"


def place_of_part(reference: str, file: str, number: int) -> str:
    return f"upload_part|{reference}|{file}|{number}"


def file(upload: Upload, name: str = FILE) -> Iterator[bytes]:
    """The bytes of one of its files, piece by piece: an answer may send them when the upload's own session is over."""
    return _pieces(upload.id, upload.reference, key_of(upload), name)


def _pieces(upload_id: int, reference: str, key: vault.DataKey, name: str) -> Iterator[bytes]:
    for number in itertools.count():
        body = db.session.scalar(
            select(UploadPart.body).where(
                UploadPart.upload_id == upload_id, UploadPart.file == name, UploadPart.number == number
            )
        )
        if body is None:
            return
        yield key.unseal(body, place=place_of_part(reference, name, number))


def has_file(upload_id: int, name: str) -> bool:
    found = select(UploadPart.id).where(UploadPart.upload_id == upload_id, UploadPart.file == name).limit(1)
    return db.session.scalar(found) is not None


# Rows


def blocks(upload: Upload, *, after_row: int = 0) -> Iterator[list[SheetRow]]:
    """Its rows in order, some hundred at a time, from the row after this one on."""
    key, number = key_of(upload), -1
    while True:
        block = db.session.execute(
            select(UploadBlock.number, UploadBlock.body)
            .where(UploadBlock.upload_id == upload.id, UploadBlock.number > number, UploadBlock.last_row > after_row)
            .order_by(UploadBlock.number)
            .limit(1)
        ).one_or_none()
        if block is None:
            return
        number = block.number
        opened = _opened(key, upload.reference, number, block.body)
        yield [row for row in opened if row.row > after_row]


def rows(upload: Upload, numbers: Sequence[int]) -> list[SheetRow]:
    """These rows, in their order; rows that the sheet does not have are left out."""
    key, found = key_of(upload), []
    wanted = sorted(set(numbers))
    while wanted:
        block = db.session.execute(
            select(UploadBlock.number, UploadBlock.body, UploadBlock.last_row)
            .where(UploadBlock.upload_id == upload.id, UploadBlock.last_row >= wanted[0])
            .order_by(UploadBlock.number)
            .limit(1)
        ).one_or_none()
        if block is None:
            break
        opened = {row.row: row for row in _opened(key, upload.reference, block.number, block.body)}
        found += [opened[number] for number in wanted if number in opened]
        wanted = [number for number in wanted if number > block.last_row]
    return found


def flaws(upload: Upload, *, after_row: int = 0) -> Iterator[Flaw]:
    """The rows to look at, in order, without opening any of them."""
    blocks = (
        select(UploadBlock.flawed)
        .where(UploadBlock.upload_id == upload.id, UploadBlock.last_row > after_row, UploadBlock.flawed != "[]")
        .order_by(UploadBlock.number)
        .execution_options(yield_per=20)
    )
    for (flawed,) in db.session.execute(blocks):
        for row, status, group, faults in json.loads(flawed):
            if row > after_row:
                yield Flaw(row, status, group, tuple(faults))


def indexes(upload_ids: Sequence[int]) -> Iterator[bytes]:
    """The blind indexes of all rows of these uploads (32 bytes each), in no order."""
    blocks = select(UploadBlock.indexes).where(UploadBlock.upload_id.in_(upload_ids)).execution_options(yield_per=20)
    for (joined,) in db.session.execute(blocks):
        yield from (joined[at : at + 32] for at in range(0, len(joined), 32))


def rows_after(upload: Upload, after_row: int, count: int) -> list[SheetRow]:
    """The next rows of the sheet, up to so many."""
    found: list[SheetRow] = []
    for block in blocks(upload, after_row=after_row):
        found += block
        if len(found) >= count:
            break
    return found[:count]


def packed(rows: Sequence[SheetRow]) -> bytes:
    """Rows as a block holds them, before they are sealed."""
    plain_rows = [
        [it.row, it.cells]
        if not it.verdict
        else [it.row, it.cells, it.verdict.faults, it.verdict.fixes, it.verdict.warnings]
        for it in rows
    ]
    return zlib.compress(json.dumps(plain_rows, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _opened(key: vault.DataKey, reference: str, number: int, body: bytes) -> list[SheetRow]:
    told = json.loads(zlib.decompress(key.unseal(body, place=place_of_block(reference, number))))
    return [_row(*one) for one in told]


def _row(row: int, cells: list[Cell], faults: Any = (), fixes: Any = (), warnings: Any = ()) -> SheetRow:
    verdict = Verdict([Fault(*it) for it in faults], [Fix(*it) for it in fixes], [Fault(*it) for it in warnings])
    return SheetRow(row, cells, verdict)


# What is known of the whole


def tally(upload: Upload) -> Tally:
    told = json.loads(upload.tally)
    if not told:
        return Tally()
    return Tally(
        rows=told["rows"],
        faulty=told["faulty"],
        warned=told["warned"],
        groups=told["groups"],
        sums=told.get("sums", {}),
        patterns={name: Pattern(**one) for name, one in told["patterns"].items()},
        faults=[Found(**one) for one in told["faults"]],
        warnings=[Found(**one) for one in told["warnings"]],
    )


def decisions(upload: Upload) -> Decisions:
    return Decisions.of(json.loads(upload.decisions))


def mapping(upload: Upload) -> dict[str, int]:
    """Key of a template's column → column of the file, from 0."""
    found: dict[str, int] = json.loads(upload.mapping)
    return found


def meta(upload: Upload) -> dict[str, Any]:
    """What the reader told of the file, its header and some masked samples."""
    found: dict[str, Any] = json.loads(upload.meta)
    return found


def trouble(upload: Upload) -> tuple[Text, Text] | None:
    """Why it cannot be read, and what to do."""
    told = json.loads(upload.trouble) if upload.trouble else None
    return (Text(told[0], **told[1]), Text(told[2], **told[3])) if told else None


def told(tally: Tally) -> str:
    return json.dumps(asdict(tally), ensure_ascii=False)
