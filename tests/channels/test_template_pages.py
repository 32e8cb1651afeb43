"""The designer of channel templates, as an administrator sees it."""

import io
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.auth import service as auth
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.channels import manners, queries, service
from app.channels.adapters.templated.examples import example
from app.kernel.money import Money
from app.runtime.db import db
from tests.auth.conftest import Browser
from tests.channels.test_dolphin import DolphinThem
from tests.world import PASSWORD, World

ONE_ENGINE = True
AT = "/channel-templates"


@pytest.fixture
def admin(world: World) -> FlaskClient:
    world.person("admin", Role.ADMINISTRATOR)
    token, _actor = auth.sign_in("admin", PASSWORD, address="10.0.0.9", user_agent="test")
    world.app.test_client_class = Browser
    browser = world.app.test_client()
    browser.set_cookie("paydesk_session", token)
    return browser


def press(browser: FlaskClient, path: str, **form: Any) -> Any:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{AT}/new").text)
    assert found
    return browser.post(f"{AT}{path}", data={"csrf_token": found[1], **form})


def begun(browser: FlaskClient) -> None:
    assert press(browser, "/new", code="wave", like="dolphin").status_code == 303


def draft() -> Any:
    db.session.rollback()
    return manners.draft("wave")


def altered(**changes: Any) -> str:
    return json.dumps(json.loads(example("dolphin")) | changes, ensure_ascii=False)


def test_from_an_example_to_an_account_that_follows(world: World, admin: FlaskClient) -> None:
    assert "还没有渠道模板" in admin.get(f"{AT}/").text
    begun(admin)
    shown = admin.get(f"{AT}/wave").text
    assert "可以启用" in shown and "accountNo" in shown and "sorted" not in shown
    assert press(admin, "/wave/activate", edition="1", note="").status_code == 422
    assert press(admin, "/wave/activate", edition="1", note="按文档").status_code == 303
    service.open_channel(code="wave", name="波浪支付", adapter="template:wave", actor="test")
    number = service.open_account(
        channel="wave", name="主账户", settings=DolphinThem.settings, single_limit=Money(1), fee_fixed=Money(0),
        fee_rate_ppm=0, actor="test",
    )  # fmt: skip
    assert press(admin, "/wave/draft").status_code == 303
    changed = altered(title="第二版")
    assert press(admin, "/wave/edit", edition="1", text=changed).status_code == 303
    shown = admin.get(f"{AT}/wave").text
    assert re.search(r"<del>-.*海豚支付（模板）", shown) and re.search(r"<ins>\+.*第二版", shown)
    assert press(admin, "/wave/activate", edition="2", note="改名").status_code == 303
    shown = admin.get(f"{AT}/wave").text
    assert "波浪支付 · 主账户" in shown and "改用第 2 版" in shown
    assert press(admin, "/wave/adopt", account=number).status_code == 303
    db.session.rollback()
    assert queries.account(number).adapter == "template:wave@2"
    for path in (f"/channels/{number}/settings/", f"/channels/{number}/settings/2"):
        shown = admin.get(path).text
        assert "改用模板第 2 版" in shown and "template@2" not in shown
    assert "/wave/adopt" not in admin.get(f"{AT}/wave").text
    old = admin.get(f"{AT}/wave/versions/1").text
    assert "已被取代" in old and "海豚支付（模板）" in old
    assert "第二版" in admin.get(f"/channels/{number}").text, "the account's page names the protocol"


def test_a_flaw_is_shown_on_its_line_and_nothing_broken_is_used(world: World, admin: FlaskClient) -> None:
    begun(admin)
    words = {"SUCCESS": "paid", "success": "failed"}
    assert press(admin, "/wave/edit", edition="1", text=altered(words=words)).status_code == 303
    line = draft().description.splitlines().index('    "SUCCESS": "paid",') + 1
    for path in ("/wave", "/wave/edit"):
        shown = admin.get(AT + path).text
        assert f'data-label="行">{line}</td>' in shown and "words.SUCCESS" in shown and "同一个词有两种意思" in shown
    assert "启用这一版" not in admin.get(f"{AT}/wave").text
    assert press(admin, "/wave/activate", edition="2", note="硬来").status_code == 409
    assert "还不能试用" in admin.get(f"{AT}/wave/try").text


def test_what_was_typed_stays_when_it_is_no_json(world: World, admin: FlaskClient) -> None:
    begun(admin)
    answer = press(admin, "/wave/edit", edition="1", text='{"title":\n "半句')
    assert answer.status_code == 409 and "第 2 行" in answer.text and "半句" in answer.text
    assert press(admin, "/wave/edit", edition="0", text=altered()).status_code == 409
    assert draft().edition == 1


def test_what_is_exported_is_imported_the_same(world: World, admin: FlaskClient) -> None:
    begun(admin)
    file = admin.get(f"{AT}/wave/versions/1.json")
    assert file.headers["Content-Disposition"] == "attachment; filename=wave-1.json"
    upload = (io.BytesIO(file.data), "wave.json")
    assert press(admin, "/new", code="copy", like="spruce", file=upload).status_code == 303
    copy = manners.draft("copy")
    assert copy is not None and copy.description == draft().description
    upload = (io.BytesIO("GBK 的".encode("gbk")), "wave.json")
    answer = press(admin, "/wave/edit", edition="1", text="", file=upload)
    assert answer.status_code == 409 and "UTF-8" in answer.text
    assert press(admin, "/wave/discard").status_code == 303
    assert draft() is None


def fields(**changes: str) -> dict[str, str]:
    order = {"number": "W1", "amount": "100.00", "card_number": "6222020200112233441", "holder": "张三丰"}
    more = {"bank": "中国工商银行", "made_at": "2026-11-21 09:30:00", "kind": "payout"}
    given = {f"v_order-{name}": text for name, text in (order | more).items()}
    settings = {f"s_{name}": text for name, text in DolphinThem.settings.items()}
    return given | settings | {"status": "200", "headers": "", "reply": "", "deed": "fill"} | changes


def test_a_trial_shows_what_would_be_signed_and_sent_masked(world: World, admin: FlaskClient) -> None:
    begun(admin)
    assert "order.amount" in admin.get(f"{AT}/wave/try").text
    shown = press(admin, "/wave/try?interface=submit", **fields()).text
    results = shown.partition('id="seen"')[2].partition("<form")[0]
    assert "amount=10000&amp;bankName=中国工商银行" in results and "&amp;key=******" in results
    assert "POST /api/payout/create" in results and "6222 02**" in results
    for private in ("6222020200112233441", "张三丰", DolphinThem.settings["key"]):
        assert private not in results
    assert press(admin, "/wave/try", **fields(**{"v_order-amount": "1e2"})).status_code == 422
    assert press(admin, "/wave/try", **fields(s_key="")).status_code == 422


def test_a_trial_reads_an_answer_somebody_has_at_hand(world: World, admin: FlaskClient) -> None:
    begun(admin)
    sample = next(it for it in json.loads(example("dolphin"))["samples"] if it["name"] == "paid")
    paid = fields(reply=sample["body"], s_key="dolphin-sample-key")
    assert "款已付出" in press(admin, "/wave/try?interface=query", **paid).text
    assert "签名不符" in press(admin, "/wave/try?interface=query", **paid | {"s_key": "another"}).text


def test_a_trial_needs_no_samples_but_a_sound_interface(world: World, admin: FlaskClient) -> None:
    begun(admin)
    assert press(admin, "/wave/edit", edition="1", text=altered(samples=[])).status_code == 303
    assert "组装与解读" in admin.get(f"{AT}/wave/try?interface=query").text
    interfaces = json.loads(example("dolphin"))["interfaces"]
    interfaces["submit"]["ask"]["method"] = "GET"
    assert press(admin, "/wave/edit", edition="2", text=altered(interfaces=interfaces)).status_code == 303
    assert "组装与解读" in admin.get(f"{AT}/wave/try?interface=query").text
    for name in ("submit", "settle"):
        shown = admin.get(f"{AT}/wave/try?interface={name}").text
        assert "这个接口还不能试用" in shown and "查询结果" in shown


def test_a_name_that_turns_the_text_around_is_refused(world: World, admin: FlaskClient) -> None:
    begun(admin)
    assert press(admin, "/wave/edit", edition="1", text=altered(title="波\u202e浪")).status_code == 409


def test_a_trial_asks_the_channel_and_never_pays(world: World, admin: FlaskClient) -> None:
    begun(admin)
    told = world.third.post(
        "/control/merchants",
        json={
            "manner": "dolphin",
            "merchant_no": "TRY1",
            "keys": {"key": "try-key"},
            "callback_url": "http://127.0.0.1:9/",
            "starting_balance_minor": 100,
            "payout_fee_minor": 0,
            "collect_fee_ppm": 0,
        },
    )
    assert told.ok
    there = {"s_base_url": f"{world.third.url}/dolphin", "s_merchant_no": "TRY1", "s_key": "try-key", "deed": "ask"}
    shown = press(admin, "/wave/try?interface=query", **fields(**there)).text
    assert "无此订单" in shown and "respCode=2001" in shown
    assert press(admin, "/wave/try?interface=submit", **fields(**there)).status_code == 409
    (merchant,) = world.third.get("/control/summary", manner="dolphin", merchant="TRY1")["merchants"]
    assert merchant["submits"] == 0
    asked = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "channel-template.try")).all()
    assert [record.subject for record in asked] == ["wave"]


@pytest.mark.parametrize("path", ["/wave", "/wave/edit", "/wave/try", "/wave/versions/1", "/wave/versions/1.json"])
def test_what_is_not_there_is_not_found(world: World, admin: FlaskClient, path: str) -> None:
    assert admin.get(AT + path).status_code == 404
    begun(admin)
    assert admin.get(AT + path).status_code == 200
    assert admin.get(f"{AT}/wave/try?interface=nothing").status_code == 404


def test_an_account_says_whether_its_template_was_proved(world: World, admin: FlaskClient) -> None:
    begun(admin)
    assert press(admin, "/wave/activate", edition="1", note="按文档").status_code == 303
    service.open_channel(code="wave", name="波浪支付", adapter="template:wave", actor="test")
    number = service.open_account(
        channel="wave", name="主账户", settings=DolphinThem.settings, single_limit=Money(1), fee_fixed=Money(0),
        fee_rate_ppm=0, actor="test",
    )  # fmt: skip
    assert not queries.account(number).verified
    for path in (f"/channels/{number}", "/channels/", f"{AT}/", f"{AT}/wave", f"{AT}/wave/versions/1"):
        assert "未经真实渠道验证" in admin.get(path).text, path
    assert press(admin, "/wave/draft").status_code == 303
    said = altered(verified=True, basis="接口文档 3.2 版，2026-11-20 联调")
    assert press(admin, "/wave/edit", edition="1", text=said).status_code == 303
    shown = admin.get(f"{AT}/wave").text
    assert "<ins>+ " in shown and "2026-11-20 联调" in shown and "请先去掉 verified" in shown
    assert press(admin, "/wave/activate", edition="2", note="联调过").status_code == 303
    assert "未经真实渠道验证" in admin.get(f"/channels/{number}").text, "the account still speaks the version before"
    assert press(admin, "/wave/adopt", account=number).status_code == 303
    db.session.rollback()
    assert queries.account(number).verified
    assert "2026-11-20 联调" in admin.get(f"/channels/{number}").text
    upload = (io.BytesIO(admin.get(f"{AT}/wave/versions/2.json").data), "wave.json")
    assert press(admin, "/new", code="copy", like="spruce", file=upload).status_code == 303
    db.session.rollback()
    copy = manners.draft("copy")
    assert copy is not None and '"verified": true' in copy.description, "its author's word travels with it"
