"""The pages of a sheet until it is confirmed: to be uploaded, being read, unfit, to be mapped, checked, thrown away."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.auth.permissions import Permission
from app.channels import queries as channels
from app.channels.queries import Account
from app.kernel.cells import Column, plain
from app.kernel.errors import Text
from app.runtime.page import is_fragment, page
from app.uploads import queries as uploads
from app.uploads import rules
from app.uploads.checking import shown
from app.uploads.desk import Desk
from app.uploads.forms import HeldForm, UploadForm, letters, mapping_form
from app.uploads.pages.blank import in_words
from app.uploads.pages.place import Place, held_account
from app.uploads.queries import SheetRow
from app.uploads.rules import ROWS_SHOWN, Decisions, Status, Tally
from app.uploads.states import LABELS, State

ALL = "*"
"""Every needed repair at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the room above says of its sheets: how their list is called and the endpoint it opens by, the steps of the way,
    who may go it, the template of the part in which one confirms with what that part needs besides, and where the empty
    sheet of an account lies.
    """

    desk: Desk
    title: Text
    index: str
    steps: Sequence[Text]
    make: Permission
    confirm: str
    downloads: Callable[[Account], Sequence[tuple[Text, str]]]
    more: Callable[[uploads.Upload], Mapping[str, object]] = lambda _upload: {}


def chosen_account(accounts: Mapping[int, Account]) -> int | None:
    """The id of the account that the address asks for; None: it asks for none, -1: for one that is not there."""
    wanted = request.args.get("account")
    return next((it.id for it in accounts.values() if it.number == wanted), -1 if wanted else None)


def lead_on(url: str) -> ResponseReturnValue:
    """To what a confirmed sheet became. fetch would follow a redirect and put that whole page into the region that asked."""
    return ("", 200, {"HX-Redirect": url}) if is_fragment() else redirect(url, 303)


def new_upload(room: Room, number: str, form: UploadForm | None = None, status: int = 200) -> ResponseReturnValue:
    place = held_account(number)
    if place.account is None:
        return page("uploads/new.html", status, room=room, place=place, form=None)
    if form is None:
        form = UploadForm(formdata=None, account=place.account.number, fence=place.fence, form_key=str(uuid4()))
    _renewed(form, place)
    return page(
        "uploads/new.html",
        status,
        room=room,
        place=place,
        form=form,
        columns=room.desk.columns_of(room.desk.form_of(place.account.channel_id)),
        downloads=room.downloads(place.account),
        letters=letters,
        in_words=in_words,
    )


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


def show_upload(
    room: Room,
    upload: uploads.Upload,
    *,
    mapping: HeldForm | None = None,
    confirm: HeldForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """`mapping`, `confirm`: the form as it was sent and refused."""
    account = channels.account_by_id(upload.account_id)
    place = held_account(account.number)
    found: dict[str, object] = {
        "room": room,
        "upload": upload,
        "place": place,
        "account": account,
        "labels": LABELS,
        "meta": uploads.meta(upload),
        "fence": place.fence,
        "letters": letters,
        "again": UploadForm(formdata=None, account=account.number, fence=place.fence, form_key=str(uuid4())),
    }
    columns = room.desk.columns_of(upload.form_id) if upload.state != State.ERASED else ()
    found["columns"] = columns
    match upload.state:
        case State.UNFIT:
            found["trouble"] = uploads.trouble(upload)
        case State.UNSURE:
            found["mapping"] = _renewed(mapping, place) or _mapping(upload, columns, place)
        case State.CHECKED:
            found |= _checked(upload, columns)
            found |= {**room.more(upload), **({"confirm": _renewed(confirm, place)} if confirm else {})}
    return page("uploads/show.html", status, **found)


def _renewed(form: HeldForm | None, place: Place) -> HeldForm | None:
    """A form that was sent under a claim that is over goes on under the one that the person has now."""
    if form is not None and place.mine:
        form.fence.data = place.fence
    return form


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
