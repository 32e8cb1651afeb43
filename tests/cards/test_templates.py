"""绑定模版: designed as a draft, used from the moment it is activated, and never fit to run away with the house."""

import io
import re
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any
from zipfile import ZipFile

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.cards import queries, rules
from app.cards.service import templates
from app.channels import queries as channels
from app.channels import service as channel_service
from app.kernel.cells import Column, Kind
from app.kernel.columns import Judge
from app.kernel.errors import NotThere, Refused
from app.runtime import sheet
from app.runtime.db import db
from tests.auth.conftest import PASSWORD, Browser

SOAK_ON_POSTGRES = ("",)  # CI proves these on SQLite, and the runs made of them on both
STAFF = Column(key="staff", title="工号", kind=Kind.TEXT, required=True, pattern="[A-Z][0-9]{3}", example="A001")
SORT = Column(key="sort", title="卡种", kind=Kind.CHOICE, choices=("储蓄卡", "一类户"), example="储蓄卡")
KIND = Column(key="account_type", title="账户类型", kind=Kind.ACCOUNT_TYPE, example="对私")


@pytest.fixture
def designer(app: Flask) -> Actor:
    """A supervisor, in a house with two channels."""
    for code in ("one", "two"):
        channel_service.open_channel(code=code, name=f"渠道{code}", adapter="dolphin", actor="test")
    return person("designer", Role.SUPERVISOR)


def person(username: str, role: Role) -> Actor:
    auth.create_operator(username=username, display_name=username, role=role, password=PASSWORD, actor="test")
    return auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="test")[1]


def used(channel: str = "one") -> queries.Template:
    db.session.rollback()
    return queries.template(channels.channel(channel).id)


def drafted(channel: str = "one") -> list[str]:
    """Keys of the draft's columns; of nothing, where there is none."""
    db.session.rollback()
    found = queries.draft(channels.channel(channel).id)
    keys = [column.key for column in rules.unpacked(found.columns)] if found else []
    db.session.rollback()
    return keys


def edition(channel: str = "one") -> int:
    db.session.rollback()
    found = queries.require_draft(channels.channel(channel).id).edition
    db.session.rollback()
    return found


def put(column: Column, actor: Actor, *, instead_of: str = "") -> None:
    templates.put_column("one", column, instead_of=instead_of, edition=edition(), actor=actor)


# -- a draft, and its use -----------------------------------------------------------------------------------------------


def test_a_draft_changes_nothing_until_it_is_activated(designer: Actor) -> None:
    assert used().version == 0 and used().columns == rules.DEFAULT
    templates.draft("one", actor=designer)
    put(STAFF, designer)
    put(SORT, designer)
    templates.move_column("one", "staff", step=-1, edition=edition(), actor=designer)
    templates.drop_column("one", "phone", edition=edition(), actor=designer)
    put(replace(SORT, title="种类"), designer, instead_of="sort")
    assert used().columns == rules.DEFAULT
    assert drafted() == ["number", "holder", "bank", "staff", "sort"]
    assert templates.activate("one", edition=edition(), note="要工号", actor=designer) == 1
    now = used()
    assert [column.key for column in now.columns] == ["number", "holder", "bank", "staff", "sort"]
    assert now.columns[3:] == (STAFF, replace(SORT, title="种类")) and now.activated_by == "designer"
    assert used("two").columns == rules.DEFAULT, "another channel is another matter"
    assert drafted() == []


def test_versions_count_up_and_each_stays_as_it_was(designer: Actor) -> None:
    for version, column in enumerate((STAFF, SORT, KIND), 1):
        templates.draft("one", actor=designer)
        put(column, designer)
        assert templates.activate("one", edition=edition(), note=f"加{column.title}", actor=designer) == version
    db.session.rollback()
    found = queries.versions(channels.channel("one").id)
    assert [(it.version, it.state, it.note) for it in found] == [
        (3, "active", "加账户类型"),
        (2, "retired", "加卡种"),
        (1, "retired", "加工号"),
    ]
    counts = [len(queries.template_by_id(it.id).columns) for it in reversed(found)]
    assert counts == [5, 6, 7] and len(queries.template_by_id(0).columns) == 4
    records = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "template.activate")).all()
    assert [record.why for record in records] == ["加工号", "加卡种", "加账户类型"]


def test_who_saw_an_older_edition_overwrites_nothing(designer: Actor) -> None:
    other = person("other", Role.SUPERVISOR)
    templates.draft("one", actor=designer)
    seen = edition()
    templates.put_column("one", STAFF, edition=seen, actor=other)
    before = drafted()
    for deed in (
        lambda: templates.put_column("one", SORT, edition=seen, actor=designer),
        lambda: templates.put_column("one", SORT, instead_of="staff", edition=seen, actor=designer),
        lambda: templates.move_column("one", "staff", step=-1, edition=seen, actor=designer),
        lambda: templates.drop_column("one", "staff", edition=seen, actor=designer),
        lambda: templates.activate("one", edition=seen, note="旧的", actor=designer),
    ):
        with pytest.raises(Refused, match="刚刚被改过"):
            deed()
        assert drafted() == before and used().version == 0


def test_there_is_one_draft_and_it_can_be_thrown_away(designer: Actor) -> None:
    templates.draft("one", actor=designer)
    with pytest.raises(Refused, match="已有一份草稿"):
        templates.draft("one", actor=designer)
    templates.discard("one", actor=designer)
    assert drafted() == [] and used().version == 0
    for deed in (
        lambda: templates.discard("one", actor=designer),
        lambda: templates.put_column("one", STAFF, edition=1, actor=designer),
        lambda: templates.activate("one", edition=1, note="没有", actor=designer),
    ):
        with pytest.raises(Refused, match="没有草稿"):
            deed()
    templates.draft("one", actor=designer)


def test_a_draft_may_begin_as_another_channels_template(designer: Actor) -> None:
    templates.draft("one", actor=designer)
    put(STAFF, designer)
    templates.activate("one", edition=edition(), note="要工号", actor=designer)
    templates.draft("two", like="one", actor=designer)
    assert drafted("two") == ["number", "holder", "bank", "phone", "staff"]
    assert templates.activate("two", edition=edition("two"), note="一样", actor=designer) == 1
    assert used("two").columns == used().columns
    with pytest.raises(NotThere):
        templates.draft("two", like="nowhere", actor=designer)


def test_a_column_that_is_not_there_cannot_be_changed_and_a_key_is_there_once(designer: Actor) -> None:
    templates.draft("one", actor=designer)
    put(STAFF, designer)
    for deed in (
        lambda: put(SORT, designer, instead_of="nothing"),
        lambda: templates.move_column("one", "nothing", step=1, edition=edition(), actor=designer),
        lambda: templates.drop_column("one", "nothing", edition=edition(), actor=designer),
    ):
        with pytest.raises(NotThere):
            deed()
    with pytest.raises(Refused, match="已经有了"):
        put(STAFF, designer)
    with pytest.raises(Refused, match="已经有了"):
        put(replace(SORT, key="phone", kind=Kind.PHONE), designer, instead_of="staff")
    templates.move_column("one", "number", step=-1, edition=edition(), actor=designer)
    templates.move_column("one", "staff", step=1, edition=edition(), actor=designer)
    assert drafted() == ["number", "holder", "bank", "phone", "staff"]


# -- what makes one unfit -----------------------------------------------------------------------------------------------

DEFAULT = list(rules.DEFAULT)
UNFIT: dict[str, tuple[list[Column], str]] = {
    "no number": (DEFAULT[1:], "缺少“银行卡号”"),
    "a bank that may be empty": ([*DEFAULT[:2], replace(DEFAULT[2], required=False)], "必须是必填"),
    "choices without choices": ([*DEFAULT, replace(SORT, choices=(), example="")], "没有可选项"),
    "an example that is no choice": ([*DEFAULT, replace(SORT, example="信用卡")], "“卡种”列的示例不对"),
    "an example that is too short": ([*DEFAULT, replace(STAFF, pattern="", shortest=6)], "“工号”列的示例不对"),
    "one name for two": ([*DEFAULT, replace(STAFF, aliases=("卡号",))], "“卡号”不止一列使用"),
    "one title for two": ([*DEFAULT, replace(STAFF, title="开户行")], "不止一列使用"),
    "too many": ([*DEFAULT, *(replace(STAFF, key=f"k{n}", title=f"列{n}") for n in range(30))], "最多 30 列"),
}


@pytest.mark.parametrize(("columns", "why"), UNFIT.values(), ids=list(UNFIT))
def test_a_template_with_a_flaw_is_not_fit_and_says_why(columns: list[Column], why: str) -> None:
    assert why in "；".join(map(str, rules.flaws(columns)))


def test_a_flawed_draft_is_not_activated(designer: Actor) -> None:
    templates.draft("one", actor=designer)
    templates.drop_column("one", "bank", edition=edition(), actor=designer)
    with pytest.raises(Refused, match=r"还不能启用：缺少“开户行”"):
        templates.activate("one", edition=edition(), note="没有银行", actor=designer)
    assert used().version == 0 and drafted() == ["number", "holder", "phone"]


def test_a_template_without_flaws_has_none() -> None:
    assert rules.flaws(rules.DEFAULT) == []
    assert rules.flaws([*rules.DEFAULT, STAFF, SORT, KIND]) == []
    columns = [*rules.DEFAULT, STAFF, SORT, KIND]
    assert list(rules.unpacked(rules.packed(columns))) == columns, "and is kept as it is"


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (replace(STAFF, key="工号"), "键只能用"),
        (replace(STAFF, key="Staff"), "键只能用"),
        (replace(STAFF, key="s"), "键只能用"),
        (replace(STAFF, key="1st"), "键只能用"),
        (replace(STAFF, key="staff\n"), "键只能用"),
        (replace(STAFF, key="phone"), "类型只能是“手机号”"),
        (replace(STAFF, kind=Kind.CARD), "每个模版只有一列“银行卡号”"),
        (replace(STAFF, kind=Kind.ACCOUNT_TYPE), "每个模版只有一列"),
        (replace(STAFF, shortest=5, longest=4), "最短长度不能大于"),
        (replace(STAFF, pattern="["), "不是有效的正则"),
        (replace(STAFF, example="工号"), "自己就不符合"),
    ],
)
def test_a_column_that_makes_no_sense_is_refused(column: Column, why: str) -> None:
    with pytest.raises(Refused, match=why):
        rules.require_column(column)


RUN_AWAY = [
    "a**",
    "(a+)+",
    "(a*)*b",
    "(a|a)*",
    "([a-z]+)*",
    "(a|aa)+$",
    "(x+x+)+y",
    "(.*a){20}",
    "(a{1,5}){1,9}",
    "(a)(b) {2}",
    "(ab)?",
    "a*a*a*a*b",
    r"\d+\d+\d+\d+",
    ".*.*.*.*",
    "a{1,}a{1,}a{1,}a{1,}",
    "a?" * 30 + "a{30}",
    "(a|.)" * 12 + "a*a*b",
    "(a|b)+",
    r"(a)\1",
    r"(a)[b]\1",
    "(?=a)b",
    "(?!a)b",
    "(?<=a)b",
    "(?:a+)+",
    "(?i)a",
    "(?P<n>a)",
    "[",
    "(",
    "*a",
    "a{4294967295}",
]


@pytest.mark.parametrize("pattern", RUN_AWAY)
def test_a_pattern_that_could_run_away_is_refused(pattern: str) -> None:
    with pytest.raises(Refused, match="格式"):
        rules.require_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["[0-9]{6}", "[A-Z]{2}[0-9]{3,5}", "男|女", "(男|女)[0-9]{1,2}", r"\d{4}-\d{2}", "[^()]+", r"\(\d+\)", "[*+?|]{3}",
     "[1-9][0-9]*", r"[A-Za-z0-9._]+@[a-z0-9]+\.[a-z]+", ".*", r"a\*b\?"],
)  # fmt: skip
def test_a_pattern_that_people_need_is_taken(pattern: str) -> None:
    rules.require_pattern(pattern)


pieces = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^b]", r"\w", "(a|.)", "(a|ab)", "(", ")", "|", "*", "+", "?", "{1,9}", "{3}", "{2,}"]
)
patterns = st.lists(pieces, min_size=1, max_size=rules.MOST["pattern"]).map(lambda it: "".join(it)[:100])


@settings(max_examples=150)
@given(patterns, st.sampled_from(["a" * 199 + "!", "ab" * 99 + "!", "a" * 200]))
def test_what_is_taken_is_done_with_any_cell_at_once(pattern: str, text: str) -> None:
    try:
        rules.require_pattern(pattern)
    except Refused:
        return
    began = time.process_time()
    re.compile(pattern).fullmatch(text)
    assert time.process_time() - began < 1


# -- what it gives ------------------------------------------------------------------------------------------------------


def browser_of(app: Flask, username: str) -> Any:
    app.test_client_class = Browser
    browser: Any = app.test_client()
    assert browser.sign_in(username).status_code == 303
    return browser


def test_the_sheet_to_fill_in_is_read_back_as_the_template_says(app: Flask, designer: Actor) -> None:
    templates.draft("one", actor=designer)
    for column in (STAFF, SORT, KIND):
        put(column, designer)
    templates.activate("one", edition=edition(), note="更多", actor=designer)
    columns, here = used().columns, browser_of(app, "designer")
    answer = here.get("/card-templates/one/sheet.xlsx")
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    with sheet.reading(answer.data) as book:
        rows = [cells for block in book for _row, cells in block]
        assert book.meta.other_sheets == 1, "and one that explains"
    assert rows == [[column.title for column in columns], [column.example for column in columns]]
    assert not Judge(columns).judge(rows[1]), "the example is what is wanted"
    with ZipFile(io.BytesIO(answer.data)) as parts:
        page, styles = parts.read("xl/worksheets/sheet1.xml").decode(), parts.read("xl/styles.xml").decode()
    formats = re.findall(r'<xf numFmtId="(\d+)"', styles.partition("<cellXfs")[2])
    told = [int(style) for style in re.findall(r'<col min="\d+" max="\d+" width="[^"]+" style="(\d+)"', page)]
    assert len(told) >= 1 and {formats[style] for style in told} == {"49"}, (
        "whole columns are text: what is typed stays"
    )
    assert page.count("<dataValidation ") == 2 and '"对私,对公"' in page.replace("&quot;", '"')


def test_the_csv_opens_in_excel_and_holds_the_same(app: Flask, designer: Actor) -> None:
    answer = browser_of(app, "designer").get("/card-templates/one/sheet.csv")
    assert answer.data.startswith(b"\xef\xbb\xbf") and answer.data.count(b"\r\n") == 2
    with sheet.reading(answer.data) as book:
        rows = [cells for block in book for _row, cells in block]
    assert rows[0] == [column.title for column in rules.DEFAULT]
    assert not Judge(rules.DEFAULT).judge(rows[1])


def test_the_sheet_to_fill_in_is_understood_without_asking(designer: Actor) -> None:
    from app.uploads.rules import match

    for columns in (rules.DEFAULT, (*rules.DEFAULT, STAFF, SORT, KIND)):
        assert match(columns, [column.title for column in columns]).sure


# -- who may ------------------------------------------------------------------------------------------------------------


def test_a_supervisor_designs_and_an_operator_only_looks(app: Flask, designer: Actor) -> None:
    person("looker", Role.OPERATOR)
    here, there = browser_of(app, "designer"), browser_of(app, "looker")
    form = {
        "edition": "1", "title": "工号", "key": "staff", "kind": "text", "required": "y", "aliases": "员工号、编号",
        "choices": "", "pattern": "[A-Z][0-9]{3}", "shortest": "", "longest": "", "example": "A001", "note": "",
    }  # fmt: skip
    deeds: list[tuple[str, dict[str, str]]] = [
        ("draft", {}),
        ("columns", form),
        ("columns/staff", form | {"edition": "2", "title": "员工编号"}),
        ("move", {"key": "staff", "step": "-1", "edition": "3"}),
        ("drop", {"key": "phone", "edition": "4"}),
        ("activate", {"edition": "5", "note": "要工号"}),
    ]
    for deed, sent in deeds:
        path = f"/card-templates/one/{deed}"
        refused = there.post(path, data={"csrf_token": there.csrf("/"), **sent})
        assert refused.status_code == 403, deed
        done = here.post(path, data={"csrf_token": here.csrf("/"), **sent})
        assert done.status_code == 303, deed
        for browser, buttons in ((here, True), (there, False)):
            page = browser.get("/card-templates/one")
            assert page.status_code == 200
            assert bool(_deeds(page.text)) == buttons
    for browser, status in ((here, 409), (there, 403)):
        assert browser.get("/card-templates/one/columns/new").status_code == status
        assert browser.get("/card-templates/").status_code == 200
        assert browser.get("/card-templates/one/sheet.csv").status_code == 200
    columns = used().columns
    assert [column.key for column in columns] == ["number", "holder", "bank", "staff"]
    assert columns[3] == replace(STAFF, title="员工编号", aliases=("员工号", "编号"))
    assert here.get("/card-templates/nowhere").status_code == 404


def _deeds(page: str) -> list[str]:
    """Addresses of this template that are more than a look or a sheet to take along."""
    found = re.findall(r'(?:action|href)="/card-templates/one/([^"]+)"', page)
    return [path for path in found if not path.startswith("sheet.")]


def test_a_refused_column_comes_back_with_what_was_typed_and_why(app: Flask, designer: Actor) -> None:
    templates.draft("one", actor=designer)
    here = browser_of(app, "designer")
    form = {"csrf_token": here.csrf("/"), "edition": "1", "title": "工号", "key": "staff", "kind": "text"}
    for wrong, status, why in (
        ({"pattern": "(a+)+"}, 409, "请写得简单些"),
        ({"key": "Staff"}, 409, "键只能用"),
        ({"key": "number"}, 409, "类型只能是"),
        ({"title": ""}, 422, "请填写列名"),
        ({"title": "长" * 31}, 422, ""),
        ({"longest": "201"}, 422, ""),
        ({"edition": "9"}, 409, "刚刚被改过"),
    ):
        answer = here.post("/card-templates/one/columns", data=form | wrong)
        assert answer.status_code == status and why in answer.text and 'name="aliases"' in answer.text
    assert here.post("/card-templates/one/columns", data=form | {"stranger": "1"}).status_code == 400
    assert drafted() == ["number", "holder", "bank", "phone"]


def test_what_changes_is_told_beside_the_draft(app: Flask, designer: Actor) -> None:
    before, after = list(rules.DEFAULT), [replace(rules.DEFAULT[0], note="19 位"), *rules.DEFAULT[1:3], STAFF]
    told = [
        (it.before and it.before.key, it.after and it.after.key, it.what) for it in rules.differences(before, after)
    ]
    assert told == [("number", "number", ("note",)), (None, "staff", ()), ("phone", None, ())]
    assert not rules.order_changed(before, after) and rules.order_changed(before, before[::-1])
    for one, other in pairwise([before, after, before]):
        assert bool(rules.differences(one, other)) == (one != other)
    templates.draft("one", actor=designer)
    here = browser_of(app, "designer")
    assert "没有改动" in here.get("/card-templates/one").text
    put(STAFF, designer)
    templates.drop_column("one", "bank", edition=edition(), actor=designer)
    page = here.get("/card-templates/one").text
    assert "新增" in page and "删除" in page and "缺少“开户行”" in page and "启用这一版" not in page


def test_both_kinds_of_account_are_what_the_drop_down_offers() -> None:
    assert not [it for it in ("对私", "对公") if Judge([KIND]).judge([it])]
