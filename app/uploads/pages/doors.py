"""The doors of a room's sheets until they are confirmed. What a confirmed sheet becomes has doors of the room's own."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import longest_body, needs
from app.kernel.errors import Refused
from app.runtime.page import said
from app.uploads import queries as uploads
from app.uploads.desk import LONGEST
from app.uploads.forms import HeldForm, PatternForm, UploadForm, mapping_form
from app.uploads.pages.check import ALL, Room, new_upload, show_upload

BODY = LONGEST + 64 * 1024


def open_doors(bp: Blueprint, room: Room) -> None:
    """All but `index`, `show` and `confirm`, which are the room's own."""
    desk, only = room.desk, needs(room.make)

    @bp.get("/new")
    @only
    def new() -> ResponseReturnValue:
        return new_upload(room, request.args.get("account", ""))

    @bp.post("/")
    @only
    @longest_body(BODY)
    def receive() -> ResponseReturnValue:
        form = UploadForm()
        number = form.account.data or ""
        if not form.validate():
            return new_upload(room, number, form, 422)
        file = form.file.data
        try:
            reference = desk.receive(
                account=number,
                filename=file.filename or "",
                content=file.read(),
                fence=int(form.fence.data),
                form_key=str(form.form_key.data),
                actor=me(),
            )
        except Refused as refused:
            form.form_errors += said(refused)
            return new_upload(room, number, form, 409)
        return redirect(url_for(".show", reference=reference), 303)

    @bp.post("/<reference>/columns")
    @only
    def map_columns(reference: str) -> ResponseReturnValue:
        upload = desk.upload(reference)
        columns = desk.columns_of(upload.form_id)
        form = mapping_form(columns, uploads.meta(upload).get("header", ()))()
        if not form.validate():
            return show_upload(room, upload, mapping=form, status=422)
        mapping = {column.key: int(form[f"c_{column.key}"].data) for column in columns if form[f"c_{column.key}"].data}
        try:
            desk.map_columns(reference, mapping, fence=int(form.fence.data), actor=me())
        except Refused as refused:
            form.form_errors += said(refused)
            return show_upload(room, upload, mapping=form, status=409)
        return redirect(url_for(".show", reference=reference), 303)

    @bp.post("/<reference>/accept")
    @only
    def accept(reference: str) -> ResponseReturnValue:
        form = PatternForm()
        if form.validate():
            desk.accept(reference, _patterns(reference, form), fence=int(form.fence.data), actor=me())
        return redirect(url_for(".show", reference=reference, _anchor="doctor"), 303)

    @bp.post("/<reference>/withdraw")
    @only
    def withdraw(reference: str) -> ResponseReturnValue:
        form = PatternForm()
        if form.validate():
            desk.withdraw(reference, _patterns(reference, form), fence=int(form.fence.data), actor=me())
        return redirect(url_for(".show", reference=reference, _anchor="doctor"), 303)

    def _patterns(reference: str, form: PatternForm) -> list[str]:
        if form.pattern.data != ALL:
            return [str(form.pattern.data)]
        return [name for name, found in uploads.tally(desk.upload(reference)).patterns.items() if found.needed]

    @bp.post("/<reference>/rows/<int:row>/accept")
    @only
    def accept_row(reference: str, row: int) -> ResponseReturnValue:
        form = HeldForm()
        if form.validate():
            desk.accept_row(reference, row, fence=int(form.fence.data), actor=me())
        return redirect(url_for(".show", reference=reference, row=row, _anchor="rows"), 303)

    @bp.post("/<reference>/rows/<int:row>/withdraw")
    @only
    def withdraw_row(reference: str, row: int) -> ResponseReturnValue:
        form = HeldForm()
        if form.validate():
            desk.withdraw_row(reference, row, fence=int(form.fence.data), actor=me())
        return redirect(url_for(".show", reference=reference, row=row, _anchor="rows"), 303)

    @bp.post("/<reference>/discard")
    @only
    def discard(reference: str) -> ResponseReturnValue:
        form = HeldForm()
        if form.validate():
            desk.discard(reference, fence=int(form.fence.data), actor=me())
            flash(_("已放弃，上传的内容已删除"), "good")
        return redirect(url_for(room.index), 303)
