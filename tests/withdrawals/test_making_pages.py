"""Making a withdrawal, page by page: what was typed is never lost on the way."""

import re
from html import unescape

import pytest

from app.channels import service as channels
from app.kernel.money import Money
from app.withdrawals.rules import Rulebook
from tests.withdrawals.test_admission import in_force
from tests.withdrawals.test_list_pages import Person
from tests.world import CARD, World

ONE_ENGINE = True
MEMO = "十一月货款，合同 PD-1121"


def fields(page: str, action: str) -> dict[str, str]:
    """What the form that is sent there holds, as a browser would send it."""
    form = re.search(rf'<form[^>]*method="post" action="{action}".*?</form>', page, re.S)
    assert form, action
    inputs = [it for it in re.findall(r"<input[^>]*>", form[0]) if 'type="radio"' not in it or " checked" in it]
    named = [(re.search(r'name="([^"]+)"', it), re.search(r'value="([^"]*)"', it)) for it in inputs]
    found = {name[1]: unescape(value[1]) if value else "" for name, value in named if name}
    chosen = re.search(r'<select[^>]*name="(\w+)".*?<option selected value="([^"]+)"', form[0], re.S)
    return found | ({chosen[1]: chosen[2]} if chosen else {})


@pytest.fixture
def account(world: World) -> str:
    number = world.account()
    world.card(number)
    return number


@pytest.fixture
def maker(world: World, account: str) -> Person:
    person = Person(world, "maker")
    channels.claim(account, actor=person.actor)
    return person


@pytest.fixture
def typed(world: World, account: str, maker: Person) -> dict[str, str]:
    """The form of a new withdrawal, filled in."""
    page = maker.reads(f"/withdrawals/new?account={account}&card={world.card(account)}")
    return fields(page, "/withdrawals/check") | {"amount": "45.67", "memo": MEMO}


def sent(person: Person, path: str, form: dict[str, str], status: int) -> str:
    return person.does(path, status=status, **{name: it for name, it in form.items() if name != "csrf_token"})


def test_going_back_to_edit_keeps_everything_that_was_typed(maker: Person, typed: dict[str, str]) -> None:
    page = sent(maker, "/withdrawals/check", typed, 200)
    assert "核对提现" in page and MEMO in page
    buttons = re.findall(r"<button[^>]*formaction[^>]*>", page)
    assert len(buttons) == 2 and all('form="checked"' in it and 'name="edit" value="1"' in it for it in buttons)
    kept = fields(page, "/withdrawals/")
    again = sent(maker, "/withdrawals/check", kept | {"edit": "1"}, 200)
    assert "新建提现" in again and "error-summary" not in again
    form = fields(again, "/withdrawals/check")
    assert {name: form[name] for name in typed} == typed | {"csrf_token": form["csrf_token"]}
    assert sent(maker, "/withdrawals/", kept, 303).startswith("/withdrawals/W")


def test_an_edit_is_no_way_to_make_one(maker: Person, typed: dict[str, str]) -> None:
    sent(maker, "/withdrawals/", typed | {"edit": "1"}, 400)


def test_who_lost_the_claim_while_typing_comes_back_to_a_page_that_is_there(
    world: World, account: str, maker: Person, typed: dict[str, str]
) -> None:
    channels.release(account, actor=maker.actor)
    page = sent(maker, "/withdrawals/check", typed, 200)
    refused = sent(maker, "/withdrawals/", fields(page, "/withdrawals/"), 409)
    claim = f"/channels/{account}/claim?again=/withdrawals/check"
    body = fields(refused, re.escape(claim))
    # 307: a browser sends the same body on, so neither the amount nor the memo is in an address.
    assert sent(maker, claim, body, 307) == "/withdrawals/check"
    form = fields(sent(maker, "/withdrawals/check", body, 200), "/withdrawals/check")
    assert {name: form[name] for name in ("card", "amount", "memo", "form_key")} == {
        name: typed[name] for name in ("card", "amount", "memo", "form_key")
    }
    page = sent(maker, "/withdrawals/check", form, 200)
    assert sent(maker, "/withdrawals/", fields(page, "/withdrawals/"), 303).startswith("/withdrawals/W")


def test_who_only_looks_without_a_claim_comes_back_by_an_address(account: str, maker: Person) -> None:
    channels.release(account, actor=maker.actor)
    page = maker.reads(f"/withdrawals/new?account={account}&card=K1")
    body = fields(page, f"/channels/{account}/claim")
    back = sent(maker, f"/channels/{account}/claim", body, 303)
    assert back.startswith("/withdrawals/new?") and "card=K1" in back and account in back


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil"])
def test_what_was_typed_is_sent_on_to_nobody_else(account: str, maker: Person, elsewhere: str) -> None:
    channels.release(account, actor=maker.actor)
    assert sent(maker, f"/channels/{account}/claim?again={elsewhere}", {}, 303) == f"/channels/{account}"


def test_who_claimed_anew_is_refused_once_and_not_for_ever(account: str, maker: Person, typed: dict[str, str]) -> None:
    page = sent(maker, "/withdrawals/check", typed, 200)
    channels.release(account, actor=maker.actor)
    channels.claim(account, actor=maker.actor)
    refused = sent(maker, "/withdrawals/", fields(page, "/withdrawals/"), 409)
    form = fields(refused, "/withdrawals/check")
    assert form["fence"] != typed["fence"] and (form["amount"], form["memo"]) == (typed["amount"], MEMO)
    page = sent(maker, "/withdrawals/check", form, 200)
    assert sent(maker, "/withdrawals/", fields(page, "/withdrawals/"), 303).startswith("/withdrawals/W")


@pytest.mark.parametrize("sheets", ["withdrawal-uploads", "card-uploads"])
def test_a_sheet_that_was_refused_is_uploaded_under_the_claim_of_now(account: str, maker: Person, sheets: str) -> None:
    form = fields(maker.reads(f"/{sheets}/new?account={account}"), f"/{sheets}/")
    form.pop("file")
    channels.release(account, actor=maker.actor)
    claim = fields(sent(maker, f"/{sheets}/", form, 422), f"/channels/{account}/claim")
    assert claim["next"] == f"/{sheets}/new?account={account}"
    channels.claim(account, actor=maker.actor)
    again = fields(sent(maker, f"/{sheets}/", form, 422), f"/{sheets}/")
    assert again["fence"] != form["fence"]


@pytest.mark.parametrize("path", ["check", "route/compare"])
def test_the_address_of_a_step_in_between_leads_to_an_empty_form(maker: Person, path: str) -> None:
    answer = maker.browser.get(f"/withdrawals/{path}")
    assert (answer.status_code, answer.location) == (302, "/withdrawals/new")


def test_a_card_number_in_the_memo_is_told_once_and_at_the_memo(maker: Person, typed: dict[str, str]) -> None:
    page = sent(maker, "/withdrawals/check", typed | {"memo": f"付 {CARD}"}, 409)
    summary = re.search(r'<section class="error-summary".*?</section>', page, re.S)
    assert summary and summary[0].count("<li>") == 1 and "备注里不能写银行卡号；请删去卡号后再提交" in summary[0]
    (memo,) = re.findall(r'<input[^>]*name="memo"[^>]*>', page)
    assert "autofocus" in memo and "is-invalid" in memo and page.count("autofocus") == 1
    assert page.count("备注里不能写银行卡号") == 2, "in the summary and at the field"


def test_nobody_is_advised_to_split(maker: Person, typed: dict[str, str]) -> None:
    page = sent(maker, "/withdrawals/check", typed | {"amount": "5000.01"}, 409)
    assert "超过该渠道账号的单笔限额" in page and "拆分" not in page


@pytest.mark.parametrize(
    ("book", "on_form", "on_check", "told"),
    [
        (Rulebook(), "等待审批", "等待审批", "等待另一人审批"),
        (Rulebook(none_below=Money.parse("50.00")), "审批或直接发送", "等待发送", "不需要审批，等待发送"),
        (Rulebook(two_from=Money.parse("40.00")), "等待审批", "等待审批", "等待另外 2 人审批"),
    ],
)
def test_what_follows_is_said_as_it_will_be(
    world: World, maker: Person, typed: dict[str, str], book: Rulebook, on_form: str, on_check: str, told: str
) -> None:
    in_force(world, book)
    assert f"</span>{on_form}</li>" in maker.reads("/withdrawals/new")
    page = sent(maker, "/withdrawals/check", typed, 200)
    assert f"</span>{on_check}</li>" in page
    assert told in maker.reads(sent(maker, "/withdrawals/", fields(page, "/withdrawals/"), 303))
