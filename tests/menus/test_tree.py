"""What can be done to the menu: one after the other, at the same time, and what the audit says of it."""

import json
from collections import defaultdict
from itertools import cycle
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from app.auth import audit
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.kernel.errors import NotThere, Refused
from app.menus import queries, rules, service
from app.menus.models import MenuEntry
from app.menus.rules import Way
from app.runtime.db import db, transaction
from tests.auth.test_sign_in import together
from tests.menus.conftest import Person, entry_of, set_apart

MOVES = st.lists(st.tuples(st.integers(0, 10), st.sampled_from(Way)), max_size=12)


def tree() -> dict[int | None, list[int]]:
    """The ids in each group, in order; every one has a place of its own."""
    db.session.rollback()
    found: dict[int | None, list[int]] = defaultdict(list)
    places = defaultdict(list)
    for entry in db.session.scalars(select(MenuEntry).order_by(MenuEntry.position, MenuEntry.id)):
        found[entry.parent_id].append(entry.id)
        places[entry.parent_id].append(entry.position)
    assert all(taken == list(range(len(taken))) for taken in places.values()), places
    return dict(found)


def changes(action: str) -> list[tuple[str, str, Any, Any]]:
    db.session.rollback()
    rows = db.session.scalars(select(AuditRecord).where(AuditRecord.action == action).order_by(AuditRecord.seq))
    return [(row.actor, row.subject, _read(row.before), _read(row.after)) for row in rows]


def _read(text: str | None) -> Any:
    return json.loads(text) if text else None


def change(entry: MenuEntry, actor: Actor, **new: Any) -> None:
    same = {name: getattr(entry, name) for name in ("title_zh", "title_en", "icon", "visible", "parent_id")}
    service.change(entry.id, **same | new, actor=actor)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_any_moves_keep_everybody_and_do_what_they_say(keeper: Person, moves: list[tuple[int, Way]]) -> None:
    expected = tree()
    ids = sorted(entry_id for beside in expected.values() for entry_id in beside)
    for which, way in moves:
        entry_id = ids[which % len(ids)]
        service.move(entry_id, way, actor=keeper.actor)
        beside = next(them for them in expected.values() if entry_id in them)
        here = beside.index(entry_id)
        there = here + (1 if way is Way.DOWN else -1)
        if 0 <= there < len(beside):
            beside[here], beside[there] = beside[there], beside[here]
        assert tree() == expected


def test_many_hands_leave_no_two_entries_in_one_place(app: Flask, keeper: Person) -> None:
    before = tree()
    ids = cycle(sorted(entry_id for beside in before.values() for entry_id in beside))
    group = next(group for group in before if group)

    def meddle() -> None:
        with app.app_context():
            for way in (Way.UP, Way.DOWN, Way.UP):
                service.move(next(ids), way, actor=keeper.actor)
            service.add_group(title_zh="新", title_en="New", actor=keeper.actor)
            change(entry_of("cards.index"), keeper.actor, parent_id=group)
            change(entry_of("cards.index"), keeper.actor, parent_id=None)

    together(meddle, times=4)
    after = tree()
    assert sum(map(len, after.values())) == sum(map(len, before.values())) + 4
    assert audit.verify() == []


def test_a_page_is_in_the_menu_once(app: Flask, keeper: Person) -> None:
    with transaction():
        db.session.execute(delete(MenuEntry).where(MenuEntry.page == "cards.index"))
    told: list[str] = []

    def add() -> None:
        with app.app_context():
            try:
                service.add_page("cards.index", title_zh="卡", title_en="Cards", actor=keeper.actor)
            except Refused as refusal:
                told.append(str(refusal))

    together(add, times=4)
    assert told == ["这个页面已经在菜单里了"] * 3
    added = entry_of("cards.index")
    assert (added.icon, added.key, added.parent_id) == ("credit-card", "c", None)
    tree()


def test_an_entry_is_changed_and_the_audit_says_from_what_to_what(keeper: Person) -> None:
    cards, group = entry_of("cards.index"), entry_of("menus.index").parent_id
    assert group
    change(cards, keeper.actor, title_zh=" 收款 卡 ", title_en="Cards", icon="wallet", visible=False, parent_id=group)
    assert tree()[group][-1] == cards.id
    before = {"title_zh": "银行卡", "title_en": "Bank cards", "icon": "credit-card", "visible": True, "group": None}
    after = {"title_zh": "收款 卡", "title_en": "Cards", "icon": "wallet", "visible": False, "group": "系统管理"}
    assert changes("menu.change") == [("keeper", "cards.index", before, after)]
    change(entry_of("cards.index"), keeper.actor)
    assert len(changes("menu.change")) == 1, "nothing changed, nothing to say"


def test_a_move_is_written_down_and_one_that_leads_nowhere_is_not(keeper: Person) -> None:
    first = entry_of("live.dashboard")
    service.move(first.id, Way.UP, actor=keeper.actor)
    assert changes("menu.move") == []
    service.move(first.id, Way.DOWN, actor=keeper.actor)
    assert changes("menu.move") == [("keeper", "live.dashboard", {"position": 1}, {"position": 2})]


@pytest.mark.parametrize(
    ("page", "new"),
    [
        ("cards.index", {"title_zh": " "}),
        ("cards.index", {"title_en": "x" * 41}),
        ("cards.index", {"icon": "none-such"}),
        ("cards.index", {"parent_id": 10**9}),
        ("cards.index", {"parent_id": "self"}),
        ("menus.index", {"visible": False}),
        ("group", {"visible": False}),
        ("group", {"parent_id": "other"}),
    ],
)
def test_what_is_refused_changes_nothing(keeper: Person, page: str, new: dict[str, Any]) -> None:
    other = service.add_group(title_zh="另一组", title_en="Other", actor=keeper.actor)
    known = entry_of("menus.index").parent_id if page == "group" else entry_of(page).id
    before, entry = tree(), db.session.get_one(MenuEntry, known)
    stands_for = {"self": entry.id, "other": other}
    new = {name: stands_for.get(value, value) if isinstance(value, str) else value for name, value in new.items()}
    with pytest.raises(Refused):
        change(entry, keeper.actor, **new)
    assert tree() == before
    assert changes("menu.change") == []


def test_only_an_empty_group_is_removed(keeper: Person) -> None:
    full = entry_of("menus.index").parent_id
    assert full
    made = service.add_group(title_zh="空的", title_en="Empty", actor=keeper.actor)
    for entry_id in (full, entry_of("cards.index").id):
        with pytest.raises(Refused):
            service.remove_group(entry_id, actor=keeper.actor)
    with pytest.raises(NotThere):
        service.remove_group(10**9, actor=keeper.actor)
    service.move(made, Way.UP, actor=keeper.actor)
    service.remove_group(made, actor=keeper.actor)
    assert made not in tree()[None]
    icon = {"icon": rules.GROUP_ICON, "visible": True, "group": None}
    told = {"title_zh": "空的", "title_en": "Empty"} | icon
    assert changes("menu.add") == [("keeper", f"group {made}", None, told)]
    assert changes("menu.remove") == [("keeper", f"group {made}", told, None)]


def test_restoring_brings_back_the_tree_the_house_began_with(keeper: Person) -> None:
    began = queries.entries()
    group = entry_of("menus.index").parent_id
    assert group
    other = service.add_group(title_zh="自建", title_en="Mine", actor=keeper.actor)
    change(entry_of("audit.index"), keeper.actor, parent_id=other, title_zh="日志", icon="clock")
    change(entry_of("ledger.index"), keeper.actor, visible=False)
    change(db.session.get_one(MenuEntry, group), keeper.actor, title_zh="后台")
    service.move(other, Way.UP, actor=keeper.actor)
    service.add_page("nothing.index", title_zh="无", title_en="None", actor=keeper.actor)
    set_apart("cards.index", key="")
    with transaction():
        db.session.execute(delete(MenuEntry).where(MenuEntry.page == "channels.index"))
    service.restore(actor=keeper.actor)

    def looks(entries: list[rules.Entry]) -> list[tuple[object, ...]]:
        titles = {entry.id: entry.title_zh for entry in entries}
        return [
            (it.page, it.title_zh, it.title_en, it.icon, it.key, it.visible, titles.get(it.parent_id or 0))
            for it in entries
        ]

    db.session.rollback()
    assert looks(queries.entries()) == looks(began)
    tree()
    ((who, what, before, after),) = changes("menu.restore")
    assert (who, what) == ("keeper", "menu")
    assert "自建" in str(before) and "自建" not in str(after)
    assert len(after["menu"]) == len(began)
    assert audit.verify() == []


def test_restoring_an_empty_menu_makes_it_anew(keeper: Person) -> None:
    with transaction():
        db.session.execute(delete(MenuEntry).where(MenuEntry.parent_id.is_not(None)))
        db.session.execute(delete(MenuEntry))
    service.restore(actor=keeper.actor)
    service.restore(actor=keeper.actor)
    assert sum(map(len, tree().values())) == sum(1 + len(top.inside) for top in rules.DEFAULTS)
