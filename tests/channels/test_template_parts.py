"""The draft of a channel template as forms: what is opened and saved stays as it is, what is altered is altered there alone."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from html.parser import HTMLParser
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, FormField, SelectField

from app.channels import manners
from app.channels.adapters.templated.examples import NAMES
from app.channels.adapters.templated.parsing import hints_of
from app.channels.forms.parts import PARTS, notation
from app.runtime.db import db
from tests.channels.test_template_pages import AT, admin, altered, press
from tests.world import World

ONE_ENGINE = True
__all__ = ["admin"]
EDIT = f"{AT}/wave/edit"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
words = texts.filter(lambda it: "\r" not in it)


@given(texts)
def test_a_text_in_one_line_comes_back(text: str) -> None:
    line = notation.line_of(text)
    assert notation.text_of(line) == text and not set(line) & set("\r\n\t")


@given(st.lists(words))
def test_a_list_in_one_field_comes_back(found: list[str]) -> None:
    assert notation.words_of(notation.list_of(found)) == found


@given(st.dictionaries(words.filter(lambda it: "=" not in it), words))
def test_a_table_in_one_field_comes_back(found: dict[str, str]) -> None:
    assert notation.pairs_of(notation.table_of(found).replace("\n", "\r\n")) == found


@pytest.mark.parametrize("written", ["a", "a=1 a=2", "'a=1"])
def test_no_table(written: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        notation.pairs_of(written)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything JSON may hold where this is wanted, and what only looks like it."""
    only = next((it for it in get_args(hint) if it is not NoneType), hint) if isinstance(hint, UnionType) else hint
    if only is not hint:
        return st.none() | values(only)
    if is_dataclass(hint):
        return st.fixed_dictionaries({}, optional={name: values(it) for name, it in hints_of(hint).items()})
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=2)
    if get_origin(hint) is Mapping:
        return st.dictionaries(texts, values(get_args(hint)[1]), max_size=2)
    few = {
        bool: st.booleans(),
        int: st.integers(-(10**8), 10**8),
        str: texts | st.sampled_from(["", "''", r"\n", " a "]),
    }
    return few[hint] if hint in few else st.sampled_from([str(it) for it in hint]) | texts


def sent_by(field: Any) -> Iterator[tuple[str, str]]:
    """What a browser would send of it."""
    for inside in field.form if isinstance(field, FormField) else field.entries if isinstance(field, FieldList) else ():
        yield from sent_by(inside)
    if isinstance(field, SelectField):
        choices = list(field.iter_choices())
        yield field.name, next((it for it in choices if it.selected), choices[0]).value
    elif isinstance(field, BooleanField):
        yield from [(field.name, "y")] if field.data else []
    elif not isinstance(field, FormField | FieldList):
        yield field.name, field._value()


@pytest.mark.parametrize("code", PARTS)
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.data())
def test_whatever_fits_comes_back(app: Flask, code: str, data: st.DataObject) -> None:
    part = PARTS[code]
    items = st.fixed_dictionaries({}, optional={name: values(hints_of(part.kind)[name]) for name in part.items})
    drawn = data.draw(items)
    found = {"kept": [1], part.inside: drawn | {"other": 1}} if part.inside else drawn | {"kept": [1]}
    with app.test_request_context("/"):
        if part.fits(found):
            form = part.filled(found)
            sent = MultiDict(pair for field in form if field.name != "csrf_token" for pair in sent_by(field))
            again = type(form)(formdata=sent, meta={"csrf": False})
            assert again.validate(), again.errors
            assert json.dumps(part.put(found, again)) == json.dumps(found)


class Controls(HTMLParser):
    """What a browser would send of the form `part_editor`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.inside, self.area, self.select = False, "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        it = dict(attrs)
        name = it.get("name") or ""
        if tag == "form":
            self.inside = it.get("id") == "part_editor"
        if not self.inside:
            return
        if tag == "input" and (it.get("type") != "checkbox" or "checked" in it):
            self.sent[name] = it.get("value") or ""
        elif tag == "textarea":
            self.area, self.sent[name] = name, ""
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in it or self.select not in self.sent):
            self.sent[self.select] = it.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        if tag == "textarea" and self.area:
            text = self.sent[self.area].replace("\r\n", "\n")
            self.sent[self.area] = text.removeprefix("\n").replace("\n", "\r\n")
            self.area = ""
        if tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.sent[self.area] += data


def controls(html: str) -> dict[str, str]:
    return Controls(html).sent


def draft() -> dict[str, Any]:
    db.session.rollback()
    found = manners.draft("wave")
    assert found
    told = json.loads(found.description)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("like", NAMES)
def test_what_is_opened_and_saved_stays_as_it_is(world: World, admin: FlaskClient, like: str) -> None:
    assert press(admin, "/new", code="wave", like=like).status_code == 303
    before = json.dumps(draft())
    for code in PARTS:
        page = admin.get(f"{EDIT}/{code}")
        assert page.status_code == 200
        assert admin.post(f"{EDIT}/{code}", data=controls(page.text)).status_code == 303
        assert json.dumps(draft()) == before, code


def begun(admin: FlaskClient, part: str, like: str = "dolphin") -> dict[str, str]:
    assert press(admin, "/new", code="wave", like=like).status_code == 303
    return controls(admin.get(f"{EDIT}/{part}").text)


def test_a_row_more_one_higher_and_one_less(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "submit")
    before = draft()
    parameters = before["interfaces"]["submit"]["ask"]["parameters"]
    more = admin.post(f"{EDIT}/submit/rows?deed=add:submit-ask-parameters", data=sent)
    sent = controls(more.text)
    assert more.status_code == 200 and sent["submit-ask-parameters-7-name"] == ""
    sent |= {"submit-ask-parameters-7-name": "memo", "submit-ask-parameters-7-constant": r"two\nlines"}
    for at in range(7, 0, -1):
        sent = controls(admin.post(f"{EDIT}/submit/rows?deed=lift:submit-ask-parameters-{at}", data=sent).text)
    sent = controls(admin.post(f"{EDIT}/submit/rows?deed=drop:submit-ask-parameters-1", data=sent).text)
    assert draft() == before, "nothing is kept before it is saved"
    assert admin.post(f"{EDIT}/submit", data=sent).status_code == 303
    after = draft()
    assert after["interfaces"]["submit"]["ask"]["parameters"] == [
        {"name": "memo", "constant": "two\nlines"},
        *parameters[1:],
    ]
    after["interfaces"]["submit"]["ask"]["parameters"] = parameters
    assert after == before, "everything else is as it was"


@pytest.mark.parametrize(
    "deed",
    ["add:settings", "drop:submit-ask-parameters-9", "lift:submit-ask-parameters-0", "add:submit", "add", "", "x:y"],
)
def test_rows_that_are_not_there(world: World, admin: FlaskClient, deed: str) -> None:
    sent = begun(admin, "submit")
    assert admin.post(f"{EDIT}/submit/rows", query_string={"deed": deed}, data=sent).status_code == 404
    assert admin.get(f"{EDIT}/submit/rows").headers["Location"].endswith("/edit/submit")


def test_rows_end_somewhere(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "basis")
    wanted = ("was", "name", "label", "example")
    sent |= {f"settings-{at}-{name}": "" for at in range(3, 100) for name in wanted}
    assert admin.post(f"{EDIT}/basis/rows?deed=add:settings", data=sent).status_code == 404
    assert admin.post(f"{EDIT}/basis", data=sent | {"settings-100-name": ""}).status_code == 400


def test_what_is_wrong_is_said_beside_its_field(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "submit") | {"submit-ask-parameters-1-source": "order.numbr", "submit-ask-method": "GET"}
    answer = admin.post(f"{EDIT}/submit", data=sent)
    assert answer.status_code == 303, "a draft may be wrong"
    page = admin.get(f"{EDIT}/submit").text
    assert "没有“order.numbr”这个来源" in page and "没有保存" not in page
    assert "请求 · 请求参数 · 第 2 行 · 来源" in page
    assert 'aria-describedby="submit-ask-parameters-1-source-error"' in page
    assert 'href="#submit-ask-parameters-1-source"' in page
    sent = controls(page) | {"submit-ask-parameters-1-source": "order.number", "submit-ask-method": "POST"}
    assert admin.post(f"{EDIT}/submit", data=sent).status_code == 303
    assert "启用之前还要改好" not in admin.get(f"{EDIT}/submit").text


def test_what_cannot_be_read_is_not_kept_and_stays_to_be_seen(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "answer") | {"answer-accepted": "'0", "answer-statuses": "two", "words-1-name": "PROCESSING"}
    before = draft()
    answer = admin.post(f"{EDIT}/answer", data=sent)
    assert answer.status_code == 422 and draft() == before
    assert "没有保存" in answer.text and 'href="#answer-accepted"' in answer.text
    assert "引号没有成对" in answer.text and 'value="&#39;0"' in answer.text
    assert "应为整数，用空格隔开" in answer.text and "同一个词写了两次" in answer.text


def test_an_interface_comes_and_goes(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "statement")
    assert "statement" not in draft()["interfaces"] and "去掉这一部分" not in admin.get(f"{EDIT}/statement").text
    assert admin.post(f"{EDIT}/statement", data=sent).status_code == 303
    assert "statement" not in draft()["interfaces"], "nothing was said of it"
    sent = controls(admin.get(f"{EDIT}/statement").text) | {
        "statement-ask-method": "POST",
        "statement-each-word": "state",
    }
    assert admin.post(f"{EDIT}/statement", data=sent).status_code == 303
    assert draft()["interfaces"]["statement"]["each"] == {"word": "state"}
    page = admin.get(f"{EDIT}/statement").text
    assert "缺少这一项" in page and "去掉这一部分" in page
    token = controls(page)
    gone = {"csrf_token": token["csrf_token"], "seen": token["seen"]}
    assert admin.post(f"{EDIT}/submit/remove", data=gone).status_code == 404, "no channel is without it"
    assert admin.post(f"{EDIT}/statement/remove", data=gone).status_code == 303
    assert "statement" not in draft()["interfaces"]
    assert admin.post(f"{EDIT}/callback/remove", data=gone).status_code == 409, "the page was of something else"


def test_two_people_are_in_each_others_way_only_on_the_same_part(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "basis")
    other = controls(admin.get(f"{EDIT}/callback").text) | {"callback-answer_word": "thanks"}
    assert admin.post(f"{EDIT}/callback", data=other).status_code == 303
    assert admin.post(f"{EDIT}/basis", data=sent | {"title": "我的"}).status_code == 303
    assert draft()["title"] == "我的" and draft()["callback"]["answer_word"] == "thanks"
    answer = admin.post(f"{EDIT}/basis", data=sent | {"title": "慢了"})
    assert answer.status_code == 409 and 'value="慢了"' in answer.text and draft()["title"] == "我的"
    assert "这一部分刚刚被改过" in answer.text and "最新的草稿" in answer.text


def test_a_draft_that_is_gone_is_said_to_be(world: World, admin: FlaskClient) -> None:
    sent = begun(admin, "basis")
    assert press(admin, "/wave/discard").status_code == 303
    assert admin.get(f"{EDIT}/basis").status_code == 404, "there is no such template any more"
    assert press(admin, "/new", code="wave", like="dolphin").status_code == 303
    assert press(admin, "/wave/activate", edition="1", note="按文档").status_code == 303
    answer = admin.post(f"{EDIT}/basis", data=sent)
    assert answer.status_code == 409 and "有人启用或放弃了它" in answer.text


@pytest.mark.parametrize(
    "changes",
    [{"title": 7}, {"settings": "none"}, {"manner": {"patience": 1}}, {"settings": [{}] * 101}, {"verified": "yes"}],
)
def test_what_no_form_can_hold_is_left_to_the_json(world: World, admin: FlaskClient, changes: dict[str, Any]) -> None:
    sent = begun(admin, "basis")
    assert press(admin, "/wave/edit", edition="1", text=altered(**changes)).status_code == 303
    before = draft()
    assert "这一部分只能在 JSON 里改" in admin.get(f"{EDIT}/basis").text
    assert admin.post(f"{EDIT}/basis", data=sent).status_code == 409 and draft() == before
    assert 'name="submit-ask-method"' in admin.get(f"{EDIT}/submit").text, "the others can"


@pytest.mark.parametrize("path", ["/none", "/none/rows", "/basis"])
def test_what_is_not_there(world: World, admin: FlaskClient, path: str) -> None:
    assert admin.get(f"{EDIT}{path}").status_code == 404
