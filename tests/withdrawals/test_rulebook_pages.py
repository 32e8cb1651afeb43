"""提现规则 in the console: a draft, its trial, two people to put it in force, versions side by side, lists of payees."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from app.auth import service as auth
from app.auth.audit.changes import changes
from app.auth.identity import Actor
from app.auth.models import AuditRecord, Operator, OperatorChannel
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards.models import Card
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import RulebookVersion, Withdrawal
from app.withdrawals.queries import trial as trials
from app.withdrawals.rules import Limit, PayeeList, Rule, Rulebook
from app.withdrawals.rules.rulebook import BUILT_IN
from app.withdrawals.rules.rulebook import unpacked as book_of
from app.withdrawals.rules.trial import unpacked
from app.withdrawals.service import rulebook
from tests.auth.conftest import PASSWORD, Browser
from tests.world import CARD, World

ONE_ENGINE = True
BASE = "/withdrawal-rules"
OTHER_CARD = "6217001210024455220"
FORM = {
    "none_below": "0.00", "two_from": "50000", "order_most": "", "account_day_amount": "", "account_day_count": "",
    "card_day_amount": "", "card_day_count": "", "house_day_amount": "", "house_day_count": "",
    "days": ["1", "2", "3", "4", "5", "6", "7"], "opens": "0:00", "closes": "24:00", "outside": "refuse",
    "credit_refused": "y", "white_from": "", "duplicate_minutes": "0",
}  # fmt: skip


@pytest.fixture
def writer(app: Flask) -> Actor:
    return person("writer", Role.SUPERVISOR)


@pytest.fixture
def second(app: Flask) -> Actor:
    return person("second", Role.FINANCE)


def person(username: str, role: Role) -> Actor:
    auth.create_operator(username=username, display_name=username, role=role, password=PASSWORD, actor="test")
    return auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="test")[1]


def browser_of(app: Flask, username: str) -> Any:
    app.test_client_class = Browser
    browser: Any = app.test_client()
    assert browser.sign_in(username).status_code == 303
    return browser


def press(browser: Any, path: str, **form: Any) -> Any:
    return browser.post(BASE + path, data={"csrf_token": browser.csrf("/"), **form})


def refused(deed: Any, words: str) -> None:
    with pytest.raises(Refused, match=words):
        deed()
    db.session.rollback()


def drafted() -> RulebookVersion:
    db.session.rollback()
    return queries.require_rulebook_draft()


# -- versions -----------------------------------------------------------------------------------------------------------


def test_a_draft_changes_nothing_until_another_person_has_seen_its_trial(writer: Actor, second: Actor) -> None:
    assert queries.rulebook_in_force().book == BUILT_IN
    rulebook.draft(actor=writer)
    book = Rulebook(order_most=Money.parse("10.00"))
    rulebook.change(book, edition=1, actor=writer)
    assert queries.rulebook_in_force().book == BUILT_IN
    refused(lambda: rulebook.activate(edition=2, note="限额", actor=second), "还没有试算")
    rulebook.try_out(edition=2, actor=writer)
    refused(lambda: rulebook.activate(edition=2, note="限额", actor=writer), "另一人")
    assert queries.rulebook_in_force().version == 0
    assert rulebook.activate(edition=2, note="限额", actor=second) == 1
    found = queries.rulebook_in_force()
    assert (found.version, found.book, found.note, found.activated_by) == (1, book, "限额", "second")
    assert queries.rulebook_draft() is None
    rulebook.draft(actor=second)
    assert drafted().version == 2 and drafted().trial_edition == 0, "a draft begins as what is in force, untried"
    rulebook.try_out(edition=1, actor=writer)
    refused(lambda: rulebook.activate(edition=1, note="限额", actor=second), "另一人")
    assert rulebook.activate(edition=1, note="不变", actor=writer) == 2
    assert [(it.version, it.state) for it in queries.rulebook_versions()] == [(2, "active"), (1, "retired")]
    assert queries.rulebook_version(1).book == book


def test_a_change_after_the_trial_asks_for_another(writer: Actor, second: Actor) -> None:
    rulebook.draft(actor=writer)
    rulebook.try_out(edition=1, actor=writer)
    rulebook.change(Rulebook(duplicate_minutes=5), edition=1, actor=writer)
    refused(lambda: rulebook.activate(edition=2, note="限额", actor=second), "还没有试算")


def test_who_saw_an_older_edition_overwrites_and_activates_nothing(writer: Actor, second: Actor) -> None:
    rulebook.draft(actor=writer)
    rulebook.change(Rulebook(duplicate_minutes=5), edition=1, actor=writer)
    for deed in (
        lambda: rulebook.change(BUILT_IN, edition=1, actor=second),
        lambda: rulebook.try_out(edition=1, actor=second),
        lambda: rulebook.activate(edition=1, note="旧的", actor=second),
    ):
        refused(deed, "刚刚被改过")
    assert drafted().edition == 2


def test_there_is_one_draft_and_it_can_be_thrown_away(writer: Actor, second: Actor) -> None:
    rulebook.draft(actor=writer)
    refused(lambda: rulebook.draft(actor=second), "已有一份规则草稿")
    rulebook.discard(actor=second)
    for deed in (
        lambda: rulebook.discard(actor=writer),
        lambda: rulebook.change(BUILT_IN, edition=1, actor=writer),
        lambda: rulebook.try_out(edition=1, actor=writer),
        lambda: rulebook.activate(edition=1, note="没有", actor=writer),
    ):
        refused(deed, "没有规则草稿")
    rulebook.draft(actor=writer)


def test_what_cannot_be_a_rulebook_is_not_kept(writer: Actor) -> None:
    rulebook.draft(actor=writer)
    refused(lambda: rulebook.change(Rulebook(days=()), edition=1, actor=writer), "至少选一天")
    refused(lambda: rulebook.change(Rulebook(card_funded=("C404",)), edition=1, actor=writer), "没有这个渠道账号：C404")
    assert drafted().edition == 1


def test_the_log_says_what_was_changed_before_and_after(writer: Actor, second: Actor) -> None:
    rulebook.draft(actor=writer)
    rulebook.change(Rulebook(order_most=Money.parse("10.00"), two_from=None), edition=1, actor=writer)
    rulebook.try_out(edition=2, actor=second)
    rulebook.activate(edition=2, note="从严", actor=second)
    records = db.session.scalars(select(AuditRecord).where(AuditRecord.action.startswith("rulebook."))).all()
    assert [record.action.partition(".")[2] for record in records] == ["draft", "change", "try", "activate"]
    for record in (records[1], records[3]):
        said = {str(it.label): (it.old, it.new) for it in changes(record.before, record.after)}
        assert said["从此金额起两人审批"] == (("¥50,000.00",), ("无",))
        assert said["每笔最多"] == (("无",), ("¥10.00",))
        assert len(said) == (2 if record is records[1] else 3), "and the version, nothing else"
    assert records[3].why == "从严" and records[3].actor == "second"


# -- the trial ----------------------------------------------------------------------------------------------------------


def test_a_draft_is_tried_on_last_week(world: World) -> None:
    account = world.account()
    old = world.withdrawal("500.00", account=account)
    world.ahead += timedelta(days=7)
    numbers = [world.withdrawal(amount, account=account) for amount in ("60.00", "60.00", "30.00", "900.00")]
    service.cancel(numbers[0], actor=world.maker)
    service.payee_lists.enlist(PayeeList.WHITE, name="李四", reason="核实", until=None, actor=world.checker)
    draft = Rulebook(
        card_day=Limit(Money.parse("100.00")), duplicate_minutes=60, none_below=Money.parse("50.00"),
        white_from=Money.parse("800.00"),
    )  # fmt: skip
    found = trials.tried(draft, BUILT_IN)
    assert (found.total, found.before.refused, found.before.checkers) == (4, 0, (0, 4, 0))
    assert found.after.by_rule == {Rule.WHITE: 1, Rule.CARD_DAY: 1}
    assert (found.after.refused, found.after.checkers) == (1, (1, 2, 0))
    assert found.after.examples == {Rule.WHITE: (numbers[3],), Rule.CARD_DAY: (numbers[3],)}
    assert found.first == found.last - timedelta(days=6) and queries.by_number(old).business_day < found.first


def test_a_trial_reads_more_than_one_block(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "BLOCK", 7)
    number = world.withdrawal("10.00")
    with transaction():
        made = queries.by_number(number)
        like = {column.key: getattr(made, column.key) for column in Withdrawal.__mapper__.column_attrs}
        like.pop("id")
        copies = [like | {"number": f"X{it}", "form_key": f"X{it}", "counted": False} for it in range(20)]
        db.session.execute(insert(Withdrawal), copies)
    found = trials.tried(Rulebook(house_day=Limit(count=15)), BUILT_IN)
    assert (found.total, found.after.by_rule) == (21, {Rule.HOUSE_DAY: 6})
    with transaction():
        db.session.execute(Withdrawal.__table__.delete().where(Withdrawal.number.startswith("X")))  # type: ignore[attr-defined]


# -- lists --------------------------------------------------------------------------------------------------------------


def test_a_card_or_a_name_stands_on_a_list_once_and_its_history_stays(writer: Actor) -> None:
    lists, today = service.payee_lists, clock.business_day()
    card = BankCard.parse(CARD)
    lists.enlist(PayeeList.BLACK, card=card, reason="盗卡", until=None, actor=writer)
    refused(
        lambda: lists.enlist(PayeeList.BLACK, card=card, reason="又一次", until=None, actor=writer), "已经在“黑名单”"
    )
    lists.enlist(PayeeList.WHITE, card=card, reason="另一份名单", until=today, actor=writer)
    (row,) = queries.payee_entries(PayeeList.BLACK, {}).rows
    assert row.card_masked == card.masked and CARD not in str(tuple(row))
    lists.unlist(row.id, reason="查清了", actor=writer)
    with pytest.raises(NotThere):
        lists.unlist(row.id, reason="再一次", actor=writer)
    db.session.rollback()
    lists.enlist(PayeeList.BLACK, card=card, reason="还是他", until=None, actor=writer)
    (past,) = queries.payee_entries(PayeeList.BLACK, {"show": "past"}).rows
    assert (past.reason, past.removed_by, past.removed_why) == ("盗卡", "writer", "查清了")
    assert [it.reason for it in queries.payee_entries(PayeeList.BLACK, {}).rows] == ["还是他"]


def test_what_has_run_out_is_past_and_may_be_listed_again(world: World) -> None:
    lists, actor = service.payee_lists, world.checker
    lists.enlist(PayeeList.WHITE, name="张三", reason="一天", until=clock.business_day(), actor=actor)
    world.ahead += timedelta(days=1)
    assert queries.payee_entries(PayeeList.WHITE, {}).rows == []
    lists.enlist(PayeeList.WHITE, name="张三", reason="长期", until=None, actor=actor)
    assert [it.reason for it in queries.payee_entries(PayeeList.WHITE, {}).rows] == ["长期"]
    assert [it.reason for it in queries.payee_entries(PayeeList.WHITE, {"show": "past"}).rows] == ["一天"]


def test_a_list_refuses_what_it_cannot_hold(writer: Actor) -> None:
    lists, card, yesterday = service.payee_lists, BankCard.parse(CARD), clock.business_day() - timedelta(days=1)
    none = {"reason": "核实", "until": None, "actor": writer}
    refused(lambda: lists.enlist(PayeeList.BLACK, **none), "只填一项")
    refused(lambda: lists.enlist(PayeeList.BLACK, card=card, name="张三", **none), "只填一项")
    refused(lambda: lists.enlist(PayeeList.SOURCE, name="张三", **none), "只收卡号")
    refused(lambda: lists.enlist(PayeeList.BLACK, card=card, **none | {"until": yesterday}), "不能早于今天")


def test_a_list_is_searched_by_name_last_four_and_whole_number(writer: Actor) -> None:
    lists = service.payee_lists
    for number in (CARD, OTHER_CARD):
        lists.enlist(PayeeList.BLACK, card=BankCard.parse(number), reason=number[-4:], until=None, actor=writer)
    lists.enlist(PayeeList.BLACK, name="张三", reason="名字", until=None, actor=writer)

    def found(**asked: str) -> list[str]:
        return [it.reason for it in queries.payee_entries(PayeeList.BLACK, asked).rows]

    assert found() == ["名字", "5220", "5777"]
    assert found(q=" 张三") == ["名字"] and found(q="5777") == ["5777"] and found(q="张") == []
    assert found(**cards.safe_search({"card": OTHER_CARD})) == ["5220"]
    assert found(sealed_card="\0") == []


# -- pages --------------------------------------------------------------------------------------------------------------


def test_two_people_change_the_rules_in_the_console(app: Flask, writer: Actor, second: Actor) -> None:
    here, there = browser_of(app, "writer"), browser_of(app, "second")
    assert "还没有人启用过规则" in here.get(BASE + "/").text
    assert press(here, "/draft").headers["Location"].endswith("/draft/edit")
    form = FORM | {"edition": "1", "order_most": "1,000", "card_day_count": "3", "opens": "9:30", "closes": "18：00"}
    answer = press(here, "/draft/edit", **form)
    assert answer.status_code == 303, answer.text
    page = here.get(BASE + "/draft").text
    assert "最多 ¥1,000.00" in page and "09:30–18:00" in page and "还没有试算" in page and "启用第 1 版" not in page
    assert press(here, "/draft/try", edition="2").status_code == 303
    mine, theirs = here.get(BASE + "/draft").text, there.get(BASE + "/draft").text
    assert "试算结果" in mine and "等另一人启用" in mine and "启用第 1 版" not in mine
    assert "启用第 1 版" in theirs
    assert press(here, "/draft/activate", edition="2", note="从严").status_code == 409
    assert press(there, "/draft/activate", edition="2", note="").status_code == 422
    assert press(there, "/draft/activate", edition="2", note="从严").status_code == 303
    book = queries.rulebook_in_force().book
    assert (book.order_most, book.card_day, book.opens, book.closes) == (Money(100000), Limit(None, 3), 570, 1080)
    assert "最多 3 笔" in here.get(BASE + "/").text and "从严" in here.get(BASE + "/versions").text
    page = here.get(BASE + "/versions/1").text
    assert "内置规则" in page and "最多 ¥1,000.00" in page
    assert here.get(BASE + "/versions/0").status_code == 200 and here.get(BASE + "/versions/9").status_code == 404
    assert here.get(BASE + "/versions/1?beside=9%00").status_code == 200


def test_a_wrong_form_comes_back_with_what_was_typed_and_why(app: Flask, writer: Actor) -> None:
    rulebook.draft(actor=writer)
    here = browser_of(app, "writer")
    for wrong, status, words in (
        ({"order_most": "abc"}, 422, "不是金额"),
        ({"order_most": "0"}, 422, "上限要大于 0"),
        ({"two_from": "10", "none_below": "20"}, 422, "不能低于免审批的界线"),
        ({"days": []}, 422, "至少选一天"),
        ({"days": ["8"]}, 422, ""),
        ({"opens": "9点"}, 422, "09:30 这样的时间"),
        ({"opens": ""}, 422, "请填写时间"),
        ({"closes": "00:00"}, 422, "结束时间要晚于开始时间"),
        ({"duplicate_minutes": "1441"}, 422, "0 到 1440 分钟"),
        ({"duplicate_minutes": "x"}, 422, ""),
        ({"outside": "never"}, 422, ""),
        ({"card_funded": ["C404"]}, 422, ""),
        ({"edition": "9"}, 409, "刚刚被改过"),
        ({"stranger": "1"}, 400, ""),
    ):
        answer = press(here, "/draft/edit", **FORM | {"edition": "1", "house_day_count": "77"} | wrong)
        assert answer.status_code == status and words in answer.text, (wrong, answer.status_code)
        assert status == 400 or 'value="77"' in answer.text
    assert drafted().edition == 1
    assert press(here, "/draft/edit", **FORM | {"edition": "1"}).status_code == 303
    assert unpacked_book() == BUILT_IN, "the form as it was first shown says what the built-in rules say"


def unpacked_book() -> Rulebook:
    return book_of(drafted().body)


def test_the_trial_is_shown_with_examples(app: Flask, world: World) -> None:
    number = world.withdrawal("60.00")
    rulebook.draft(actor=world.checker)
    rulebook.change(Rulebook(order_most=Money.parse("50.00")), edition=1, actor=world.checker)
    rulebook.try_out(edition=2, actor=world.checker)
    assert unpacked(drafted().trial).after.by_rule == {Rule.ORDER: 1}
    app.test_client_class = Browser
    here: Any = app.test_client()
    assert here.sign_in("checker", "correct horse battery staple").status_code == 303
    page = here.get(BASE + "/draft").text
    assert f'href="/withdrawals/{number}"' in page and "超过每笔上限" in page


def test_a_full_card_number_is_in_no_address_and_on_no_page(app: Flask, writer: Actor) -> None:
    here = browser_of(app, "writer")
    entry = {"card": "6222 0210 0111 6245 777", "name": "", "reason": "盗卡", "until": ""}
    assert press(here, "/lists/black", **entry).headers["Location"] == BASE + "/lists/black"
    answer = press(here, "/lists/black/search", card=CARD, q="", sealed_card="", show="")
    address = answer.headers["Location"]
    assert CARD not in address and "sealed_card=" in address
    page = here.get(address).text
    assert "盗卡" in page and CARD not in page and CARD[6:-4] not in page
    (row,) = queries.payee_entries(PayeeList.BLACK, {}).rows
    assert press(here, f"/lists/entries/{row.id}/remove", reason="").status_code == 422
    assert press(here, f"/lists/entries/{row.id}/remove", reason="查清了").status_code == 303
    assert "查清了" in here.get(BASE + "/lists/black?show=past").text
    assert "已经不在名单里" in here.get(f"{BASE}/lists/entries/{row.id}").text


def test_a_wrong_entry_comes_back_with_why(app: Flask, writer: Actor) -> None:
    here = browser_of(app, "writer")
    right = {"card": CARD, "name": "", "reason": "核实", "until": ""}
    for kind, wrong, status, words in (
        ("black", {"card": ""}, 422, "只填一项"),
        ("black", {"name": "张三"}, 422, "只填一项"),
        ("black", {"card": CARD[:-1] + "0"}, 422, "Luhn"),
        ("black", {"reason": ""}, 422, "请写明原因"),
        ("black", {"until": "明天"}, 422, "不是日期"),
        ("black", {"until": "20200101"}, 409, "不能早于今天"),
    ):
        answer = press(here, f"/lists/{kind}", **right | wrong)
        assert answer.status_code == status and words in answer.text, wrong
    source = {name: value for name, value in right.items() if name != "name"}
    assert press(here, "/lists/source", **source | {"card": ""}).status_code == 422
    assert press(here, "/lists/source", **source).status_code == 303
    assert press(here, "/lists/black", **right | {"card": "44 1000", "corporate": "y"}).status_code == 303
    assert here.get(BASE + "/lists/none").status_code == 404


def test_an_operator_reads_and_changes_nothing(app: Flask, writer: Actor) -> None:
    person("reader", Role.OPERATOR)
    rulebook.draft(actor=writer)
    service.payee_lists.enlist(PayeeList.BLACK, name="张三", reason="冒名", until=None, actor=writer)
    there = browser_of(app, "reader")
    for path in ("/", "/versions", "/versions/0", "/lists/black"):
        page = there.get(BASE + path)
        assert page.status_code == 200
        assert not re.search(rf'(?:action|href)="{BASE}/(?:draft|lists/\w+/new|lists/entries)', page.text), path
    for path in ("/draft", "/draft/edit", "/lists/black/new", "/lists/entries/1"):
        assert there.get(BASE + path).status_code == 403
    for path in ("/draft", "/draft/edit", "/draft/try", "/draft/discard", "/draft/activate", "/lists/black"):
        assert press(there, path).status_code == 403


def test_who_sees_some_channels_reads_the_rules_and_neither_lists_nor_trials(app: Flask, world: World) -> None:
    world.account("dolphin")
    auth.create_operator(
        username="narrow", display_name="narrow", role=Role.SUPERVISOR, password=PASSWORD, actor="test"
    )
    with transaction():
        narrow = db.session.scalars(select(Operator).where(Operator.username == "narrow")).one()
        db.session.add(OperatorChannel(operator_id=narrow.id, channel="dolphin"))
    there = browser_of(app, "narrow")
    page = there.get(BASE + "/")
    assert page.status_code == 200 and "/lists/" not in page.text and "/draft" not in page.text
    for path in ("/draft", "/draft/edit", "/lists/black"):
        assert there.get(BASE + path).status_code == 409


def test_the_check_page_refuses_before_anything_is_made(app: Flask, world: World) -> None:
    account = world.account()
    card = world.card(account)
    with transaction():
        db.session.execute(update(Card).values(kind="credit"))
    app.test_client_class = Browser
    here: Any = app.test_client()
    assert here.sign_in("maker", "correct horse battery staple").status_code == 303
    fence = re.search(r'name="fence"[^>]*value="(\d+)"', here.get(f"/withdrawals/new?account={account}").text)
    assert fence
    form = {
        "csrf_token": here.csrf("/"), "account": account, "fence": fence[1], "form_key": "k" * 36, "kind": "payout",
        "card": card, "amount": "12.34", "memo": "",
    }  # fmt: skip
    answer = here.post("/withdrawals/check", data=form)
    assert answer.status_code == 409 and "信用卡" in answer.text and "12.34" in answer.text
    assert not db.session.scalars(select(Withdrawal.id)).all()
