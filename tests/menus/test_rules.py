"""Who sees which entry, as a table of cases; the menu a house begins with."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from app.auth.permissions import SIGNED_IN, Permission
from app.kernel.errors import Refused
from app.menus import rules
from app.menus.rules import Entry, Page, Unseen

TOP = Path(__file__).resolve().parents[2]
PAGES = {
    "cards.index": Page("cards.index", "/cards/", Permission.CARD_READ),
    "ledger.index": Page("ledger.index", "/ledger/", Permission.LEDGER_READ, whole=True),
    "me.index": Page("me.index", "/me/", SIGNED_IN),
}


@dataclass(frozen=True)
class Reader:
    permissions: frozenset[str] = frozenset()
    channels: frozenset[str] | None = None


ALL = Reader(frozenset(Permission))


def entry(number: int, page: str | None, *, inside: int | None = None, visible: bool = True) -> Entry:
    titles = {"title_zh": f"第{number}项", "title_en": f"Entry {number}"}
    return Entry(id=number, parent_id=inside, page=page, **titles, icon="send", key="", visible=visible)


@pytest.mark.parametrize(
    ("one", "reader", "why"),
    [
        (entry(1, "cards.index"), ALL, None),
        (entry(1, "cards.index"), Reader(), Unseen.FORBIDDEN),
        (entry(1, "cards.index", visible=False), ALL, Unseen.HIDDEN),
        (entry(1, "cards.index"), Reader(frozenset(Permission), frozenset({"dolphin"})), None),
        (entry(1, "ledger.index"), ALL, None),
        (entry(1, "ledger.index"), Reader(frozenset(Permission), frozenset({"dolphin"})), Unseen.PARTIAL),
        (entry(1, "ledger.index"), Reader(frozenset(Permission), frozenset()), Unseen.PARTIAL),
        (entry(1, "ledger.index"), Reader(channels=frozenset()), Unseen.FORBIDDEN),
        (entry(1, "me.index"), Reader(), None),
        (entry(1, "nothing.index"), ALL, Unseen.GONE),
        (entry(1, "nothing.index", visible=False), ALL, Unseen.GONE),
    ],
)
def test_who_sees_a_page(one: Entry, reader: Reader, why: Unseen | None) -> None:
    assert rules.unseen_by(reader, [one], PAGES) == {1: why}
    assert bool(rules.menu(reader, [one], PAGES, language="zh")) is (why is None)


@pytest.mark.parametrize(
    ("group_shown", "inside", "why"),
    [
        (True, ["cards.index"], None),
        (True, ["nothing.index", "cards.index"], None),
        (True, ["nothing.index"], Unseen.EMPTY),
        (True, [], Unseen.EMPTY),
        (False, ["cards.index"], Unseen.HIDDEN),
    ],
)
def test_a_group_is_there_for_what_is_in_it(group_shown: bool, inside: list[str], why: Unseen | None) -> None:
    tree = [entry(1, None, visible=group_shown), *(entry(n, page, inside=1) for n, page in enumerate(inside, 2))]
    assert rules.unseen_by(ALL, tree, PAGES)[1] is why
    lines = rules.menu(ALL, tree, PAGES, language="en")
    assert {line.group for line in lines} == (set() if why else {"Entry 1"})


def test_what_is_in_a_group_comes_after_it_and_the_room_one_is_in_is_marked() -> None:
    tree = [entry(1, "me.index"), entry(2, "cards.index", inside=3), entry(3, None), entry(4, "ledger.index")]
    lines = rules.menu(ALL, tree, PAGES, language="zh", here="cards")
    assert [(line.title, line.group, line.current) for line in lines] == [
        ("第1项", None, False),
        ("第2项", "第3项", True),
        ("第4项", None, False),
    ]


def test_a_room_behind_another_lights_its_entry() -> None:
    tree = [entry(1, "cards.index"), entry(2, "channel_templates.index")]
    pages = PAGES | {"channel_templates.index": Page("channel_templates.index", "/t/", Permission.CHANNEL_TEMPLATE)}
    lines = rules.menu(ALL, tree, pages, language="zh", here="template_parts")
    assert [line.current for line in lines] == [False, True]


def test_every_room_of_the_house_lights_an_entry(app: Flask) -> None:
    """But for the doors, what is one's own, and what machines ask."""
    own = {"auth", "callbacks", "control", "gate", "profile", "proof", "static"}
    entries = {one.page.rpartition(".")[0] for top in rules.DEFAULTS for one in (top, *top.inside) if one.page}
    assert set(rules.BEHIND.values()) <= entries and not set(rules.BEHIND) & entries
    assert set(app.blueprints) - own == entries | set(rules.BEHIND)


def test_the_editor_cannot_be_hidden() -> None:
    rules.require_way_back([entry(1, None), entry(2, "menus.index", inside=1)])
    for tree in (
        [entry(1, None), entry(2, "menus.index", inside=1, visible=False)],
        [entry(1, None, visible=False), entry(2, "menus.index", inside=1)],
        [entry(2, "menus.index", visible=False)],
    ):
        with pytest.raises(Refused):
            rules.require_way_back(tree)


@pytest.mark.parametrize("title", ["", "   ", "长" * 41, "\n"])
def test_titles_that_are_refused(title: str) -> None:
    with pytest.raises(Refused):
        rules.require_title(title)


def test_every_reason_is_said_in_words() -> None:
    assert set(rules.WHY) == set(Unseen)


def test_every_icon_is_in_the_sprite_and_called_something() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (TOP / "static" / "vendor" / "icons.svg").read_text()))
    defaults = {it.icon for top in rules.DEFAULTS for it in (top, *top.inside)}
    assert {*rules.ICONS, rules.GROUP_ICON} <= drawn
    assert {*defaults, rules.NEW_ICON, rules.GROUP_ICON} <= set(rules.ICONS)
    words = list(rules.ICONS.values())
    assert len(set(words)) == len(words)


def migration(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("m", TOP / f"migrations/versions/{name}.py")
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


LATER = (
    ("0004_sheets_of_cards", "cards.index"),
    ("0005_decisions_and_stops", "withdrawals.index"),
    ("0006_rules_of_withdrawals", "sending.index"),
    ("0007_withdrawal_sheets", "withdrawals.index"),
    ("0008_views_and_exports", "sending.index"),
    ("0009_call_log", "channels.index"),
    ("0011_platform_accounts_and_handovers", "live.dashboard", "TASKS"),
    ("0011_platform_accounts_and_handovers", "channels.index", "PLATFORMS"),
    ("0012_channel_templates", "channels.index"),
    ("0013_health_of_channels", "channels.index"),
    ("0014_alerts", "work.index"),
    ("0015_payees_that_are_no_card", "ledger.index"),
    ("0018_statements", "collections.index"),
)
"""Migrations that brought entries, and after which page; by what name, where one brought them to two places."""


def test_a_new_house_begins_with_the_defaults() -> None:
    """What the first menu held, and after a page what later came beside it."""
    written = [(*entry, ()) if len(entry) == 5 else entry for entry in migration("0002_people_roles_and_menus").MENU]
    for name, page, *table in LATER:
        (at,) = (place for place, entry in enumerate(written) if entry[0] == page)
        written[at + 1 : at + 1] = [(*entry, ()) for entry in getattr(migration(name), *(table or ["MENU"]))]

    def plain(it: rules.Default) -> tuple[object, ...]:
        return it.page, str(it.title_zh), it.title_en, it.icon, it.key

    assert tuple((*plain(top), tuple(plain(it) for it in top.inside)) for top in rules.DEFAULTS) == tuple(written)
