"""结果表: the sheet as it was uploaded, with what became of each row. Written by a worker, kept sealed with its upload."""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries
from app.cards.models import BindingRun
from app.cards.queries import runs
from app.cards.service.cards import RUNS
from app.cards.states import ROW_LABELS, RowState, RunState
from app.config import config
from app.kernel import clock
from app.kernel.bank_card import mask, mask_runs, normalise
from app.kernel.cells import Kind, plain
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.id_number import mask_id
from app.kernel.limit import Limit
from app.kernel.phone import mask_phone
from app.runtime import jobs, live_events, sheet, throttle
from app.runtime.db import let_go, transaction
from app.runtime.queue import Line
from app.uploads import intake
from app.uploads import queries as uploads
from app.uploads.models import Upload
from app.uploads.queries import SheetRow
from app.uploads.rules import Decisions
from app.uploads.states import State as UploadState

MASKED, WHOLE = "result", "result-whole"
EXPORTS = Limit(30, within_s=3600, shut_s=3600)
"""How often one person may take something along, with the audit log's exports."""
WRITE = "app.cards.jobs.write_result"
WRITE_WHOLE = "app.cards.jobs.write_whole_result"
MASKS = {Kind.CARD: mask, Kind.ID_NUMBER: mask_id, Kind.PHONE: mask_phone}
_HARMLESS = frozenset({Kind.CNAPS, Kind.DATE, Kind.AMOUNT})
_DIGITS = re.compile("[0-9０-９](?:[ \u00a0\u3000-]?[0-9０-９]){8,}[Xx]?")
"""So many digits may be a phone, an ID number, or a card with a mistyped digit, in whatever column."""

NAME, ROW = gettext_noop("结果表"), gettext_noop("行号")
STATE, REASON = gettext_noop("状态"), gettext_noop("原因")
WRONG = gettext_noop("未提交：有误")
UNACCEPTED = gettext_noop("未提交：修改建议没有采纳")
NOT_YET = gettext_noop("未提交")
STOPPED = gettext_noop("未提交：已停止")


def ask(reference: str, *, whole: bool, actor: Actor) -> None:
    """Have the result written anew. `whole`: with full numbers, which is written down like every look at one."""
    with transaction():
        run = runs.held_run(reference)
        upload = uploads.by_id(run.upload_id)
        if upload.state != UploadState.CONFIRMED:
            raise Refused("这次上传的内容已按期清除，没有结果表了")
        if whole:
            audit.record(actor, "run.take-whole", reference, after={"rows": run.total + run.left_out})
        jobs.promise(WRITE_WHOLE if whole else WRITE, reference, line=Line.SHEETS)


def take(reference: str, *, whole: bool, actor: Actor) -> None:
    """Somebody takes a result along: counted and written down, like every export."""
    try:
        throttle.take(f"export:{actor.operator_id}", EXPORTS)
    except throttle.Shut as shut:
        raise Refused("导出的次数太多，请于 %(until)s 后再试", until=shut.until) from None
    with transaction():
        audit.record(actor, "run.take-whole" if whole else "run.take", runs.run(reference).reference)


def write(reference: str, *, whole: bool) -> None:
    """The worker's part: an .xlsx with the original columns, state and reason; every cell is text."""
    run = runs.run(reference)
    upload = uploads.by_id(run.upload_id)
    if upload.state != UploadState.CONFIRMED:
        return
    header = [str(title) for title in uploads.meta(upload)["header"]]
    columns = [sheet.Column(title=title or f"#{at + 1}") for at, title in enumerate(header)]
    columns += [
        sheet.Column(title=ROW, width=8),
        sheet.Column(title=STATE, width=16),
        sheet.Column(title=REASON, width=40),
    ]
    folder = config().data_dir / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        path = Path(inside) / "result.xlsx"
        sheet.workbook(path, [sheet.Sheet(name=NAME, columns=columns, rows=_rows(run, upload, len(header), whole))])
        let_go()
        content = path.read_bytes()
    pieces = [content[at : at + intake.PART_BYTES] for at in range(0, len(content), intake.PART_BYTES)]
    with transaction():
        held = uploads.held(upload.reference)
        if held.state != UploadState.CONFIRMED:
            return
        intake.keep_file(held, WHOLE if whole else MASKED, pieces)
        runs.held_run(reference).result_at = clock.now()
        live_events.announce(RUNS, reference)


def _rows(run: BindingRun, upload: Upload, width: int, whole: bool) -> Iterator[list[str]]:
    columns = queries.template_by_id(upload.form_id).columns
    place_of = uploads.mapping(upload)
    masks: dict[int, Callable[[str], str]] = {
        place_of[column.key]: str if column.kind in _HARMLESS else MASKS.get(column.kind, covered)
        for column in columns
        if column.key in place_of
    }
    decisions = uploads.decisions(upload)
    rest = STOPPED if run.state == RunState.STOPPED else NOT_YET
    for block in uploads.blocks(upload):
        outcomes = runs.outcomes(run.id, block[0].row, block[-1].row)
        for one in block:
            cells = [plain(one.cell(place)) for place in range(width)]
            if not whole:
                cells = [masks.get(place, covered)(cell) for place, cell in enumerate(cells)]
            found = outcomes.get(one.row)
            if found is not None:
                state, why = ROW_LABELS[RowState(found.state)][0], found.message
            else:
                state, why = _left_out(one, decisions, rest)
            yield [*cells, str(one.row), str(state), str(why) if whole else covered(str(why))]


def covered(text: str) -> str:
    """Without numbers that could be somebody's. Sheets have them in every column: swapped, mistyped, in remarks."""
    return _DIGITS.sub(lambda found: mask_id(normalise(found.group())), mask_runs(text))


def _left_out(one: SheetRow, decisions: Decisions, rest: Text) -> tuple[Text, str]:
    if one.verdict.faults:
        sentences = [
            Text(fault.template, **fault.values) if fault.values else Text(fault.template)
            for fault in one.verdict.faults
        ]
        return WRONG, "；".join(sentences)
    if not one.is_good(decisions):
        return UNACCEPTED, ""
    return rest, ""
