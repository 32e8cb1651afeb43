"""The menu as people have it, and the pages where it is made."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event

from app.auth import service as auth
from app.auth.permissions import MONEY, PEOPLE, Permission, Role
from app.auth.service import roles
from app.menus import service
from app.menus.models import MenuEntry
from app.menus.views import pages
from app.runtime.db import db, transaction
from tests.house.test_catalogue import CHINESE, STRANGE, Page
from tests.menus.conftest import ANY_PAGE, Enter, Person, entry_of, menu_on, previewed, set_apart

pytestmark = pytest.mark.slow
ONE_ENGINE = True

EVIL = "<b onclick='x'>&amp;\""
GRANTS = st.frozensets(st.sampled_from(Permission))
CLERK = {"title_zh": "文员", "title_en": "Clerk", "note": ""}
LIMITS = st.sampled_from([(), ("dolphin",)])


def fronts(app: Flask) -> list[str]:
    with app.test_request_context():
        return [page.url for page in pages().values()]


def opens_what_it_shows(app: Flask, person: Person) -> None:
    """Every line leads to a page, and what is not there would not have opened."""
    shown = set(person.menu())
    opened = {url for url in fronts(app) if person.get(url).status_code == 200}
    assert shown == opened


@pytest.mark.parametrize("role", list(Role))
def test_a_menu_shows_what_its_reader_may_open_and_nothing_else(app: Flask, enter: Enter, role: Role) -> None:
    person = enter(role)
    assert person.menu()
    opens_what_it_shows(app, person)


@pytest.fixture
def clerk(keeper: Person, enter: Enter) -> Person:
    """Somebody of a role that this house made."""
    roles.create(code="clerk", **CLERK, actor=keeper.actor)
    return enter("clerk")


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(granted=GRANTS, limits=LIMITS)
def test_so_it_is_for_any_role_that_a_house_makes(
    app: Flask, keeper: Person, clerk: Person, granted: frozenset[Permission], limits: tuple[str, ...]
) -> None:
    granted = granted - PEOPLE if granted & MONEY else granted
    roles.change("clerk", **CLERK, permissions=granted, channels=limits, actor=keeper.actor)
    opens_what_it_shows(app, clerk)
    assert previewed(keeper.get("/menus/?role=clerk")) == list(clerk.menu().values())


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_preview_is_what_that_role_sees(keeper: Person, enter: Enter, role: Role, language: str) -> None:
    person = enter(role)
    set_apart("channels.index", visible=False)
    made = service.add_group(title_zh="资金", title_en="Money", actor=keeper.actor)
    set_apart("withdrawals.index", parent_id=made)
    for one in (person, keeper):
        auth.set_language(one.actor, language)
    lines = list(person.menu().values())
    assert previewed(keeper.get(f"/menus/?role={role}")) == lines
    assert {"zh": "渠道看板", "en": "Channel board"}[language] in lines
    assert not {"渠道管理", "Channels"} & set(lines)


def test_an_unknown_role_is_previewed_as_ones_own(keeper: Person) -> None:
    assert previewed(keeper.get("/menus/?role=none-such")) == list(keeper.menu().values())


def test_the_ledger_is_not_in_the_menu_of_somebody_limited_to_some_channels(app: Flask, enter: Enter) -> None:
    finance, keeper = enter(Role.FINANCE), enter(Role.ADMINISTRATOR, "keeper")
    assert "/ledger/" in finance.menu() and finance.get("/ledger/").status_code == 200
    auth.change(
        finance.actor.username,
        display_name="财",
        role=Role.FINANCE,
        channels=["dolphin"],
        actor=keeper.actor,
    )
    assert "/ledger/" not in finance.menu()
    for path in ("/ledger/", "/ledger/about/W1"):
        answer = finance.get(path)
        assert answer.status_code == 409 and "您的账号只限部分渠道" in answer.text
    assert "且不限渠道" in row_of(keeper, "ledger.index")


def row_of(keeper: Person, page: str) -> str:
    found = re.search(rf'<tr id="entry-{entry_of(page).id}".*?</tr>', keeper.get("/menus/").text, re.S)
    assert found
    return found[0]


def test_the_editor_says_which_permission_a_page_needs(keeper: Person) -> None:
    assert "看银行卡" in row_of(keeper, "cards.index")
    assert "管理菜单" in keeper.get(f"/menus/{entry_of('menus.index').id}").text


def test_an_entry_without_a_page_is_marked_and_shown_to_nobody(keeper: Person) -> None:
    gone = service.add_page("nothing.index", title_zh="旧页面", title_en="Old page", actor=keeper.actor)
    assert "没有这个页面" in row_of(keeper, "nothing.index") and "nothing.index" in row_of(keeper, "nothing.index")
    assert "旧页面" not in keeper.menu().values()
    assert "旧页面" not in previewed(keeper.get("/menus/"))
    assert "不会出现在任何人的菜单里" in keeper.get(f"/menus/{gone}").text


def test_an_entry_is_edited_on_its_page(keeper: Person, enter: Enter) -> None:
    operator, cards = enter(Role.OPERATOR), entry_of("cards.index").id
    group = entry_of("menus.index").parent_id
    new = {"title_zh": "收款卡", "title_en": "Payee cards", "icon": "wallet", "visible": "y", "parent_id": str(group)}
    answer = keeper.does(f"/menus/{cards}?role=operator", **new)
    assert answer.status_code == 303 and answer.headers["Location"] == f"/menus/?role=operator#entry-{cards}"
    assert list(operator.menu().values())[-1] == "收款卡", "alone in the group, which nobody else sees into"
    assert '<p class="side-group">系统管理</p>' in operator.get(ANY_PAGE).text
    assert keeper.does(f"/menus/{cards}", **{**new, "visible": "", "parent_id": ""}).status_code == 303
    assert "/cards/" not in operator.menu()


def test_a_group_is_made_filled_and_removed(keeper: Person, enter: Enter) -> None:
    operator = enter(Role.OPERATOR)
    assert keeper.does("/menus/groups", group_zh="卡券", group_en="Cards").status_code == 303
    page = keeper.get("/menus/").text
    made = re.findall(r'<tr id="entry-(\d+)" class="menu-entry is-group"', page)[-1]
    form = {"title_zh": "银行卡", "title_en": "Bank cards", "icon": "wallet", "visible": "y"}
    keeper.does(f"/menus/{entry_of('cards.index').id}", **form, parent_id=made)
    assert '<p class="side-group">卡券</p>' in operator.get(ANY_PAGE).text
    assert keeper.does(f"/menus/{made}/remove").status_code == 409
    keeper.does(f"/menus/{entry_of('cards.index').id}", **form, parent_id="")
    assert "卡券" not in operator.get(ANY_PAGE).text
    assert keeper.does(f"/menus/{made}", title_zh="卡", title_en="C").status_code == 303
    assert keeper.does(f"/menus/{made}/remove").status_code == 303
    assert keeper.get(f"/menus/{made}").status_code == 404


def test_a_page_that_is_in_no_entry_can_be_added(keeper: Person, enter: Enter) -> None:
    assert "新增页面" not in keeper.get("/menus/").text
    with transaction():
        db.session.execute(delete(MenuEntry).where(MenuEntry.page == "cards.index"))
    assert "新增页面" in keeper.get("/menus/").text
    new = {"page_zh": "卡", "page_en": "Cards"}
    for page in ("nothing.index", "ledger.index", "cards.new", ""):
        assert keeper.does("/menus/pages", page=page, **new).status_code == 422
    assert keeper.does("/menus/pages", page="cards.index", **new).status_code == 303
    assert list(enter(Role.OPERATOR).menu().items())[-1] == ("/cards/", "卡")


def test_up_and_down_and_back_to_the_beginning(keeper: Person, enter: Enter) -> None:
    operator = enter(Role.OPERATOR)
    began = list(operator.menu())
    cards = entry_of("cards.index").id
    for _ in range(began.index("/cards/")):
        keeper.does(f"/menus/{cards}/move", way="up")
    assert list(operator.menu()).index("/cards/") == 0
    keeper.does(f"/menus/{cards}/move", way="down")
    assert list(operator.menu()).index("/cards/") == 1
    keeper.does("/menus/restore")
    assert list(operator.menu()) == began


def test_the_region_alone_comes_back_after_a_move(keeper: Person) -> None:
    answer = keeper.get("/menus/?role=operator", headers={"HX-Request": "true", "HX-Target": "section#menu_tree"})
    assert answer.text.lstrip().startswith('<section id="menu_tree"') and "<html" not in answer.text


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/menus/{cards}/move", {"way": "sideways"}, 400),
        ("/menus/{cards}/move", {}, 400),
        ("/menus/0/move", {"way": "up"}, 404),
        ("/menus/{cards}/remove", {}, 409),
        ("/menus/{cards}/remove", {"stranger": "1"}, 400),
        ("/menus/restore", {"stranger": "1"}, 400),
        ("/menus/groups", {"group_zh": " ", "group_en": "x"}, 422),
        ("/menus/groups", {"group_zh": "组", "group_en": "x" * 41}, 422),
        ("/menus/{cards}", {"title_zh": "", "title_en": "x", "icon": "send", "parent_id": ""}, 422),
        ("/menus/{cards}", {"title_zh": "卡", "title_en": "x", "icon": "none-such", "parent_id": ""}, 422),
        ("/menus/{cards}", {"title_zh": "卡", "title_en": "x", "icon": "send", "parent_id": "{cards}"}, 422),
        ("/menus/{cards}", {"title_zh": "卡", "title_en": "x", "icon": "send", "key": "z"}, 400),
        ("/menus/{menus}", {"title_zh": "菜单", "title_en": "x", "icon": "send", "parent_id": ""}, 409),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(
    keeper: Person, path: str, form: dict[str, str], status: int
) -> None:
    before = keeper.get("/menus/").text.count("<tr"), keeper.menu()
    ids = {"cards": str(entry_of("cards.index").id), "menus": str(entry_of("menus.index").id)}
    typed = {name: value.format(**ids) for name, value in form.items()}
    assert keeper.does(path.format(**ids), **typed).status_code == status
    assert (keeper.get("/menus/").text.count("<tr"), keeper.menu()) == before


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPERVISOR, Role.FINANCE])
def test_others_do_not_edit_menus(enter: Enter, role: Role) -> None:
    person, cards = enter(role), entry_of("cards.index").id
    began = person.menu()
    for path in ("/menus/", f"/menus/{cards}"):
        assert person.get(path).status_code == 403
    deeds = {f"/menus/{cards}/move": {"way": "up"}, f"/menus/{cards}/remove": {}, "/menus/restore": {}}
    titles = {"group_zh": "组", "group_en": "Group"}
    form = {"title_zh": "卡", "title_en": "x", "icon": "send", "parent_id": ""}
    deeds |= {"/menus/groups": titles, "/menus/pages": {}, f"/menus/{cards}": form}
    for path, typed in deeds.items():
        assert person.does(path, **typed).status_code == 403
    assert person.menu() == began


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_editor_is_in_one_language(keeper: Person, language: str) -> None:
    auth.set_language(keeper.actor, language)
    service.add_group(title_zh="空的", title_en="Empty", actor=keeper.actor)
    service.add_page("nothing.index", title_zh="旧页面", title_en="Old page", actor=keeper.actor)
    with transaction():
        db.session.execute(delete(MenuEntry).where(MenuEntry.page == "cards.index"))
    entries = [entry_of("nothing.index").id, entry_of("ledger.index").id, entry_of("menus.index").parent_id]
    wrong = {"group_zh": "", "group_en": "x" * 41, "page_zh": "", "page_en": "x" * 41, "page": ""}
    answers = [
        *(keeper.get(path) for path in ("/menus/", "/menus/?role=finance", *(f"/menus/{it}" for it in entries))),
        keeper.does("/menus/groups", **{name: wrong[name] for name in wrong if name.startswith("group")}),
        keeper.does("/menus/pages", **{name: wrong[name] for name in wrong if name.startswith("page")}),
        keeper.does(f"/menus/{entries[0]}", title_zh="", title_en="x" * 41, icon="none-such", parent_id="x"),
        keeper.does(f"/menus/{entries[1]}/remove"),
    ]
    assert [answer.status_code for answer in answers] == [*[200] * 5, *[422] * 3, 409]
    for answer in answers:
        page = Page(answer.text)
        assert [text for text in page.said if STRANGE[language].search(text)] == [], answer.request.path
        if language == "zh":
            assert [text for text in page.wrong if not CHINESE.search(text)] == [], answer.request.path


def test_what_people_call_an_entry_is_text(keeper: Person) -> None:
    group = entry_of("menus.index").parent_id
    for page in (entry_of("menus.index").id, group):
        assert page
        form = {"title_zh": EVIL, "title_en": EVIL, "visible": "y"}
        more = {"icon": "send", "parent_id": str(group)} if page != group else {}
        assert keeper.does(f"/menus/{page}", **form, **more).status_code == 303
    for path in ("/menus/", f"/menus/{group}", ANY_PAGE):
        text = keeper.get(path).text
        assert EVIL not in text and "<b onclick" not in text
        assert EVIL in menu_on(keeper.get(path)).values()


@contextmanager
def asked(table: str) -> Iterator[list[str]]:
    """The statements that read this table meanwhile."""
    found: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if table in statement:
            found.append(statement)

    event.listen(db.engine, "before_cursor_execute", hear)
    yield found
    event.remove(db.engine, "before_cursor_execute", hear)


def test_the_menu_costs_a_page_one_question_and_a_part_of_a_page_none(enter: Enter) -> None:
    operator = enter(Role.OPERATOR)
    with asked("menu_entry") as statements:
        assert operator.menu()
        assert len(statements) == 1
        operator.get("/channels/", headers={"HX-Request": "true", "HX-Target": "section#accounts"})
        operator.get("/none-such")
        operator.get("/menus/")
        assert len(statements) == 1
