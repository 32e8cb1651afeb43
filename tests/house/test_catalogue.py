"""Two languages, each whole: no Chinese on an English page, no English on a Chinese one, but for what others wrote.

The story behind the pages uses names in Latin letters only, so whatever is Chinese there was not translated.
"""

import ast
import re
from collections.abc import Iterator
from contextvars import Context
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.alerts import bell
from app.alerts import queries as alerts
from app.alerts import service as alert_service
from app.alerts.bell import Severity
from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import GRANTS, PUBLIC, SIGNED_IN, Role
from app.auth.rules import LANGUAGES
from app.cards import queries as cards
from app.cards import service as card_service
from app.cards.queries import runs
from app.cards.rules import DEFAULT, OF_PAYEES
from app.channels import gateway
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.adapters.templated.examples import example
from app.channels.forms.parts import PARTS
from app.channels.models import CallbackInbox, ChannelCall
from app.channels.rules import told
from app.collections import queries as top_ups
from app.collections import service as collections
from app.collections.states import Kind
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused, gettext_noop
from app.kernel.money import Money
from app.kernel.payee import Payee, PayeeAccount
from app.kernel.written import CORPORATE, PRIVATE
from app.ledger import book as ledger
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.page import local, say
from app.runtime.queue import Line
from app.statements import queries as statements
from app.statements import service as statement_service
from app.uploads import queries as uploads
from app.withdrawals import queries, service
from app.withdrawals.queries import sheets as payments
from app.withdrawals.rules import Limit, PayeeList, Rulebook
from app.withdrawals.rules.sheet import FORMS
from tests.channels.test_alipay import AlipayThem
from tests.channels.test_unionpay import UnionpayThem
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


def test_whatever_is_refused_in_words_is_in_the_catalogue() -> None:
    known = {str(said.id) for said in catalogue.read_book()}
    told = []
    for path in (catalogue.TOP / "app").rglob("*.py"):
        if path.relative_to(catalogue.TOP).as_posix().startswith(catalogue.APART):
            continue
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


@SQLITE
def test_our_sentences_are_translated_and_nobody_elses(app: Flask) -> None:
    """A holder may be called like a state, and a channel may say what a label of ours says."""
    with app.test_request_context(), force_locale("en"):
        assert say(gettext_noop("失败")) == "Failed"
        assert say("失败") == "失败"
        refused = Refused("该渠道账号已被 %(holder)s 于 %(at)s 领取", holder="财务", at=gettext_noop("今日"))
        assert say(refused.text) == "财务 claimed this channel account at Today"
        assert say(told("ok", "失败")) == "失败"
        assert say(told("unreadable", "没有说是哪一笔：SUCCESS")) == "It does not say which order: SUCCESS"


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
        answer = self.post(path, data={"csrf_token": self.token(), **form})
        return self.get(answer.headers["Location"]) if answer.status_code == 303 else answer


NO_PAGES = {
    "withdrawal_uploads.xlsx",
    "withdrawal_uploads.csv",
    "withdrawal_sheets.result",
    *("live.stream", "live.healthz", "live.readyz"),
    *("card_templates.xlsx", "card_templates.csv", "binding_runs.result", "binding_runs.whole_result"),
    *("withdrawal_outcomes.evidence", "channel_templates.file"),
}


class Story:
    """Channel accounts, cards and withdrawals in every state that a page can show, and somebody of each role."""

    def __init__(self, world: World) -> None:
        self.world, self.language = world, "zh"
        world.app.test_client_class = Person
        self.actors: dict[Role, Actor] = {}
        self.people = {
            Role.OPERATOR: self._enters(Role.OPERATOR, "maker"),
            Role.SUPERVISOR: self._enters(Role.SUPERVISOR, "checker"),
            Role.FINANCE: self._enters(Role.FINANCE, "teller"),
            Role.ADMINISTRATOR: self._enters(Role.ADMINISTRATOR, "keeper"),
        }
        world.maker, world.checker = self.actors[Role.OPERATOR], self.actors[Role.SUPERVISOR]
        self.account, self.other, self.free = world.account(), world.account("egret"), world.account("spruce")
        self.cards = {
            "bound": self._card(CARD),
            "refused": self._card(REFUSED_CARD),
            "binding": self._card(CARD_IN_REVIEW),
        }
        self.withdrawals = dict(self._withdrawals())
        self.uploads, self.run = self._sheets()
        self.payments, self.sheet = self._payments()
        card_service.templates.draft("dolphin", actor=world.checker)
        self._rules()
        self.fresh = self._settings()
        keeper = self.actors[Role.ADMINISTRATOR]
        channel_service.templates.draft("wave", example("dolphin"), actor=keeper)
        self.alipay, self.payee, self.to_payee = self._other_payees()
        self.top_ups = self._top_ups()
        self.place = channel_service.platforms.add(
            channel="spruce",
            login_name="treasury",
            address="https://spruce.example",
            password="quiet herons",
            accounts=[self.free],
            note="",
            actor=world.checker,
        )
        self.hook = self._alerts(keeper)

    def speaks(self, language: str) -> None:
        """From now on everybody reads this language."""
        self.language = language
        for actor in self.actors.values():
            auth.set_language(actor, language)

    def _enters(self, role: Role, name: str) -> Person:
        if role in (Role.FINANCE, Role.ADMINISTRATOR):
            auth.create_operator(username=name, display_name=name, role=role, password=PASSWORD, actor="test")
        token, self.actors[role] = auth.sign_in(name, PASSWORD, address="127.0.0.1", user_agent="test")
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

    def _sheets(self) -> tuple[list[str], str]:
        """An upload in each of its states, and what became of one that was confirmed."""
        head = "银行卡号,开户人,开户行,银行预留手机号"
        right = "6214830100799658,Ann Lee,Harbour Bank,13800000000"
        repairable = "6217001210024455220\t,Ann Lee,Harbour Bank,13800000000"
        wrong = "6217,,Harbour Bank,1"
        contents = {
            "unfit": b"\x89PNG\r\n\x1a\n",
            "unsure": "账号,姓名\n6217,Ann Lee".encode(),
            "checked": "\n".join((head, right, repairable, wrong)).encode(),
            "discarded": "\n".join((head, wrong)).encode(),
            "confirmed": "\n".join((head, right, wrong)).encode(),
        }
        maker, fence = self.world.maker, self.world.claimed(self.other)
        made = {
            name: card_service.uploads.receive(
                account=self.other,
                filename=f"{name}.csv",
                content=content,
                fence=fence,
                form_key=str(uuid4()),
                actor=maker,
            )
            for name, content in contents.items()
        }
        self.world.until(lambda: all(uploads.upload(it).state != "checking" for it in made.values()))
        card_service.uploads.discard(made["discarded"], fence=fence, actor=maker)
        run = card_service.runs.confirm(made["confirmed"], seen=1, fence=fence, actor=maker)
        self.world.until(lambda: runs.run(run).state == "finished" and runs.run(run).result_at)
        card_service.results.ask(run, whole=True, actor=self.world.checker)
        card_service.listing.refresh(self.other, actor=maker)
        self.world.until(lambda: (told := cards.listing(channels.account(self.other).id)) and told.told_at)
        statement_service.refresh(self.other, clock.business_day(), actor=maker)
        its_id = channels.account(self.other).id
        self.world.until(lambda: (told := statements.statement(its_id, clock.business_day())) and told.pulled_at)
        manner, merchant_no = self.world.terms[self.other]
        broken = {"manner": manner, "merchant_no": merchant_no, "interface": "statement", "fault": "error_taken"}
        self.world.third.post("/control/faults", broken | {"times": 1})
        yesterday = clock.business_day() - timedelta(days=1)
        statement_service.refresh(self.other, yesterday, actor=maker)
        self.world.until(lambda: (told := statements.statement(its_id, yesterday)) and told.failure)
        return list(made.values()), run

    def _other_payees(self) -> tuple[str, str, str]:
        """A channel that binds nothing and pays to more than bank cards, a payee there, and a withdrawal to it."""
        terms: dict[str, Any] = {"single_limit": Money.parse("50.00"), "fee_fixed": Money(0), "fee_rate_ppm": 0}
        channel_service.open_channel(code="alipay", name="alipay", adapter="alipay", actor="test")
        account = channel_service.open_account(
            channel="alipay", name="yunqi", settings=AlipayThem().settings, actor="test", **terms
        )
        with transaction():
            ledger.open_accounts(account)
            ledger.collect(account, Money.parse("500.00"), number=f"{account}/opening")
        payee = card_service.bind(
            account=account,
            number=PayeeAccount.parse(Payee.ALIPAY_LOGIN, "ann@example.com"),
            holder="Ann Lee",
            bank="Alipay",
            phone="",
            fence=self.world.claimed(account),
            form_key=str(uuid4()),
            actor=self.world.maker,
        )
        return account, payee, self.world.withdrawal("20.00", account=account, card=payee)

    def _top_ups(self) -> list[str]:
        """One in each of its states, of a channel that tells no balance."""
        terms: dict[str, Any] = {"single_limit": Money.parse("50.00"), "fee_fixed": Money(0), "fee_rate_ppm": 0}
        channel_service.open_channel(code="unionpay", name="unionpay", adapter="unionpay", actor="test")
        account = channel_service.open_account(
            channel="unionpay", name="silent", settings=UnionpayThem().settings, actor="test", **terms
        )
        maker, checker = self.actors[Role.FINANCE], self.world.checker
        made = [
            collections.enter(
                account=account,
                kind=Kind.TOP_UP,
                amount=Money.parse(amount),
                arrived_on=clock.business_day(),
                evidence="slip 0137",
                form_key=str(uuid4()),
                actor=maker,
            )
            for amount in ("1.00", "2.00", "3.00", "4.00")
        ]
        collections.approve(made[1], actor=checker)
        collections.reject(made[2], reason="not there", actor=checker)
        collections.withdraw(made[3], actor=maker)
        return made

    def _rules(self) -> None:
        """A version in force, a draft that was tried, and somebody on each kind of list."""
        writer, second = self.world.checker, self.actors[Role.FINANCE]
        first, then = Rulebook(house_day=Limit(count=1000)), Rulebook(order_most=Money.parse("9.00"), days=(1,))
        for book in (first, then):
            service.rulebook.draft(actor=writer)
            service.rulebook.change(book, edition=1, actor=writer)
            service.rulebook.try_out(edition=2, actor=writer)
            if book is first:
                service.rulebook.activate(edition=2, note="stricter", actor=second)
        lists = service.payee_lists
        lists.enlist(PayeeList.BLACK, name="Bob Roe", reason="fraud", until=None, actor=writer)
        lists.enlist(PayeeList.WHITE, card=BankCard.parse(CARD), reason="known", until=None, actor=writer)
        lists.unlist(1, reason="cleared", actor=writer)

    def _settings(self) -> str:
        """Parameters in every state, tried with and without success; and an account that has none yet."""
        keeper, of = self.actors[Role.ADMINISTRATOR], channel_service.settings
        given = dict(gateway.settings(channels.account(self.free).id))
        channel_service.change_settings(self.free, given, actor="test")
        of.begin(self.free, actor=keeper)
        of.discard(self.free, edition=1, actor=keeper)
        of.try_out(self.free, 2, actor=keeper)
        of.begin(self.free, actor=keeper)
        for edition, wrong in enumerate(("http://127.0.0.1:1", f"{given['base_url']}/nowhere"), 1):
            of.save(self.free, {"base_url": wrong, "api_key": "another"}, edition=edition, actor=keeper)
            of.try_out(self.free, 4, actor=keeper)
        terms: dict[str, Any] = {"single_limit": Money(1), "fee_fixed": Money(0), "fee_rate_ppm": 0}
        return channel_service.open_account(
            channel="egret", name="fresh", merchant_no="E0", actor=keeper, **terms
        )  # fmt: skip

    def _alerts(self, keeper: Actor) -> str:
        """One in each standing, and a robot that takes nothing."""
        words = {"name": "night shift", "language": "en", "least": "notice", "actor": keeper}
        address = f"{self.world.third.url}/nowhere"
        hook = alert_service.hooks.add(kind="json", address=address, secret="0123456789abcdef", **words)
        alert_service.sending.test(hook, actor=keeper)
        with transaction():
            for subject in ("open", "seen", "over", "done"):
                bell.ring("figures", subject, severity=Severity.SEVERE, said=gettext_noop("账目核对又通过了"))
            bell.hush("figures", "over", said=gettext_noop("都有结果了"))
        by_subject = {row.subject: row.id for row in alerts.alerts({}).rows}
        alert_service.acknowledge(by_subject["seen"], seen="severe", note="on it", actor=keeper)
        alert_service.close(by_subject["done"], reason="mended", actor=keeper)
        jobs.drain(Line.SHEETS)
        return hook

    def _payments(self) -> tuple[list[str], str]:
        """A sheet of withdrawals with every kind of flaw, and one that was made and waits."""
        head = "卡号,开户人,金额,备注,业务编号"
        good = [f"{CARD},Ann Lee,{amount},,{own}" for amount, own in (("11.00", "A-1"), ("12.00", "A-2"))]
        flawed = [
            f"{CARD},Ann Lee,11.00,,A-1",
            f"{CARD},Bob Lee,1.005,{CARD},",
            f"{CARD_IN_REVIEW},Ann Lee,99999.00,,",
            "6214830100799666,Ann Lee,1.00,,",
            f"{CARD}\t,Ann Lee,0.00,,",
        ]
        desk, maker, fence = service.sheets.DESK, self.world.maker, self.world.claimed(self.account)
        made = [
            desk.receive(
                account=self.account,
                filename=f"payments-{at}.csv",
                content="\n".join((head, *lines)).encode(),
                fence=fence,
                form_key=str(uuid4()),
                actor=maker,
            )
            for at, lines in enumerate(([*good, *flawed], good))
        ]
        self.world.until(lambda: all(uploads.upload(it).state != "checking" for it in made))
        sheet = service.sheets.confirm(made[1], count=2, amount=Money(2300), fence=fence, actor=maker)
        self.world.until(lambda: (it := payments.sheet(sheet)).state == "finished" and it.result_at)
        return made[:1], sheet

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
            yield name, number
        assert self.world.state(number) == "pending"
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

    def paths(self) -> list[tuple[str, str | None]]:
        """Every page there is, with what it needs; a page about one thing, for one thing of each kind."""
        kinds = {(call.interface, call.outcome): call.id for call in db.session.scalars(select(ChannelCall))}
        numbers = list(self.withdrawals.values())
        audited = select(func.max(AuditRecord.seq)).group_by(AuditRecord.action)
        heard = select(func.max(CallbackInbox.id)).group_by(CallbackInbox.outcome)
        about: dict[str, list[dict[str, Any]]] = {
            "auth.activate": [{"token": "nothing"}],
            "channels.show": [{"number": number} for number in (self.account, self.other, self.free, self.fresh)],
            "channel_calls.show": [{"call_id": call} for call in kinds.values()],
            "channel_settings.index": [{"number": number} for number in (self.free, self.fresh)],
            "channel_settings.show": [{"number": self.free, "version": version} for version in (1, 2, 3, 4)],
            "channel_settings.draft": [{"number": number} for number in (self.free, self.fresh)],
            "channel_settings.edit": [{"number": number} for number in (self.free, self.fresh)],
            "channel_health.show": [{"number": number} for number in (self.account, self.other, self.fresh)],
            "channel_health.rule": [
                {"measure": "answered", "severity": "severe"},
                {"measure": "late", "severity": "warning"},
            ],
            "channel_admin.channel": [{"code": "dolphin"}],
            "channel_admin.new_account": [{"code": "dolphin"}],
            "channel_admin.edit": [{"number": number} for number in (self.free, self.fresh)],
            "channel_callbacks.show_callback": [{"inbox_id": row} for row in db.session.scalars(heard)],
            "claims.lease": [{"number": number} for number in (self.account, self.free)],
            "claims.past": [{"number": number} for number in (self.account, self.free)],
            "alerts.index": [{"standing": standing} for standing in ("open", "acknowledged", "closed")],
            "alert_hooks.show": [{"reference": self.hook}],
            "alert_hooks.edit": [{"reference": self.hook}],
            "alert_hooks.new_address": [{"reference": self.hook}],
            "platforms.show": [{"reference": self.place}],
            "platforms.edit": [{"reference": self.place}],
            "platforms.new_password": [{"reference": self.place}],
            "channel_templates.show": [{"code": "wave"}],
            "channel_templates.version": [{"code": "wave", "version": 1}],
            "channel_templates.edit": [{"code": "wave"}],
            "template_parts.show": [{"code": "wave", "part": part} for part in PARTS],
            "template_parts.start_again": [{"code": "wave", "part": "basis"}],
            "channel_templates.try_out": [{"code": "wave"}],
            "handovers.show": [{"reference": "nothing"}],  # its people's alone: tests/tasks
            "cards.show": [{"reference": reference} for reference in (*self.cards.values(), self.payee)],
            "collections.show": [{"number": number} for number in self.top_ups],
            "statements.show": [
                {"number": number, "day": f"{day:%Y%m%d}"}
                for number in (self.account, self.other)
                for day in (clock.business_day() + timedelta(days=step) for step in (-1, 0, 1))
            ],
            "card_uploads.show": [{"reference": reference} for reference in self.uploads],
            "binding_runs.show": [{"reference": self.run}],
            "withdrawal_uploads.show": [{"reference": reference} for reference in self.payments],
            "withdrawal_sheets.show": [{"reference": self.sheet}],
            "card_templates.show": [{"channel": "dolphin"}],
            "card_templates.new_column": [{"channel": "dolphin"}],
            "card_templates.column": [{"channel": "dolphin", "key": "number"}],
            "withdrawal_rules.version": [{"number": 1}],
            "withdrawal_rules.payees": [{"kind": kind} for kind in PayeeList],
            "withdrawal_rules.new_payee": [{"kind": "black"}, {"kind": "source"}],
            "withdrawal_rules.payee": [{"entry_id": 1}, {"entry_id": 2}],
            "withdrawals.show": [{"number": number} for number in (*numbers, self.to_payee)],
            "withdrawals.slip": [{"number": self.withdrawals[name]} for name in ("paid", "rejected")]
            + [{"number": self.to_payee}],
            "withdrawals.selection": [
                {"reference": "nothing"}
            ],  # its owner's alone: tests/withdrawals/test_list_pages.py
            "exports.download": [{"reference": "nothing"}],
            "cache.show": [{"room": "channels", "name": "trend"}],
            "cache.value": [{"room": "channels", "name": "trend"}],
            "audit.show": [{"seq": seq} for seq in db.session.scalars(audited)],
            "menus.edit": [{"entry_id": 2}, {"entry_id": 6}],
            "operators.show": [{"username": "keeper"}, {"username": "maker"}],
            "roles.show": [{"code": "administrator"}, {"code": "finance"}],
            "withdrawals.entries": [{"number": self.withdrawals[name]} for name in ("returned", "rejected")],
            "withdrawals.account_day": [{"number": self.account}],
            "ledger.entries": [{"number": self.withdrawals[name]} for name in ("returned", "rejected")],
        }
        claims = [f"account={number}" for number in (self.account, self.other, self.free, self.alipay)]
        kinds_there = [f"account={self.alipay}&payee={kind}" for kind in Payee]
        searches = {
            "live.dashboard": ["channel=nothing"],
            "cache.index": ["q=nothing"],
            "audit.index": ["who=nobody", "from=never", "what=claim", "size=100"],
            "cards.index": ["holder=nobody", f"state=refused&account={self.account}"],
            "cards.new": [*claims, *kinds_there],
            "collections.index": ["show=all"],
            "collections.new": [f"account={self.alipay}"],
            "statements.index": ["show=odd", "from=never", f"account={self.other}"],
            "cards.listed": [*claims, f"account={self.other}&show=here"],
            "card_uploads.new": claims,
            "card_uploads.show": ["show=all"],
            "withdrawal_uploads.new": claims,
            "withdrawal_sheets.show": ["state=none", "state=not_done", "state=review"],
            "withdrawals.index": [
                "q=nothing",
                "from=never",
                "least=x",
                "state=unknown",
                "state=hanging",
                "from=20200101&to=20200102",
            ],
            "work.index": ["pressing=differs", "pressing=returned", "pressing=left"],
            "withdrawals.new": claims,
            "withdrawals.route": [
                "amount=1.005",
                "q=nobody&amount=1",
                "sealed_card=nothing&amount=1",
                *(f"payee={self.cards['bound']}&amount={amount}" for amount in ("1", "9999")),
            ],
            "withdrawal_rules.payees": ["show=past", "q=nobody"],
            "jobs.index": ["standing=done", "subject=nothing"],
        }
        app, found = self.world.app, []
        with app.test_request_context():
            for rule in app.url_map.iter_rules():
                view = app.view_functions[rule.endpoint]
                if "GET" not in (rule.methods or ()) or rule.endpoint in NO_PAGES:
                    continue
                assert not rule.arguments or rule.endpoint in about, f"{rule}: say here which of its pages to read"
                addresses = [app.url_for(rule.endpoint, **values) for values in about.get(rule.endpoint, [{}])]
                addresses += [f"{addresses[0]}?{search}" for search in searches.get(rule.endpoint, [])]
                found += [(address, getattr(view, "permission", None)) for address in addresses]
        return found

    def reads(self, answer: TestResponse) -> Page:
        """The page, after making sure that it is in its language, whole."""
        page = Page(answer.text)
        asked = f"{answer.request.method} {answer.request.full_path} ({answer.status_code})"
        assert answer.status_code != 500, f"{asked}: {page.said}"
        theirs = self._theirs()
        strange = [text for text in page.said if STRANGE[self.language].search(_without(theirs, text))]
        assert strange == [], asked
        if "<html" in answer.text:
            assert page.lang == {"zh": "zh-CN", "en": "en"}[self.language], asked
        return page

    def _theirs(self) -> list[str]:
        """The words of the channel, which are shown as they came."""
        found = set()
        for table in (ChannelCall, CallbackInbox):
            for outcome, message in db.session.execute(select(table.outcome, table.message)):
                ours = outcome not in ("ok", "taken")
                found.add(message.partition("：")[2] if ours else message)
        db.session.rollback()
        for column in (
            *DEFAULT,
            *OF_PAYEES,
            *FORMS[0],
            *FORMS[1],
        ):  # what a sheet holds is written as its channel wants it
            found |= {column.title, column.example, "、".join(column.aliases)}
        found |= {
            "账号",
            "姓名",
            f"{PRIVATE}、{CORPORATE}",
            PRIVATE,
            CORPORATE,
        }  # the header of a sheet, and what is written in it
        return sorted(found - {""}, key=len, reverse=True)


def _without(theirs: list[str], text: str) -> str:
    for words in theirs:
        text = text.replace(words, "")
    return "" if text.startswith("-----BEGIN") else text


@pytest.fixture
def story(world: World) -> Story:
    return Story(world)


@pytest.mark.slow
@SQLITE
def test_every_page_is_in_one_language(story: Story) -> None:
    paths = story.paths()
    alone = {story.withdrawals["paid"], story.account, story.cards["bound"]}
    for language in LANGUAGES:
        story.speaks(language)
        for role, person in story.people.items():
            for path, declared in paths:
                works = role in (Role.OPERATOR, Role.SUPERVISOR)
                if not works and path.count("/") > 1 and not alone & set(path.split("/")):
                    continue  # those who only look see the same on the others
                answer = person.get(path, follow_redirects=True)
                may = declared in (PUBLIC, SIGNED_IN) or declared in GRANTS[role]
                assert (answer.status_code == 403) is not may, f"{role}: {path} ({answer.status_code})"
                page = story.reads(answer)
                if may and story.withdrawals["paid"] in path.split("/")[:3]:
                    _says_when_and_how_much(page, story.withdrawals["paid"])


def _says_when_and_how_much(page: Page, number: str) -> None:
    """Moments and money are figures: no language sets them differently, or loses one."""
    withdrawal = queries.by_number(number)
    text = "".join(page.said)
    assert local(withdrawal.made_at) in text
    for amount in (withdrawal.amount, withdrawal.fee, withdrawal.amount + withdrawal.fee):
        assert f"¥{amount}" in text


@pytest.mark.slow
@SQLITE
def test_every_answer_to_a_deed_is_in_one_language(story: Story) -> None:
    for language in LANGUAGES:
        story.speaks(language)
        _do(story)
        _be_refused(story)
        _mistype(story)
        _go_astray(story)


def _do(story: Story) -> None:
    maker, checker = story.people[Role.OPERATOR], story.people[Role.SUPERVISOR]
    there, review = f"/channels/{story.other}", [f"/withdrawals/{story._made('40.00')}" for _ in range(2)]
    done = [
        (maker, f"{there}/claim", {}),
        (maker, f"{there}/refresh", {}),
        (maker, f"{there}/release", {}),
        (maker, f"{there}/claim", {}),
        (checker, f"{there}/force-release", {"reason": ""}),
        (checker, f"{there}/force-release", {"reason": "left early"}),
        (maker, f"{there}/claim", {}),
        (maker, f"{there}/finish", {"note": "x" * 201}),
        (maker, f"{there}/finish", {"note": "all done"}),
        (maker, f"/withdrawals/{story.withdrawals['unknown']}/ask", {}),
        (maker, f"{review[0]}/cancel", {}),
        (checker, f"{review[1]}/reject", {"reason": "wrong payee"}),
    ]
    for person, path, form in done:
        page = story.reads(person.does(path, **form))
        assert page.toasts, f"{path} says nothing"
        if story.language == "zh":
            assert [text for text in page.toasts if not CHINESE.search(text)] == []
    assert story.reads(maker.does("/withdrawals/check", **_withdrawal_form(story))).said
    assert story.reads(maker.does("/withdrawals/check", **_withdrawal_form(story, amount="4999.00"))).said


def _be_refused(story: Story) -> None:
    maker, checker = story.people[Role.OPERATOR], story.people[Role.SUPERVISOR]
    here, paid = f"/channels/{story.account}", f"/withdrawals/{story.withdrawals['paid']}"
    refused = [
        (checker, f"{here}/claim", {}),
        (checker, f"{here}/release", {}),
        (checker, f"/channels/{story.other}/force-release", {"reason": "nobody there"}),
        (maker, f"{paid}/cancel", {}),
        (maker, f"{paid}/ask", {}),
        (checker, f"{paid}/approve", {"seen": "something else"}),
        (checker, f"{paid}/reject", {"reason": "too late"}),
        (checker, f"{paid}/cancel", {}),
        (maker, "/cards/", _card_form(story, c_number=CARD)),
        (maker, "/cards/", _card_form(story, fence="0")),
        (maker, "/withdrawals/check", _withdrawal_form(story, amount="9999.00")),
        (maker, "/withdrawals/check", _withdrawal_form(story, amount="0")),
        (maker, "/withdrawals/check", _withdrawal_form(story, memo=f"for {CARD}")),
        (maker, "/withdrawals/", _withdrawal_form(story, card=story.cards["refused"])),
        (maker, "/withdrawals/", _withdrawal_form(story, fence="0")),
        (maker, "/cards/register", _payee_form(story)),
        (checker, "/collections/", _top_up_form(story, amount="0")),
        (checker, f"/collections/{story.top_ups[1]}/reject", {"reason": "too late"}),
        (checker, f"/collections/{story.top_ups[0]}/withdraw", {}),
    ]
    for person, path, form in refused:
        answer = person.does(path, **form)
        story.reads(answer)
        assert answer.status_code == 409, f"{path} {form}: {answer.status_code}"


def _mistype(story: Story) -> None:
    """WTForms brings sentences of its own; they must speak the page's language too."""
    maker, checker = story.people[Role.OPERATOR], story.people[Role.SUPERVISOR]
    reject, long = f"/withdrawals/{story.withdrawals['review']}/reject", "x" * 500
    bad = [
        (maker, "/cards/", _card_form(story, c_number="", c_holder="", c_bank="")),
        (maker, "/cards/", _card_form(story, c_number="12ab", c_holder="A", c_bank=long, c_phone="123")),
        (maker, "/cards/", _card_form(story, c_number="1234567")),
        (maker, "/cards/", _card_form(story, c_number="6222021001116245778")),
        (maker, "/withdrawals/check", _withdrawal_form(story, card="", amount="", memo=long)),
        (maker, "/withdrawals/check", _withdrawal_form(story, amount="1,2.345")),
        (maker, "/withdrawals/", _withdrawal_form(story, amount="")),
        (maker, "/cards/register", _payee_form(story, number="", holder="")),
        *((maker, "/cards/register", _payee_form(story, payee=it, number="12ab")) for it in Payee if it != "bank_card"),
        (checker, "/collections/", _top_up_form(story, account="", amount="", evidence="", arrived_on="")),
        (checker, "/collections/", _top_up_form(story, amount="1,2.345", evidence="x", arrived_on="never")),
        (checker, f"/collections/{story.top_ups[0]}/reject", {"reason": ""}),
        (maker, "/withdrawals/route", {"q": "Ann Lee", "amount": ""}),
        (maker, "/withdrawals/route", {"amount": "1.00"}),
        (checker, reject, {"reason": ""}),
        (checker, reject, {"reason": "x"}),
        (checker, reject, {"reason": long}),
    ]
    for person, path, form in bad:
        answer = person.does(path, **form)
        page = story.reads(answer)
        assert answer.status_code == 422, f"{path} {form}: {answer.status_code}"
        assert page.wrong, f"{path} {form}: says nothing"
        if story.language == "zh":
            assert [text for text in page.wrong if not CHINESE.search(text)] == []


def _go_astray(story: Story) -> None:
    maker, checker = story.people[Role.OPERATOR], story.people[Role.SUPERVISOR]
    here, queued = f"/channels/{story.account}", f"/withdrawals/{story.withdrawals['queued']}"
    for answer, status in (
        (maker.get("/nowhere"), 404),
        (maker.get("/withdrawals/W0"), 404),
        (maker.get("/logout"), 405),
        (maker.post(f"{here}/release", data={}), 400),
        (maker.does(f"{here}/finish", stranger="1"), 400),
        (maker.does("/language", language="tlh"), 400),
        (maker.does(f"{queued}/approve", seen=""), 403),
        (checker.get("/nowhere", headers={"HX-Request": "true"}), 404),
    ):
        story.reads(answer)
        assert answer.status_code == status


def _card_form(story: Story, **more: str) -> dict[str, str]:
    fence = str(story.world.claimed(story.account))
    form = {"c_number": "6222021001116245702", "c_holder": "Ann Lee", "c_bank": "Harbour Bank", "c_phone": ""}
    return {"account": story.account, "fence": fence, "form_key": str(uuid4()), "template": "0", **form, **more}


def _payee_form(story: Story, **more: str) -> dict[str, str]:
    fence = str(story.world.claimed(story.alipay))
    form = {"payee": "alipay_login", "number": "ann@example.com", "holder": "Ann Lee"}
    return {"account": story.alipay, "fence": fence, "form_key": str(uuid4()), **form, **more}


def _top_up_form(story: Story, **more: str) -> dict[str, str]:
    form = {"kind": "top_up", "amount": "5.00", "arrived_on": "20261121", "evidence": "slip 0138"}
    return {"account": _silent(story), "form_key": str(uuid4()), **form, **more}


def _silent(story: Story) -> str:
    return channels.account_by_id(top_ups.top_up(story.top_ups[0]).account_id).number


def _withdrawal_form(story: Story, **more: str) -> dict[str, str]:
    fence = str(story.world.claimed(story.account))
    form = {"card": story.cards["bound"], "amount": "12.00", "memo": ""}
    return {"account": story.account, "fence": fence, "form_key": str(uuid4()), **form, **more}


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
        page = Page(answer.text if answer.status_code != 303 else "")
        assert [text for text in page.said if STRANGE[language].search(text)] == [], answer.request.path
        if language == "zh":
            assert [text for text in page.wrong if not CHINESE.search(text)] == [], answer.request.path
    assert [answer.status_code for answer in answers] == [200, *[422] * 3, 200, *[422] * 4, 410, 404, 401, 303, 200]
    assert Page(answers[-1].text).toasts
