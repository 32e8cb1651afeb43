"""结果表: the sheet as it was uploaded, with what became of each row. Written by a worker, kept sealed with its upload."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.auth.identity import Actor
from app.config import config
from app.kernel import bins, payee
from app.kernel.bank_card import mask, mask_runs, normalise
from app.kernel.cells import Column, Kind, plain
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.id_number import mask_id
from app.kernel.limit import Limit
from app.kernel.phone import mask_phone
from app.runtime import sheet, throttle
from app.runtime.db import let_go, transaction
from app.uploads import intake, queries
from app.uploads.queries import SheetRow, Upload
from app.uploads.rules import Decisions
from app.uploads.states import State

MASKED, WHOLE = "result", "result-whole"
EXPORTS = Limit(30, within_s=3600, shut_s=3600)
"""How often one person may take something along, with the audit log's exports."""
MASKS = {Kind.CARD: mask, Kind.PAYEE: payee.covered, Kind.ID_NUMBER: mask_id, Kind.PHONE: mask_phone}
_HARMLESS = frozenset({Kind.CNAPS, Kind.DATE, Kind.AMOUNT})
_DIGITS = re.compile("[0-9０-９](?:[ \u00a0\u3000-]?[0-9０-９]){8,}[Xx]?")
"""So many digits may be a phone, an ID number, or a card with a mistyped digit, in whatever column."""

NAME, ROW = gettext_noop("结果表"), gettext_noop("行号")
STATE, REASON = gettext_noop("状态"), gettext_noop("原因")
WRONG = gettext_noop("未提交：有误")
UNACCEPTED = gettext_noop("未提交：修改建议没有采纳")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one row. `more`: what stands in the room's own columns."""

    state: str
    why: str = ""
    more: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the room above wants its result. `outcomes` by row, from the first to the last of a block; `rest`: the state of a
    good row that has none; `more`: titles of columns of its own; `kept`: joins the transaction that keeps the file.
    """

    columns: Sequence[Column]
    outcomes: Callable[[int, int], Mapping[int, Outcome]]
    rest: Text
    kept: Callable[[], None]
    more: Sequence[Text] = ()


def require_kept(upload: Upload) -> None:
    if upload.state != State.CONFIRMED:
        raise Refused("这次上传的内容已按期清除，没有结果表了")


def count_taken(actor: Actor) -> None:
    """Somebody takes a result along: counted, like every export."""
    try:
        throttle.take(f"export:{actor.operator_id}", EXPORTS)
    except throttle.Shut as shut:
        raise Refused("导出的次数太多，请于 %(until)s 后再试", until=shut.until) from None


def write(upload: Upload, plan: Plan, *, whole: bool = False) -> None:
    """The worker's part: an .xlsx with the original columns, state and reason; every cell is text."""
    if upload.state != State.CONFIRMED:
        return
    reference = upload.reference
    header = [str(title) for title in queries.meta(upload)["header"]]
    columns = [sheet.Column(title=title or f"#{at + 1}") for at, title in enumerate(header)]
    columns += [
        sheet.Column(title=ROW, width=8),
        *(sheet.Column(title=title, width=26) for title in plan.more),
        sheet.Column(title=STATE, width=16),
        sheet.Column(title=REASON, width=40),
    ]
    folder = config().data_dir / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        path = Path(inside) / "result.xlsx"
        rows = _rows(upload, plan, len(header), whole)
        sheet.workbook(path, [sheet.Sheet(name=NAME, columns=columns, rows=rows)])
        let_go()
        content = path.read_bytes()
    pieces = [content[at : at + intake.PART_BYTES] for at in range(0, len(content), intake.PART_BYTES)]
    with transaction():
        held = queries.held(reference)
        if held.state != State.CONFIRMED:
            return
        intake.keep_file(held, WHOLE if whole else MASKED, pieces)
        plan.kept()


def _rows(upload: Upload, plan: Plan, width: int, whole: bool) -> Iterator[list[str]]:
    place_of = queries.mapping(upload)
    masks: dict[int, Callable[[str], str]] = {
        place_of[column.key]: _mask_of(column.kind) for column in plan.columns if column.key in place_of
    }
    decisions = queries.decisions(upload)
    for block in queries.blocks(upload):
        outcomes = plan.outcomes(block[0].row, block[-1].row)
        for one in block:
            cells = [plain(one.cell(place)) for place in range(width)]
            if not whole:
                cells = [masks.get(place, covered)(cell) for place, cell in enumerate(cells)]
            told = outcomes.get(one.row) or _left_out(one, decisions, plan.rest)
            more = told.more or [""] * len(plan.more)
            yield [*cells, str(one.row), *more, str(told.state), str(told.why) if whole else covered(str(told.why))]


def _mask_of(kind: Kind) -> Callable[[str], str]:
    if kind is Kind.REFERENCE:  # by this the customer finds it again
        return lambda text: covered(text) if bins.names_card(text) else text
    return str if kind in _HARMLESS else MASKS.get(kind, covered)


def covered(text: str) -> str:
    """Without numbers that could be somebody's. Sheets have them in every column: swapped, mistyped, in remarks."""
    return _DIGITS.sub(lambda found: mask_id(normalise(found.group())), mask_runs(text))


def _left_out(one: SheetRow, decisions: Decisions, rest: Text) -> Outcome:
    if one.verdict.faults:
        sentences = [
            Text(fault.template, **fault.values) if fault.values else Text(fault.template)
            for fault in one.verdict.faults
        ]
        return Outcome(state=WRONG, why="；".join(sentences))
    return Outcome(state=rest if one.is_good(decisions) else UNACCEPTED)
