"""The form for one card: it asks what the channel's template asks, by the same judge that reads sheets."""

import html
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.auth import service as auth
from app.cards import queries, rules, service
from app.cards.models import Card
from app.channels import service as channel_service
from app.kernel.cells import Column, Kind
from app.runtime import vault
from app.runtime.db import db
from tests.auth.conftest import Browser
from tests.world import PASSWORD, World

ONE_ENGINE = True
NUMBER, CREDIT = "6222021001116245702", "6225751111111112"
RESIDENT, COMPANY = "11010519491231002X", "91350100M000100Y43"
COLUMNS = (
    Column(key="account_type", title="账户类型", kind=Kind.ACCOUNT_TYPE),
    Column(key="id_number", title="证件号码", kind=Kind.ID_NUMBER, required=True, note="公司填统一社会信用代码"),
    Column(key="sort", title="卡种", kind=Kind.CHOICE, choices=("一类户", "二类户"), required=True),
    Column(key="staff", title="工号", kind=Kind.TEXT, pattern="[A-Z][0-9]{3}", example="A001"),
    Column(key="since", title="入职日", kind=Kind.DATE),
)


class Counter:
    """Where somebody binds cards one by one, with a browser."""

    def __init__(self, world: World) -> None:
        self.world, self.account = world, world.account()
        token, self.actor = auth.sign_in("maker", PASSWORD, address="10.0.0.9", user_agent="test")
        world.app.test_client_class = Browser
        self.browser: Any = world.app.test_client()
        self.browser.set_cookie("paydesk_session", token)
        self.fence = world.claimed(self.account, self.actor)
        self.csrf = self.browser.csrf("/")

    def designs(self, *columns: Column) -> None:
        """The supervisor adds these columns and puts the template to use."""
        actor = self.world.checker
        service.templates.draft("dolphin", actor=actor)
        for edition, column in enumerate(columns, 1):
            service.templates.put_column("dolphin", column, edition=edition, actor=actor)
        service.templates.activate("dolphin", edition=len(columns) + 1, note="要这些", actor=actor)

    def opens(self) -> str:
        answer = self.browser.get(f"/cards/new?account={self.account}")
        assert answer.status_code == 200
        return str(answer.text)

    def fills_in(self, page: str = "", **typed: str) -> dict[str, str]:
        """What a browser sends of this page, with these fields filled in."""
        found = {
            "csrf_token": self.csrf,
            "form_key": str(uuid4()),
            **{name: _hidden(page or self.opens(), name) for name in ("account", "fence", "template")},
            "c_number": NUMBER,
            "c_holder": "张三",
            "c_bank": "中国工商银行",
        }
        return found | {f"c_{key}" if key != "sure" else key: text for key, text in typed.items()}

    def sends(self, form: dict[str, str]) -> TestResponse:
        answer: TestResponse = self.browser.post("/cards/", data=form)
        return answer

    def binds(self, **typed: str) -> Card:
        """Sends what is right, and gives the card."""
        answer = self.sends(self.fills_in(**typed))
        assert answer.status_code == 303, text_of(answer.text)
        db.session.rollback()
        return queries.card(answer.headers["Location"].rpartition("/")[2])


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert found, f"{name} is not on the page"
    return found[1]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def cards() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Card)) or 0


@pytest.fixture
def counter(world: World) -> Counter:
    return Counter(world)


def test_the_form_asks_what_the_template_asks(counter: Counter) -> None:
    plain = counter.opens()
    assert [f"c_{column.key}" for column in rules.DEFAULT] == re.findall(r'<(?:input|select)[^>]*name="(c_\w+)"', plain)
    counter.designs(*COLUMNS)
    page = counter.opens()
    fields = re.findall(r'<(?:input|select)[^>]*name="(c_\w+)"', page)
    assert fields == [f"c_{column.key}" for column in (*rules.DEFAULT, *COLUMNS)]
    for told in ("公司填统一社会信用代码", "例如 A001", "入职日"):
        assert told in page
    for name, needed in (("number", True), ("holder", True), ("phone", False), ("id_number", True), ("staff", False)):
        (tag,) = re.findall(rf'<input[^>]*name="c_{name}"[^>]*>', page)
        assert (" required" in tag) == needed, name
    choices = {name: re.findall(rf'name="c_{name}".*?</select>', page, re.S)[0] for name in ("sort", "account_type")}
    assert re.findall(r'value="([^"]*)"', choices["sort"]) == ["一类户", "二类户"]
    assert re.findall(r'value="([^"]*)"', choices["account_type"]) == ["", "对私", "对公"]
    assert re.findall(r'name="(c_\w+)"', page) == fields, "and nothing twice"


WRONG: list[tuple[dict[str, str], str]] = [
    ({"number": ""}, "必填"),
    ({"number": "  "}, "必填"),
    ({"number": NUMBER[:-1] + "3"}, "Luhn"),
    ({"number": "6.22202E+18"}, "科学计数法"),
    ({"holder": ""}, "必填"),
    ({"holder": "张三1"}, "不像户名"),
    ({"bank": f"工商银行 {NUMBER}"}, "不能写银行卡号"),
    ({"phone": "138"}, "11 位"),
    ({"id_number": ""}, "必填"),
    ({"id_number": RESIDENT[:-1] + "1"}, "校验不通过"),
    ({"id_number": COMPANY}, "身份证号"),
    ({"sort": "三类户"}, ""),
    ({"sort": ""}, "必填"),
    ({"staff": "1"}, "与模版要求的格式不符，例如 A001"),
    ({"since": "昨天"}, "格式不符"),
    ({"account_type": "对公"}, "统一社会信用代码"),
    ({"number": "张三", "holder": NUMBER}, "是不是应为"),
    ({"bank": "招行 "}, "是不是应为“招商银行”"),
]


def test_what_is_wrong_is_told_at_its_field_and_nothing_is_bound(counter: Counter) -> None:
    counter.designs(*COLUMNS)
    page = counter.opens()
    for typed, why in WRONG:
        answer = counter.sends(counter.fills_in(page, **{"id_number": RESIDENT, "sort": "一类户", **typed}))
        assert answer.status_code == 422 and why in text_of(answer.text), typed
        assert "sure" not in re.findall(r'name="(\w+)"', answer.text), "first what is wrong, then what is odd"
    assert cards() == 0


def test_spelling_is_put_right_and_nothing_else(counter: Counter) -> None:
    counter.designs(*COLUMNS)
    card = counter.binds(
        number=f" {NUMBER[:4]} {NUMBER[4:]}\u200b", holder="张 三", bank="工行", phone="+86 138-0013-8000",
        id_number=RESIDENT.lower(), sort="一类户", since="2026/1/5",
    )  # fmt: skip
    assert queries.number_of(card) == NUMBER
    assert (card.holder, card.phone, card.account_type) == ("张三", "13800138000", "private")
    assert card.bank == "工行", "a short name may be what the channel knows"
    assert queries.details_of(card) == {"id_number": RESIDENT, "sort": "一类户", "since": "2026-01-05"}


def test_what_is_odd_is_asked_about_once_and_then_taken(counter: Counter) -> None:
    for typed, why in (
        ({"bank": "招商银行"}, "卡号像是中国工商银行的，这里写的是招商银行"),
        ({"number": CREDIT, "bank": "招商银行"}, "像是信用卡"),
    ):
        form, before = counter.fills_in(**typed), cards()
        asked = counter.sends(form)
        assert asked.status_code == 422 and why in text_of(asked.text) and 'name="sure"' in asked.text
        assert "卡号校验" not in asked.text and cards() == before
        assert counter.sends(form).status_code == 422, "asking again is no yes"
        assert counter.sends(form | {"sure": "y"}).status_code == 422, "a yes to nothing that was shown"
        yes = form | {"sure": "y", "seen": _hidden(asked.text, "seen")}
        elsewhere = yes | {"c_bank": "中国建设银行"}
        assert counter.sends(elsewhere).status_code == 422 and cards() == before, "a yes to one is none to another"
        assert counter.sends(yes).status_code == 303 and cards() == before + 1
    wrong = counter.sends(counter.fills_in(number=NUMBER[:-1] + "3", bank="招商银行", sure="y"))
    assert wrong.status_code == 422 and "Luhn" in wrong.text, "a yes to what is odd is no yes to what is wrong"


def test_a_companys_account_is_bound_as_one(counter: Counter) -> None:
    counter.designs(*COLUMNS)
    card = counter.binds(
        number="755912345610802", holder="深圳市某某有限公司", account_type="对公", id_number=COMPANY, sort="二类户"
    )
    assert (card.account_type, card.kind, queries.number_of(card)) == ("corporate", "", "755912345610802")
    assert queries.details_of(card)["id_number"] == COMPANY
    refused = counter.sends(counter.fills_in(number="755912345610802", id_number=RESIDENT, sort="二类户"))
    assert refused.status_code == 422 and "Luhn" in refused.text


def test_a_form_of_yesterdays_template_is_told_and_nothing_is_bound(counter: Counter) -> None:
    form = counter.fills_in()
    counter.designs(*COLUMNS)
    answer = counter.sends(form)
    assert answer.status_code == 303 and answer.headers["Location"].endswith(f"/cards/new?account={counter.account}")
    assert "绑定模版刚刚更新" in text_of(counter.browser.get(answer.headers["Location"]).text)
    assert cards() == 0
    for wrong in ("", "x", "99"):
        assert counter.sends(form | {"template": wrong}).status_code == 303 and cards() == 0


def test_fields_that_the_template_does_not_have_are_refused(counter: Counter) -> None:
    form = counter.fills_in()
    for stranger in ({"c_staff": "A001"}, {"columns": "x"}, {"number": NUMBER}, {"texts": "x"}):
        assert counter.sends(form | stranger).status_code == 400
    assert cards() == 0


def test_the_same_form_twice_is_one_card_and_another_card_in_it_is_refused(counter: Counter) -> None:
    form = counter.fills_in()
    first, second = counter.sends(form), counter.sends(form)
    assert first.headers["Location"] == second.headers["Location"] and cards() == 1
    other = counter.sends(form | {"c_number": "6228481111111111112", "c_bank": "中国农业银行"})
    assert other.status_code == 409 and "改动后的内容没有提交" in text_of(other.text) and cards() == 1
    bound = counter.sends(counter.fills_in())
    assert bound.status_code == 409 and "已绑定在该渠道账号上" in text_of(bound.text)
    assert NUMBER not in bound.text.replace(f'value="{NUMBER}"', ""), "shown whole only where it was typed"


def test_without_the_claim_there_is_no_form_and_no_card(counter: Counter) -> None:
    form = counter.fills_in()
    assert counter.sends(form | {"fence": str(counter.fence + 1)}).status_code == 409
    channel_service.release(counter.account, actor=counter.actor)
    assert counter.sends(form).status_code == 409 and cards() == 0
    assert 'name="c_number"' not in counter.opens()


def test_the_other_columns_travel_sealed(counter: Counter) -> None:
    counter.designs(*COLUMNS)
    card = counter.binds(id_number=RESIDENT, sort="二类户", staff="Z987")
    raw = str([tuple(row) for row in db.session.execute(select(Card.__table__))])
    for secret in (NUMBER, RESIDENT, "二类户", "Z987"):
        assert secret not in raw
    assert card.details_sealed and card.details_sealed != card.number_sealed
    told = vault.unseal(card.details_sealed, table="card", column="details_sealed", row=card.reference)
    assert json.loads(told) == {"id_number": RESIDENT, "sort": "二类户", "staff": "Z987"}
    with pytest.raises(vault.Sealed):
        vault.unseal(card.details_sealed, table="card", column="details_sealed", row="K0")
    page = counter.browser.get(f"/cards/{card.reference}").text
    assert "Z987" in page and RESIDENT not in page and NUMBER not in page


def test_the_first_digits_are_explained_while_they_are_typed(counter: Counter) -> None:
    page = counter.opens()
    for typed, says in ((NUMBER, "中国工商银行"), (CREDIT, "像是信用卡"), ("6222", ""), ("1000000000000008", "看不出")):
        answer = counter.browser.post("/cards/hint", data=counter.fills_in(page, number=typed))
        assert answer.status_code == 200 and says in answer.text and typed not in answer.text
