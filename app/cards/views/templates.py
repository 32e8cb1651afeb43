"""The designer of binding templates."""

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries, rules, service
from app.cards.forms import ActivateForm, ColumnForm, LikeForm, StepForm
from app.channels import queries as channels
from app.kernel.cells import KINDS
from app.kernel.errors import NotThere, Refused
from app.runtime.forms import StrictForm
from app.runtime.page import page, said
from app.uploads.pages import blank, in_words, send_csv, send_xlsx

bp = Blueprint("card_templates", __name__, url_prefix="/card-templates")


@bp.get("/")
@needs(Permission.CARD_READ)
def index() -> ResponseReturnValue:
    known = channels.channels()
    return page(
        "cards/templates.html",
        channels=known,
        used=queries.in_use(),
        built_in=queries.BUILT_IN,
        drafts={channel.id for channel in known if queries.draft(channel.id) is not None},
        may_design=me().can(Permission.CARD_TEMPLATE),
    )


@bp.get("/<channel>")
@needs(Permission.CARD_READ)
def show(channel: str) -> ResponseReturnValue:
    return _show(channel)


@bp.post("/<channel>/draft")
@needs(Permission.CARD_TEMPLATE)
def draft(channel: str) -> ResponseReturnValue:
    form = LikeForm()
    form.like.choices = _others(channel)
    if not form.validate():
        return _show(channel, status=422)
    service.templates.draft(channel, like=form.like.data or "", actor=me())
    flash(_("已建立草稿：改好后启用，才会影响绑卡"), "info")
    return redirect(url_for(".show", channel=channel), 303)


@bp.post("/<channel>/discard")
@needs(Permission.CARD_TEMPLATE)
def discard(channel: str) -> ResponseReturnValue:
    StrictForm()
    service.templates.discard(channel, actor=me())
    flash(_("草稿已放弃"), "good")
    return redirect(url_for(".show", channel=channel), 303)


@bp.post("/<channel>/activate")
@needs(Permission.CARD_TEMPLATE)
def activate(channel: str) -> ResponseReturnValue:
    form = ActivateForm()
    if not form.validate():
        return _show(channel, activate_form=form, status=422)
    version = service.templates.activate(channel, edition=int(form.edition.data), note=str(form.note.data), actor=me())
    flash(_("已启用第 %(version)d 版，新的表单与上传按它核对", version=version), "good")
    return redirect(url_for(".show", channel=channel), 303)


@bp.get("/<channel>/columns/new")
@needs(Permission.CARD_TEMPLATE)
def new_column(channel: str) -> ResponseReturnValue:
    found = queries.require_draft(channels.channel(channel).id)
    return _column(channel, ColumnForm(formdata=None, edition=str(found.edition)))


@bp.get("/<channel>/columns/<key>")
@needs(Permission.CARD_TEMPLATE)
def column(channel: str, key: str) -> ResponseReturnValue:
    found = queries.require_draft(channels.channel(channel).id)
    column = next((one for one in rules.unpacked(found.columns) if one.key == key), None)
    if column is None:
        raise NotThere(key)
    return _column(channel, ColumnForm.of(column, found.edition), key)


@bp.post("/<channel>/columns")
@needs(Permission.CARD_TEMPLATE)
def add_column(channel: str) -> ResponseReturnValue:
    return _put(channel, "")


@bp.post("/<channel>/columns/<key>")
@needs(Permission.CARD_TEMPLATE)
def change_column(channel: str, key: str) -> ResponseReturnValue:
    return _put(channel, key)


@bp.post("/<channel>/move")
@needs(Permission.CARD_TEMPLATE)
def move_column(channel: str) -> ResponseReturnValue:
    form = StepForm()
    if form.validate():
        service.templates.move_column(
            channel, str(form.key.data), step=int(form.step.data or 1), edition=int(form.edition.data), actor=me()
        )
    return redirect(url_for(".show", channel=channel, _anchor="draft"), 303)


@bp.post("/<channel>/drop")
@needs(Permission.CARD_TEMPLATE)
def drop_column(channel: str) -> ResponseReturnValue:
    form = StepForm()
    if form.validate():
        service.templates.drop_column(channel, str(form.key.data), edition=int(form.edition.data), actor=me())
    return redirect(url_for(".show", channel=channel, _anchor="draft"), 303)


@bp.get("/<channel>/sheet.xlsx")
@needs(Permission.CARD_READ)
def xlsx(channel: str) -> Response:
    """An empty sheet to fill in: every cell is text, choices drop down, a second sheet explains."""
    found = channels.channel(channel)
    template = queries.sheet_template(found.id)
    name = _("绑卡模版-%(channel)s-第%(version)s版", channel=found.name, version=template.version)
    first = _("第一行是表头，请不要改动；从第二行起每行一张卡，示例行请删除或改写。")
    return send_xlsx(blank(_("绑卡"), first, template.columns), name)


@bp.get("/<channel>/sheet.csv")
@needs(Permission.CARD_READ)
def csv(channel: str) -> Response:
    found = channels.channel(channel)
    template = queries.sheet_template(found.id)
    name = _("绑卡模版-%(channel)s-第%(version)s版", channel=found.name, version=template.version)
    return send_csv(template.columns, name)


def _show(channel: str, *, activate_form: ActivateForm | None = None, status: int = 200) -> ResponseReturnValue:
    found = channels.channel(channel)
    template, draft = queries.template(found.id), queries.draft(found.id)
    columns = rules.unpacked(draft.columns) if draft else ()
    like = LikeForm(formdata=None)
    like.like.choices = _others(channel)
    return page(
        "cards/template.html",
        status,
        channel=found,
        template=template,
        draft=draft,
        columns=columns,
        flaws=rules.flaws(columns) if draft else [],
        differences=rules.differences(template.columns, columns) if draft else [],
        reordered=bool(draft) and rules.order_changed(template.columns, columns),
        versions=queries.versions(found.id),
        activate_form=activate_form or ActivateForm(formdata=None, edition=str(draft.edition) if draft else ""),
        like_form=like,
        kinds=KINDS,
        in_words=in_words,
        may_design=me().can(Permission.CARD_TEMPLATE),
    )


def _put(channel: str, key: str) -> ResponseReturnValue:
    form = ColumnForm()
    if not form.validate():
        return _column(channel, form, key, status=422)
    try:
        service.templates.put_column(channel, form.column(), instead_of=key, edition=int(form.edition.data), actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _column(channel, form, key, status=409)
    return redirect(url_for(".show", channel=channel, _anchor="draft"), 303)


def _column(channel: str, form: ColumnForm, key: str = "", status: int = 200) -> ResponseReturnValue:
    return page("cards/column.html", status, channel=channels.channel(channel), form=form, key=key, keys=rules.KEYS)


def _others(channel: str) -> list[SelectChoice]:
    others = [SelectChoice(one.code, one.name) for one in channels.channels() if one.code != channel]
    return [SelectChoice("", _("现用的模版")), *others]
