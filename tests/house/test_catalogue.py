"""Two languages, each whole: no Chinese on an English page, no English on a Chinese one, but for what people and channels wrote.

The story behind the pages uses names in Latin letters only, so whatever is Chinese there was not translated.
"""

import ast
import re
from collections.abc import Callable, Iterator
from contextvars import Context
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.auth import service as auth
from app.auth.permissions import GRANTS, PUBLIC, SIGNED_IN, Role
from app.auth.rules import LANGUAGES
from app.cards import queries as cards
from app.cards import service as card_service
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import CallbackInbox, ChannelCall
from app.kernel.bank_card import BankCard
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.withdrawals import queries, service
from tests.world import CARD, PASSWORD, World
from tools import catalogue
from tools.catalogue import CHINESE

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
REFUSED_CARD, CARD_IN_REVIEW = "6222020200112200502", "6222020200112200403"
ENGLISH = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2}")
"""Three words in a row: a sentence, where a name or a term of the trade has fewer."""
STRANGE = {"zh": ENGLISH, "en": CHINESE}
SPOKEN = {"title", "alt", "placeholder", "aria-label", "content", "value", "label"}


# -- the catalogue ------------------------------------------------------------------------------------------------------


def test_every_sentence_has_its_english_and_nothing_is_left_over() -> None:
    assert catalogue.check() == []


def test_update_has_nothing_to_do() -> None:
    before = catalogue.PO.read_bytes(), catalogue.MO.read_bytes()
    try:
        assert catalogue.update() == []
        assert (catalogue.PO.read_bytes(), catalogue.MO.read_bytes()) == before
    finally:
        catalogue.PO.write_bytes(before[0])
        catalogue.MO.write_bytes(before[1])


def test_whatever_is_refused_in_words_is_in_the_catalogue() -> None:
    known = {str(said.id) for said in catalogue.read_book()}
    told = []
    for path in (catalogue.TOP / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Call(func=ast.Name(id="Refused" | "Malformed"), args=[ast.Constant(value=str(sentence))]):
                    told.append(sentence)
    assert len(told) > 30 and set(told) <= known


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('_("提现")', ["提现"]),
        ('gettext_noop("提现")', ["提现"]),
        ('raise Refused("%(name)s 不行", advice="请再试", name=name)', ["%(name)s 不行", "请再试"]),
        ('raise errors.Malformed("不行" if short else "也不行")', ["不行", "也不行"]),
        ('WRONG = "不对"\nraise Refused(WRONG)', ["不对"]),
        ("gettext(title)", []),
        ('print("提现")', []),
    ],
)
def test_sentences_are_found(code: str, said: list[str]) -> None:
    assert [text for _line, text in catalogue.sentences_of(ast.parse(code))] == said


@pytest.mark.parametrize("code", ['raise Refused(f"{name} 不行")', "raise Refused(text)", 'Refused("不" + "行")'])
def test_what_no_catalogue_can_hold_is_seen(code: str) -> None:
    assert list(catalogue.unreadable(ast.parse(code))) == [1]


def test_chinese_that_nobody_marked_is_seen() -> None:
    code = '"""提现"""\nlabel = "提现"\nother = _("金额")\n'
    assert list(catalogue.unspoken(ast.parse(code))) == [(2, "提现")]


# -- the pages ----------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a person reads or hears of a page, without what is data by its nature: code, and `translate="no"`."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "path", "rect", "use", "circle", "polyline"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.wrong: list[str] = []
        self.toasts: list[str] = []
        self.lang = ""
        self._open: list[tuple[str, bool, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.lang = given.get("lang", self.lang) if tag == "html" else self.lang
        mute = self._mute or given.get("translate") == "no" or tag in ("code", "script", "style")
        if not mute:
            hidden = tag in ("button", "input", "option") and given.get("type") != "submit"
            self.said += [
                text
                for name, text in given.items()
                if (name in SPOKEN or name.startswith(("data-text", "data-confirm", "data-fresh"))) and text
                if not (name == "value" and hidden) and not (tag == "meta" and given.get("name") != "description")
            ]
        if tag not in self.VOID:
            self._open.append((tag, mute, given.get("class", "")))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._mute:
            self.said.append(data.strip())
            inside = {word for _tag, _mute, classes in self._open for word in classes.split()}
            if "wrong" in inside or "error-summary" in inside:
                self.wrong.append(data.strip())
            if "toast-line" in inside:
                self.toasts.append(data.strip())

    @property
    def _mute(self) -> bool:
        return bool(self._open) and self._open[-1][1]


class Person(FlaskClient):
    """Somebody at a browser. Every request gets a context of its own, as in production."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return Context().run(super().open, *args, **kwargs)

    def token(self, path: str = "/") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, f"{path} has no form"
        return found[1]

    def does(self, path: str, **form: str) -> TestResponse:
        """Presses a button; follows to the page that tells the result."""
        given = {name.rstrip("_"): value for name, value in form.items()}
        answer = self.post(path, data={"csrf_token": self.token(), **given})
        return self.get(answer.headers["Location"]) if answer.status_code == 303 else answer


class Story:
    """Channel accounts, cards and withdrawals in every state that a page can show, and somebody of each role."""

    def __init__(self, world: World, language: str) -> None:
        self.world, self.language = world, language
        world.app.test_client_class = Person
        self.people = {
            Role.OPERATOR: self._enters("maker"),
            Role.SUPERVISOR: self._enters("checker"),
            Role.FINANCE: self._enters("teller", Role.FINANCE),
            Role.ADMINISTRATOR: self._enters("keeper", Role.ADMINISTRATOR),
        }
        self.account, self.other, self.free = world.account(), world.account("egret"), world.account("spruce")
        self.cards = {
            "bound": self._card(CARD),
            "refused": self._card(REFUSED_CARD),
            "binding": self._card(CARD_IN_REVIEW),
        }
        self.withdrawals = dict(self._withdrawals())
        db.session.rollback()

    def _enters(self, username: str, role: Role | None = None) -> Person:
        if role:
            auth.create_operator(username=username, display_name=username, role=role, password=PASSWORD, actor="test")
        token, actor = auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="test")
        auth.set_language(actor, self.language)
        if username in ("maker", "checker"):
            setattr(self.world, username, actor)
        browser = self.world.app.test_client()
        assert isinstance(browser, Person)
        browser.set_cookie("paydesk_session", token)
        return browser

    def _card(self, number: str) -> str:
        reference = card_service.bind(
            account=self.account,
            number=BankCard.parse(number),
            holder="Ann Lee",
            bank="Harbour Bank",
            phone="13800000000",
            fence=self.world.claimed(self.account),
            form_key=str(uuid4()),
            actor=self.world.maker,
        )
        jobs.drain(Line.CHANNEL)
        return reference

    def _withdrawals(self) -> Iterator[tuple[str, str]]:
        fates = {"paid": "20.00", "failed": "10.02", "returned": "10.16"}
        for fate, amount in fates.items():
            number = self._made(amount)
            self.world.approve(number)
            self.world.until_state(number, fate, hurry_s=5)
            yield fate, number
        for name, amount, reason in (("contradicted", "10.19", "contradiction"), ("other", "10.15", "amount_differs")):
            number = self._made(amount)
            self.world.approve(number)
            self._until_held(number, reason)
            yield name, number
        rejected, cancelled = self._made("30.00"), self._made("31.00")
        service.reject(rejected, reason="wrong payee", actor=self.world.checker)
        service.cancel(cancelled, actor=self.world.maker)
        yield from (("rejected", rejected), ("cancelled", cancelled))
        for name, amount in (("unknown", "10.04"), ("unreadable", "10.08"), ("pending", "10.17")):
            number = self._made(amount)
            self.world.approve(number)
            jobs.drain(Line.CHANNEL)
            assert self.world.state(number) == "pending"
            yield name, number
        yield "review", self._made("40.00")
        queued = self._made("41.00")
        self.world.approve(queued)
        yield "queued", queued

    def _made(self, amount: str) -> str:
        return self.world.withdrawal(amount, account=self.account, card=self.cards["bound"])

    def _until_held(self, number: str, reason: str) -> None:
        def reasons() -> list[str]:
            return [hold.reason for hold in queries.holds(queries.by_number(number).id)]

        self.world.until(lambda: reason in reasons(), hurry_s=1)

    def paths(self) -> Iterator[tuple[str, str | None]]:
        """Every page there is, with what it needs; a page about one thing, for one thing of each kind."""
        calls = db.session.scalars(select(ChannelCall.id)).all()
        numbers = list(self.withdrawals.values())
        about: dict[str, list[dict[str, object]]] = {
            "auth.activate": [{"token": auth.first_administrator_link()} if False else {"token": "nothing"}],
            "channels.show": [{"number": number} for number in (self.account, self.other, self.free)],
            "channels.call": [{"call_id": call} for call in calls],
            "cards.show": [{"reference": reference} for reference in self.cards.values()],
            "withdrawals.show": [{"number": number} for number in numbers],
            "ledger.entries": [{"number": number} for number in (*numbers, "nothing")],
        }
        searches = {
            "live.dashboard": ["channel=nothing"],
            "cards.index": ["holder=nobody", "state=refused", f"account={self.account}"],
            "cards.new": [f"account={self.account}", f"account={self.other}", f"account={self.free}"],
            "withdrawals.index": ["q=nothing", "from=never", "least=x", "state=unknown", "from=20200101&to=20200102"],
            "withdrawals.new": [f"account={self.account}", f"account={self.other}", f"account={self.free}"],
        }
        app = self.world.app
        with app.test_request_context():
            for rule in app.url_map.iter_rules():
                view = app.view_functions[rule.endpoint]
                if "GET" not in (rule.methods or ()) or rule.endpoint in ("live.stream", "live.healthz", "live.readyz"):
                    continue
                assert not rule.arguments or rule.endpoint in about, f"{rule}: say here which of its pages to read"
                declared = getattr(view, "permission", None)
                for values in about.get(rule.endpoint, [{}]):
                    yield app.url_for(rule.endpoint, **values), declared
                for search in searches.get(rule.endpoint, []):
                    yield f"{app.url_for(rule.endpoint)}?{search}", declared

    def reads(self, answer: TestResponse) -> Page:
        """The page, after making sure that it is in its language, whole."""
        page = Page(answer.text)
        asked = f"{answer.request.method} {answer.request.full_path} ({answer.status_code})"
        assert answer.status_code != 500, f"{asked}: {page.said}"
        strange = [text for text in page.said if STRANGE[self.language].search(self._without_theirs(text))]
        assert strange == [], asked
        if "<html" in answer.text:
            assert page.lang == {"zh": "zh-CN", "en": "en"}[self.language], asked
        return page

    def _without_theirs(self, text: str) -> str:
        """Without the words of the channel: they are shown as they came."""
        for words in self._theirs:
            text = text.replace(words, "")
        return text

    @property
    def _theirs(self) -> list[str]:
        calls = select(ChannelCall.message).where(ChannelCall.outcome == "ok")
        callbacks = select(CallbackInbox.message).where(CallbackInbox.outcome == "taken")
        found = {*db.session.scalars(calls), *db.session.scalars(callbacks)} - {""}
        return sorted(found, key=len, reverse=True)


@pytest.fixture(params=LANGUAGES)
def story(world: World, request: pytest.FixtureRequest) -> Story:
    return Story(world, request.param)


@SQLITE
def test_every_page_is_in_one_language(story: Story) -> None:
    read = 0
    for role, person in story.people.items():
        for path, declared in list(story.paths()):
            answer = person.get(path, follow_redirects=True)
            may = declared in (PUBLIC, SIGNED_IN) or declared in GRANTS[role]
            assert (answer.status_code == 403) is not may, f"{role}: {path} ({answer.status_code})"
            story.reads(answer)
            read += 1
    assert read > 200


@SQLITE
def test_every_answer_to_a_deed_is_in_one_language(story: Story) -> None:
    maker, checker, account = story.people[Role.OPERATOR], story.people[Role.SUPERVISOR], story.account
    here, there = f"/channels/{account}", f"/channels/{story.other}"
    w = {name: f"/withdrawals/{number}" for name, number in story.withdrawals.items()}
    done = [
        (maker, f"{there}/claim", {}),
        (maker, f"{there}/refresh", {}),
        (maker, f"{there}/release", {}),
        (maker, f"{there}/claim", {}),
        (checker, f"{there}/force-release", {"reason": ""}),
        (checker, f"{there}/force-release", {"reason": "left the desk"}),
        (maker, f"{there}/claim", {}),
        (maker, f"{there}/finish", {"note": "x" * 201}),
        (maker, f"{there}/finish", {"note": "all done"}),
        (maker, f"{w['unknown']}/ask", {}),
        (maker, f"{w['review']}/cancel", {}),
    ]
    for person, path, form in done:
        page = story.reads(person.does(path, **form))
        assert page.toasts, f"{path} says nothing"
    refused = [
        (checker, f"{here}/claim", {}),
        (checker, f"{here}/release", {}),
        (checker, f"{there}/force-release", {"reason": "nobody there"}),
        (maker, f"{w['paid']}/cancel", {}),
        (maker, f"{w['paid']}/ask", {}),
        (checker, f"{w['paid']}/approve", {"seen": "something else"}),
        (checker, f"{w['paid']}/reject", {"reason": "too late"}),
        (checker, f"{w['paid']}/cancel", {}),
        (maker, "/cards/", _card_form(story, number=CARD)),
        (maker, "/cards/", _card_form(story, fence="1")),
        (maker, "/withdrawals/check", _withdrawal_form(story, amount="9999.00")),
        (maker, "/withdrawals/check", _withdrawal_form(story, amount="0")),
        (maker, "/withdrawals/check", _withdrawal_form(story, memo=f"for {CARD}")),
        (maker, "/withdrawals/", _withdrawal_form(story, card=story.cards["refused"])),
        (maker, "/withdrawals/", _withdrawal_form(story, fence="1")),
    ]
    for person, path, form in refused:
        answer = person.does(path, **form)
        story.reads(answer)
        assert answer.status_code == 409, f"{path} {form}: {answer.status_code}"
    assert story.reads(maker.does("/withdrawals/check", **_withdrawal_form(story))).said
    for answer, status in (
        (maker.get("/nowhere"), 404),
        (maker.get("/withdrawals/W0"), 404),
        (maker.get("/logout"), 405),
        (maker.post(f"{here}/release", data={}), 400),
        (maker.does(f"{here}/finish", stranger="1"), 400),
        (maker.does("/language", language="tlh"), 400),
        (maker.does(f"{w['queued']}/approve", seen=""), 403),
        (checker.get("/nowhere", headers={"HX-Request": "true"}), 404),
    ):
        story.reads(answer)
        assert answer.status_code == status


def _card_form(story: Story, **more: str) -> dict[str, str]:
    fence = str(story.world.claimed(story.account))
    form = {"number": "6222021001116245702", "holder": "Ann Lee", "bank": "Harbour Bank", "phone": ""}
    return {"account": story.account, "fence": fence, "form_key": str(uuid4()), **form, **more}


def _withdrawal_form(story: Story, **more: str) -> dict[str, str]:
    fence = str(story.world.claimed(story.account))
    form = {"card": story.cards["bound"], "amount": "12.00", "memo": ""}
    return {"account": story.account, "fence": fence, "form_key": str(uuid4()), **form, **more}


@SQLITE
def test_every_error_in_a_form_is_in_one_language(story: Story) -> None:
    """WTForms brings sentences of its own; they must speak the page's language too."""
    maker, checker = story.people[Role.OPERATOR], story.people[Role.SUPERVISOR]
    long = "x" * 500
    bad: list[tuple[Person, str, dict[str, str]]] = [
        (maker, "/cards/", _card_form(story, number="", holder="", bank="")),
        (maker, "/cards/", _card_form(story, number="12ab", holder="A", bank=long, phone="123")),
        (maker, "/cards/", _card_form(story, number="1234567", fence="x")),
        (maker, "/cards/", _card_form(story, number="6222021001116245778")),
        (maker, "/withdrawals/check", _withdrawal_form(story, card="", amount="", memo=long)),
        (maker, "/withdrawals/check", _withdrawal_form(story, amount="1,2.345")),
        (maker, "/withdrawals/", _withdrawal_form(story, amount="")),
        (checker, f"/withdrawals/{story.withdrawals['review']}/reject", {"reason": ""}),
        (checker, f"/withdrawals/{story.withdrawals['review']}/reject", {"reason": "x"}),
        (checker, f"/withdrawals/{story.withdrawals['review']}/reject", {"reason": long}),
    ]
    for person, path, form in bad:
        answer = person.does(path, **form)
        page = story.reads(answer)
        assert answer.status_code == 422, f"{path} {form}: {answer.status_code}"
        assert page.wrong, f"{path} {form}: says nothing"
        if story.language == "zh":
            assert [text for text in page.wrong if not CHINESE.search(text)] == []


@SQLITE
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_door_is_in_one_language(app: Flask, language: str) -> None:
    """Before anybody is known, the browser's choice counts."""
    app.test_client_class = Person
    stranger = app.test_client()
    assert isinstance(stranger, Person)
    link = f"/activate/{auth.first_administrator_link()}"

    def does(path: str, **form: str) -> TestResponse:
        return stranger.post(path, data={"csrf_token": stranger.token("/login"), **form})

    assert does("/language", language=language).status_code == 303
    person = {"username": "root", "display_name": "Root", "password": PASSWORD}
    answers = [
        stranger.get("/login"),
        does("/login", username="", password=""),
        does("/login", username="x" * 99, password="x" * 999),
        does("/login", username="nobody", password=PASSWORD),
        stranger.get(link),
        does(link, username="", display_name="", password=""),
        does(link, username="1", display_name="x" * 99, password="short"),
        does(link, **person | {"username": "1x"}),
        does(link, **person | {"password": "passwordpassword"}),
        stranger.get("/activate/nothing"),
        stranger.get("/nowhere"),
        stranger.get("/withdrawals/", headers={"HX-Request": "true"}),
        does(link, **person),
        stranger.get("/login"),
    ]
    for answer in answers:
        page = Page(answer.text)
        assert [text for text in page.said if STRANGE[language].search(text)] == [], answer.request.path
        if language == "zh":
            assert [text for text in page.wrong if not CHINESE.search(text)] == [], answer.request.path
    assert [answer.status_code for answer in answers] == [200, *[422] * 3, 200, *[422] * 4, 410, 404, 401, 303, 200]
    assert Page(answers[-1].text).toasts


@SQLITE
@pytest.mark.parametrize("language", LANGUAGES)
def test_times_and_amounts_are_written_alike(world: World, language: str) -> None:
    """Money and moments are figures: no language may set them differently, nor lose one."""
    story = Story(world, language)
    page = Page(story.people[Role.FINANCE].get(f"/withdrawals/{story.withdrawals['paid']}").text)
    text = " ".join(page.said)
    made = queries.by_number(story.withdrawals["paid"])
    from app.runtime.page import local

    assert local(made.made_at) in text
    assert re.search(r"¥ ?20 ?\.00", text) and re.search(r"¥ ?2 ?\.00", text)
