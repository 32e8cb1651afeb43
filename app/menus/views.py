"""Menu pages: the tree, one entry of it, and what each role sees. Also whoever is signed in gets their menu here."""

from flask import Blueprint, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth import queries as auth
from app.auth.forms import NothingForm
from app.auth.identity import Actor, language, me
from app.auth.permissions import SIGNED_IN, Permission, needs
from app.auth.rules import LANGUAGES
from app.menus import queries, rules, service
from app.menus.forms import EntryForm, GroupForm, MoveForm, NewGroupForm, NewPageForm
from app.menus.rules import Entry, Line, Page, Way
from app.runtime.forms import BadForm
from app.runtime.page import page

bp = Blueprint("menus", __name__, url_prefix="/menus")
ENTRY = "/<int(max=9223372036854775807):entry_id>"


def menu_of(person: Actor) -> list[Line]:
    """What this person may open, for the side of every page."""
    return rules.menu(person, queries.entries(), pages(), language=language(), here=request.blueprint)


def pages() -> dict[str, Page]:
    """Every page that a menu can lead to, with what its view declares of whoever opens it."""
    found = {}
    for rule in current_app.url_map.iter_rules():
        view = current_app.view_functions[rule.endpoint]
        declared = getattr(view, "permission", None)
        if not rules.is_front(rule.endpoint) or rule.arguments or "GET" not in (rule.methods or ()):
            continue
        if isinstance(declared, Permission) or declared == SIGNED_IN:
            whole = getattr(view, "whole", False)
            found[rule.endpoint] = Page(rule.endpoint, url_for(rule.endpoint), declared, whole)
    return found


@bp.get("/")
@needs(Permission.MENU_EDIT)
def index() -> ResponseReturnValue:
    return _show()


@bp.get(ENTRY)
@needs(Permission.MENU_EDIT)
def edit(entry_id: int) -> ResponseReturnValue:
    entry = queries.entry(entry_id)
    return _show_entry(entry, _form(entry))


@bp.post(ENTRY)
@needs(Permission.MENU_EDIT)
def change(entry_id: int) -> ResponseReturnValue:
    entry = queries.entry(entry_id)
    form = _form(entry)
    if not form.validate():
        return _show_entry(entry, form, 422)
    icon, parent = (form.icon.data, form.parent_id.data) if isinstance(form, EntryForm) else (None, None)
    service.change(
        entry_id,
        title_zh=str(form.title_zh.data),
        title_en=str(form.title_en.data),
        visible=bool(form.visible.data),
        icon=icon,
        parent_id=int(parent) if parent else None,
        actor=me(),
    )
    flash(_("已保存，各人的菜单在打开下一页时更新"), "good")
    return _back(entry_id)


@bp.post(f"{ENTRY}/move")
@needs(Permission.MENU_EDIT)
def move(entry_id: int) -> ResponseReturnValue:
    form = MoveForm()
    if not form.validate():
        raise BadForm("nobody can move that way")
    service.move(entry_id, Way(form.way.data), actor=me())
    return _back(entry_id)


@bp.post(f"{ENTRY}/remove")
@needs(Permission.MENU_EDIT)
def remove(entry_id: int) -> ResponseReturnValue:
    NothingForm()
    service.remove_group(entry_id, actor=me())
    flash(_("已删除这个分组"), "good")
    return _back()


@bp.post("/groups")
@needs(Permission.MENU_EDIT)
def add_group() -> ResponseReturnValue:
    form = NewGroupForm()
    if not form.validate():
        return _show(422, group_form=form)
    entry_id = service.add_group(title_zh=str(form.group_zh.data), title_en=str(form.group_en.data), actor=me())
    flash(_("已新增分组，把页面移进来后它才会出现在菜单里"), "good")
    return _back(entry_id)


@bp.post("/pages")
@needs(Permission.MENU_EDIT)
def add_page() -> ResponseReturnValue:
    form = _page_form(queries.entries())
    if not form.validate():
        return _show(422, page_form=form)
    titles = {"title_zh": str(form.page_zh.data), "title_en": str(form.page_en.data)}
    entry_id = service.add_page(str(form.page.data), **titles, actor=me())
    flash(_("已加入菜单，排在最后"), "good")
    return _back(entry_id)


@bp.post("/restore")
@needs(Permission.MENU_EDIT)
def restore() -> ResponseReturnValue:
    NothingForm()
    service.restore(actor=me())
    flash(_("已恢复默认菜单"), "good")
    return _back()


def _show(
    status: int = 200, *, group_form: NewGroupForm | None = None, page_form: NewPageForm | None = None
) -> ResponseReturnValue:
    """The tree, and beside it the menu of one role."""
    entries, known = queries.entries(), pages()
    roles = auth.roles()
    chosen = next((role for role in roles if role.code == request.args.get("role")), None)
    role = chosen.code if chosen else me().role
    rights = auth.rights_of(0, role)
    return page(
        "menus/index.html",
        status,
        entries=entries,
        places=_places(entries),
        pages=known,
        roles=[(one.code, _title(one.title_zh, one.title_en)) for one in roles],
        role=role,
        role_title=_title(*rights.titles),
        lines=rules.menu(rights, entries, known, language=language()),
        unseen=rules.unseen_by(rights, entries, known),
        language=language(),
        rules=rules,
        group_form=group_form or NewGroupForm(formdata=None),
        page_form=page_form or _page_form(entries, formdata=None),
    )


def _show_entry(entry: Entry, form: GroupForm, status: int = 200) -> ResponseReturnValue:
    inside = [one for one in queries.entries() if one.parent_id == entry.id]
    found = pages().get(entry.page or "")
    shown = {"title": entry.title(language()), "inside": inside, "page_found": found, "language": language()}
    return page("menus/edit.html", status, entry=entry, form=form, rules=rules, **shown)


def _form(entry: Entry) -> GroupForm:
    if entry.is_group:
        return GroupForm(obj=entry)
    form = EntryForm(obj=entry)
    groups = [one for one in queries.entries() if one.is_group]
    form.parent_id.choices = [
        SelectChoice("", _("不在分组里")),
        *(SelectChoice(str(one.id), one.title(language())) for one in groups),
    ]
    form.parent_id.data = str(form.parent_id.data or "")
    return form


def _page_form(entries: list[Entry], **given: object) -> NewPageForm:
    """For the pages that are in no entry."""
    form = NewPageForm(**given)
    taken = {entry.page for entry in entries}
    form.page.choices = [SelectChoice(it.endpoint, it.url) for it in pages().values() if it.endpoint not in taken]
    return form


def _places(entries: list[Entry]) -> dict[int, tuple[bool, bool]]:
    """For every entry, whether it is the first and the last of its neighbours."""
    found = {}
    for entry in entries:
        beside = [one.id for one in entries if one.parent_id == entry.parent_id]
        found[entry.id] = (beside[0] == entry.id, beside[-1] == entry.id)
    return found


def _title(*titles: str) -> str:
    return titles[LANGUAGES.index(language())]


def _back(entry_id: int | None = None) -> ResponseReturnValue:
    """To the tree, at this entry, with the role that was looked at."""
    anchor = f"entry-{entry_id}" if entry_id else None
    return redirect(url_for(".index", role=request.args.get("role"), _anchor=anchor), 303)
