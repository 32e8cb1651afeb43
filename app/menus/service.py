"""Everything that can be done to the menu. Each command is one transaction, in which nobody else changes it."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.auth import audit
from app.auth.identity import Actor
from app.kernel.errors import NotThere, Refused
from app.menus import queries, rules
from app.menus.models import MenuEntry
from app.menus.rules import DEFAULTS, STEPS, Default, Way
from app.runtime import live_events
from app.runtime.db import db, transaction

TOPIC = "menus"
Tree = dict[int, MenuEntry]


def change(
    entry_id: int,
    *,
    title_zh: str,
    title_en: str,
    visible: bool,
    icon: str | None = None,
    parent_id: int | None = None,
    actor: Actor,
) -> None:
    """Titles, icon, whether it is shown, and the group it stands in: at the end of it, if it is another one."""
    with _the_tree() as tree:
        entry = _of(tree, entry_id)
        before = _told(tree, entry)
        entry.title_zh, entry.title_en = rules.require_title(title_zh), rules.require_title(title_en)
        entry.visible = visible
        entry.icon = rules.require_icon(icon) if icon else entry.icon
        if parent_id != entry.parent_id:
            _put(tree, entry, parent_id)
        db.session.flush()
        rules.require_way_back(queries.entries())
        after = _told(tree, entry)
        if before != after:
            audit.record(actor, "menu.change", _number(entry), before=before, after=after)


def move(entry_id: int, way: Way, *, actor: Actor) -> None:
    """上移、下移 among its neighbours. At the end there is nowhere to go, and nothing to complain about."""
    with _the_tree() as tree:
        entry = _of(tree, entry_id)
        beside = _inside(tree, entry.parent_id)
        before = beside.index(entry)
        after = before + STEPS[way]
        if after not in range(len(beside)):
            return
        beside.insert(after, beside.pop(before))
        _count(beside)
        audit.record(actor, "menu.move", _number(entry), before={"position": before + 1}, after={"position": after + 1})


def add_group(*, title_zh: str, title_en: str, actor: Actor) -> int:
    """A group with nothing in it, at the end; its id."""
    with _the_tree() as tree:
        return _add(tree, None, title_zh, title_en, rules.GROUP_ICON, "", actor)


def add_page(page: str, *, title_zh: str, title_en: str, actor: Actor) -> int:
    """An entry for a page that has none, at the end; its id."""
    assert rules.is_front(page), f"no menu leads to {page}"
    known = _defaults().get(page)
    with _the_tree() as tree:
        if page in {entry.page for entry in tree.values()}:
            raise Refused("这个页面已经在菜单里了")
        icon, key = (known.icon, known.key) if known else (rules.NEW_ICON, "")
        return _add(tree, page, title_zh, title_en, icon, key, actor)


def remove_group(entry_id: int, *, actor: Actor) -> None:
    """A group with nothing in it. Pages stay; whoever does not want one shown says so."""
    with _the_tree() as tree:
        entry = _of(tree, entry_id)
        if entry.page is not None:
            raise Refused("页面不能删除，可以设为不显示")
        if _inside(tree, entry.id):
            raise Refused("分组里还有菜单项，不能删除", advice="请先把它们移到别处。")
        before = _told(tree, entry)
        db.session.delete(tree.pop(entry.id))
        _count(_inside(tree, None))
        audit.record(actor, "menu.remove", _number(entry), before=before)


def restore(*, actor: Actor) -> None:
    """恢复默认: the tree the house began with, in order, titles, icons and all. What others added is taken out."""
    with _the_tree() as tree:
        before = _outline(tree)
        pages = {entry.page: entry for entry in tree.values() if entry.page}
        groups = [entry for entry in tree.values() if entry.page is None]
        for entry in tree.values():
            entry.parent_id = None
        db.session.flush()
        kept = _lay(DEFAULTS, None, pages, groups)
        for entry in tree.values():
            if entry.id not in kept:
                db.session.delete(entry)
        db.session.flush()
        audit.record(actor, "menu.restore", "menu", before=before, after=_outline(queries.held()))


@contextmanager
def _the_tree() -> Iterator[Tree]:
    with transaction():
        yield queries.held()
        live_events.announce(TOPIC)


def _of(tree: Tree, entry_id: int) -> MenuEntry:
    if entry_id not in tree:
        raise NotThere(str(entry_id))
    return tree[entry_id]


def _inside(tree: Tree, parent_id: int | None) -> list[MenuEntry]:
    """What stands in a group, or at the top, in order."""
    return sorted((it for it in tree.values() if it.parent_id == parent_id), key=lambda it: (it.position, it.id))


def _count(beside: list[MenuEntry]) -> None:
    for position, entry in enumerate(beside):
        entry.position = position


def _put(tree: Tree, entry: MenuEntry, parent_id: int | None) -> None:
    if entry.page is None:
        raise Refused("分组不能放进另一个分组")
    if parent_id is not None and (parent_id not in tree or tree[parent_id].page is not None):
        raise Refused("没有这个分组，请刷新页面后再试")
    left, entry.parent_id = entry.parent_id, parent_id
    _count(_inside(tree, left))
    _count([*(it for it in _inside(tree, parent_id) if it is not entry), entry])


def _add(tree: Tree, page: str | None, title_zh: str, title_en: str, icon: str, key: str, actor: Actor) -> int:
    entry = MenuEntry(
        page=page,
        title_zh=rules.require_title(title_zh),
        title_en=rules.require_title(title_en),
        icon=icon,
        key=key,
        visible=True,
        position=len(_inside(tree, None)),
    )
    db.session.add(entry)
    db.session.flush()
    tree[entry.id] = entry
    _count(_inside(tree, None))
    audit.record(actor, "menu.add", _number(entry), after=_told(tree, entry))
    return entry.id


def _lay(
    defaults: tuple[Default, ...], parent_id: int | None, pages: dict[str, MenuEntry], groups: list[MenuEntry]
) -> set[int]:
    """Set these entries as they were, in the rows that are there; the ids of those rows."""
    kept = set()
    for position, it in enumerate(defaults):
        entry = pages.get(it.page) if it.page else groups.pop(0) if groups else None
        if entry is None:
            entry = MenuEntry(page=it.page)
            db.session.add(entry)
        entry.title_zh, entry.title_en, entry.icon, entry.key = str(it.title_zh), it.title_en, it.icon, it.key
        entry.parent_id, entry.position, entry.visible = parent_id, position, True
        db.session.flush()
        kept |= {entry.id} | _lay(it.inside, entry.id, pages, groups)
    return kept


def _defaults() -> dict[str | None, Default]:
    return {it.page: it for top in DEFAULTS for it in (top, *top.inside)}


def _number(entry: MenuEntry) -> str:
    """What the audit calls it: the page, or the number of the group."""
    return entry.page or f"group {entry.id}"


def _told(tree: Tree, entry: MenuEntry) -> dict[str, object]:
    above = tree[entry.parent_id].title_zh if entry.parent_id else None
    words = {name: getattr(entry, name) for name in ("title_zh", "title_en", "icon", "visible")}
    return {**words, "group": above}


def _outline(tree: Tree) -> dict[str, object]:
    """The whole tree for the audit, line by line."""
    lines = []
    for top in _inside(tree, None):
        lines += [{"entry": _number(it), **_told(tree, it)} for it in (top, *_inside(tree, top.id))]
    return {"menu": lines}
