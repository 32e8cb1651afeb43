"""Bulk binding: from a sheet to its last word. One region follows the upload through all its states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, longest_body, needs
from app.cards import queries, rules, service
from app.cards.forms import ConfirmForm, HeldForm, PatternForm, UploadForm, letters, mapping_form
from app.cards.queries import runs
from app.cards.states import RUN_LABELS
from app.cards.views.blank import in_words
from app.cards.views.place import Place, held_account
from app.channels import queries as channels
from app.kernel.cells import Column, plain
from app.kernel.errors import Refused, Text
from app.runtime.page import page, say
from app.uploads import queries as uploads
from app.uploads.checking import shown
from app.uploads.queries import SheetRow
from app.uploads.rules import ROWS_SHOWN, Decisions, Status, Tally
from app.uploads.states import LABELS, State

bp = Blueprint("card_uploads", __name__, url_prefix="/card-uploads")
BODY = service.uploads.LONGEST + 64 * 1024


@bp.get("/")
@needs(Permission.CARD_READ)
def index() -> ResponseReturnValue:
    accounts = {account.id: account for account in channels.accounts()}
    wanted = request.args.get("account")
    chosen = next((account.id for account in accounts.values() if account.number == wanted), -1 if wanted else None)
    listing = uploads.uploads(request.args, purpose=service.uploads.PURPOSE, account_id=chosen)
    return page(
        "cards/uploads.html",
        listing=listing,
        accounts=accounts,
        runs=runs.runs_of([row.id for row in listing.rows]),
        labels=LABELS,
        run_labels=RUN_LABELS,
    )


@bp.get("/new")
@needs(Permission.CARD_BIND)
def new() -> ResponseReturnValue:
    return _new(request.args.get("account", ""))


@bp.post("/")
@needs(Permission.CARD_BIND)
@longest_body(BODY)
def receive() -> ResponseReturnValue:
    form = UploadForm()
    number = form.account.data or ""
    if not form.validate():
        return _new(number, form, 422)
    file = form.file.data
    try:
        reference = service.uploads.receive(
            account=number,
            filename=file.filename or "",
            content=file.read(),
            fence=int(form.fence.data),
            form_key=str(form.form_key.data),
            actor=me(),
        )
    except Refused as refused:
        form.form_errors.append(say(refused.text))
        return _new(number, form, 409)
    return redirect(url_for(".show", reference=reference), 303)


@bp.get("/<reference>")
@needs(Permission.CARD_READ)
def show(reference: str) -> ResponseReturnValue:
    upload = uploads.upload(reference)
    if upload.state == State.CONFIRMED and (run := runs.run_of(upload.id)):
        return redirect(url_for("binding_runs.show", reference=run.reference), 303)
    return _show(upload)


@bp.post("/<reference>/columns")
@needs(Permission.CARD_BIND)
def map_columns(reference: str) -> ResponseReturnValue:
    upload = uploads.upload(reference)
    columns = queries.template_by_id(upload.form_id).columns
    form = mapping_form(columns, uploads.meta(upload).get("header", ()))()
    if not form.validate():
        return _show(upload, mapping=form, status=422)
    mapping = {column.key: int(form[f"c_{column.key}"].data) for column in columns if form[f"c_{column.key}"].data}
    try:
        service.uploads.map_columns(reference, mapping, fence=int(form.fence.data), actor=me())
    except Refused as refused:
        form.form_errors.append(say(refused.text))
        return _show(upload, mapping=form, status=409)
    return redirect(url_for(".show", reference=reference), 303)


@bp.post("/<reference>/accept")
@needs(Permission.CARD_BIND)
def accept(reference: str) -> ResponseReturnValue:
    form = PatternForm()
    if form.validate():
        service.uploads.accept(reference, _patterns(reference, form), fence=int(form.fence.data), actor=me())
    return redirect(url_for(".show", reference=reference, _anchor="doctor"), 303)


@bp.post("/<reference>/withdraw")
@needs(Permission.CARD_BIND)
def withdraw(reference: str) -> ResponseReturnValue:
    form = PatternForm()
    if form.validate():
        service.uploads.withdraw(reference, _patterns(reference, form), fence=int(form.fence.data), actor=me())
    return redirect(url_for(".show", reference=reference, _anchor="doctor"), 303)


ALL = "*"
"""Every needed repair at once."""


def _patterns(reference: str, form: PatternForm) -> list[str]:
    if form.pattern.data != ALL:
        return [str(form.pattern.data)]
    return [name for name, found in uploads.tally(uploads.upload(reference)).patterns.items() if found.needed]


@bp.post("/<reference>/rows/<int:row>/accept")
@needs(Permission.CARD_BIND)
def accept_row(reference: str, row: int) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.uploads.accept_row(reference, row, fence=int(form.fence.data), actor=me())
    return redirect(url_for(".show", reference=reference, row=row, _anchor="rows"), 303)


@bp.post("/<reference>/rows/<int:row>/withdraw")
@needs(Permission.CARD_BIND)
def withdraw_row(reference: str, row: int) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.uploads.withdraw_row(reference, row, fence=int(form.fence.data), actor=me())
    return redirect(url_for(".show", reference=reference, row=row, _anchor="rows"), 303)


@bp.post("/<reference>/confirm")
@needs(Permission.CARD_BIND)
def confirm(reference: str) -> ResponseReturnValue:
    form = ConfirmForm()
    if not form.validate():
        return redirect(url_for(".show", reference=reference), 303)
    run = service.runs.confirm(reference, seen=int(form.seen.data), fence=int(form.fence.data), actor=me())
    return redirect(url_for("binding_runs.show", reference=run), 303)


@bp.post("/<reference>/discard")
@needs(Permission.CARD_BIND)
def discard(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.uploads.discard(reference, fence=int(form.fence.data), actor=me())
        flash(_("已放弃，上传的内容已删除"), "good")
    return redirect(url_for(".index"), 303)


def _new(number: str, form: UploadForm | None = None, status: int = 200) -> ResponseReturnValue:
    place = held_account(number)
    if place.account is None:
        return page("cards/upload_new.html", status, place=place, form=None)
    if form is None:
        form = UploadForm(formdata=None, account=place.account.number, fence=place.fence, form_key=str(uuid4()))
    template = queries.template(place.account.channel_id)
    return page(
        "cards/upload_new.html", status, place=place, form=form, template=template, letters=letters, in_words=in_words
    )


# The check page


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A cell of the preview: its text (masked), what is wrong, what is offered, what is odd."""

    text: str
    faults: Sequence[Text] = ()
    offer: str = ""
    offered: Sequence[str] = ()
    accepted: bool = False
    warnings: Sequence[Text] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    row: int
    cells: Sequence[Shown]
    good: bool
    offers: bool
    accepted: bool


def _show(upload: uploads.Upload, *, mapping: HeldForm | None = None, status: int = 200) -> ResponseReturnValue:
    account = channels.account_by_id(upload.account_id)
    place = held_account(account.number)
    found: dict[str, object] = {
        "upload": upload,
        "place": place,
        "account": account,
        "labels": LABELS,
        "meta": uploads.meta(upload),
        "fence": place.fence,
        "letters": letters,
        "again": UploadForm(formdata=None, account=account.number, fence=place.fence, form_key=str(uuid4())),
    }
    columns = queries.template_by_id(upload.form_id).columns if upload.state != State.ERASED else ()
    found["columns"] = columns
    match upload.state:
        case State.UNFIT:
            found["trouble"] = uploads.trouble(upload)
        case State.UNSURE:
            found["mapping"] = mapping or _mapping(upload, columns, place)
        case State.CHECKED:
            found |= _checked(upload, columns)
    return page("cards/upload.html", status, **found)


def _mapping(upload: uploads.Upload, columns: Sequence[Column], place: Place) -> HeldForm:
    known = uploads.mapping(upload)
    guessed = {f"c_{key}": str(at) for key, at in known.items()}
    return mapping_form(columns, uploads.meta(upload)["header"])(formdata=None, fence=place.fence, **guessed)


def _checked(upload: uploads.Upload, columns: Sequence[Column]) -> dict[str, object]:
    tally, decisions = uploads.tally(upload), uploads.decisions(upload)
    good = tally.good(decisions)
    show = request.args.get("show", "")
    if show not in SHOWS:
        show = "problems" if good < tally.rows else "all"
    rows, more = _rows(upload, tally, decisions, show)
    mapping = uploads.mapping(upload)
    used = set(mapping.values())
    header = uploads.meta(upload)["header"]
    _show_examples(upload, tally, columns, mapping)
    return {
        "tally": tally,
        "decisions": decisions,
        "good": good,
        "repairable": tally.repairable(decisions),
        "show": show,
        "rows": [_shown(row, columns, mapping, decisions) for row in rows],
        "more": more,
        "ignored": [title for at, title in enumerate(header) if at not in used and title],
        "same": uploads.same_file(upload),
        "said": lambda pattern: rules.said(pattern, columns),
        "titles": {column.key: column.title for column in columns},
        "files": {key: letters(at) for key, at in mapping.items()},
        "all_patterns": ALL,
    }


def _show_examples(upload: uploads.Upload, tally: Tally, columns: Sequence[Column], mapping: Mapping[str, int]) -> None:
    """One example of each repair, masked, from its first row: rows are sealed, the tally is not."""
    kinds = {column.key: column.kind for column in columns}
    first = {row.row: row for row in uploads.rows(upload, [found.row for found in tally.patterns.values()])}
    for pattern, found in tally.patterns.items():
        row = first[found.row]
        fix = next(fix for fix in row.verdict.fixes if fix.pattern == pattern)
        found.before = " / ".join(shown(kinds[key], plain(row.cell(mapping.get(key)))) for key in fix.cells)
        found.after = " / ".join(shown(kinds[key], text) for key, text in fix.cells.items())


SHOWS = ("problems", "faulty", "repairable", "warned", "all", "row")


def _rows(upload: uploads.Upload, tally: Tally, decisions: Decisions, show: str) -> tuple[list[SheetRow], int]:
    """Up to fifty rows of this kind, and after which row the next fifty begin (0: there are no more)."""
    asked = request.args.get("row", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 9:
        return uploads.rows(upload, [int(asked)]), 0
    after = request.args.get("after", "")
    after_row = int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0
    if show == "all":
        found = uploads.rows_after(upload, after_row, ROWS_SHOWN + 1)
        return found[:ROWS_SHOWN], found[ROWS_SHOWN - 1].row if len(found) > ROWS_SHOWN else 0
    fault = request.args.get("fault", "")
    only = int(fault) if fault.isascii() and fault.isdigit() and len(fault) < 4 else None
    numbers: list[int] = []
    for flaw in uploads.flaws(upload, after_row=after_row):
        if not _is_shown(flaw.status, show) or (only is not None and only not in flaw.faults):
            continue
        if (
            flaw.status == Status.REPAIRABLE
            and decisions.cover(flaw.row, flaw.group.split("|"))
            and show != "repairable"
        ):
            continue
        if len(numbers) == ROWS_SHOWN:
            return uploads.rows(upload, numbers), numbers[-1]
        numbers.append(flaw.row)
    return uploads.rows(upload, numbers), 0


def _is_shown(status: str, show: str) -> bool:
    wanted: Mapping[str, tuple[str, ...]] = {
        "problems": (Status.FAULTY, Status.REPAIRABLE),
        "faulty": (Status.FAULTY,),
        "repairable": (Status.REPAIRABLE,),
        "warned": (Status.WARNED,),
    }
    return status in wanted.get(show, ())


def _shown(row: SheetRow, columns: Sequence[Column], mapping: Mapping[str, int], decisions: Decisions) -> ShownRow:
    verdict = row.verdict
    cells = []
    for column in columns:
        text = plain(row.cell(mapping.get(column.key)))
        fix = next((fix for fix in verdict.fixes if column.key in fix.cells), None)
        cells.append(
            Shown(
                text=shown(column.kind, text),
                faults=[fault.text for fault in verdict.faults if fault.key == column.key],
                offer=shown(column.kind, fix.cells[column.key]) if fix else "",
                offered=rules.said(fix.pattern, columns)[-1:] if fix else (),
                accepted=fix is not None and decisions.accept(row.row, fix.pattern),
                warnings=[warning.text for warning in verdict.warnings if warning.key == column.key],
            )
        )
    return ShownRow(
        row=row.row,
        cells=cells,
        good=row.is_good(decisions),
        offers=bool(verdict.fixes) and not verdict.faults,
        accepted=row.row in decisions.rows,
    )
