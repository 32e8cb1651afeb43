"""Pages of bulk withdrawals, as people walk through them: without JavaScript, each in their own right."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.kernel.bank_card import mask
from app.runtime import jobs
from app.runtime.queue import Line
from app.uploads import queries as uploads
from app.withdrawals.queries import sheets as reading
from app.withdrawals.rules import sheet as rules
from tests.cards.sheets import as_csv
from tests.cards.test_pages import csrf, enters
from tests.withdrawals import sheets
from tests.withdrawals.sheets import good, row, states
from tests.world import CARD, PASSWORD, World

ONE_ENGINE = True


def posts(person: FlaskClient, path: str, **sent: Any) -> TestResponse:
    return person.post(path, data={"csrf_token": csrf(person), **sent})


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"(?: type="hidden")? value="([^"]+)"', page)
    assert found, name
    return found[1]


def test_from_the_file_to_the_approved_sheet(world: World) -> None:
    account = sheets.account(world)
    maker = enters(world, "maker")
    page = maker.get(f"/withdrawal-uploads/new?account={account}").text
    assert "下载 .xlsx 模版" in page and "业务编号" in page
    fence, form_key = hidden(page, "fence"), hidden(page, "form_key")
    content = as_csv([row("10.00", own="A-1"), row("20.50"), row("1.005", memo="坏")], sheets.HEADER)
    sent = {"account": account, "fence": fence, "form_key": form_key}
    answers = [
        posts(maker, "/withdrawal-uploads/", **sent, file=(io.BytesIO(content), "十一月.csv")) for _time in range(2)
    ]
    assert {it.status_code for it in answers} == {303}
    assert len({it.headers["Location"] for it in answers}) == 1, "one form is one upload"
    address = answers[0].headers["Location"]
    jobs.drain(Line.SHEETS)
    page = maker.get(address).text
    assert CARD not in page and mask(CARD) in page
    assert "2 笔" in page and "生成 2 笔提现" in page and "控制总数" in page

    wrong = posts(maker, f"{address}/confirm", fence=fence, count="2", amount="30.51")
    assert wrong.status_code == 409 and "两者不一致" in wrong.text and "¥30.51" in wrong.text and "¥30.50" in wrong.text
    whole = posts(maker, f"{address}/confirm", fence=fence, count="3", amount="31.50")
    assert (
        whole.status_code == 409 and "您输入的是整个文件的 3 笔" in whole.text and "输入其余 2 笔的合计" in whole.text
    )
    untyped = posts(maker, f"{address}/confirm", fence=fence, count="", amount="")
    assert untyped.status_code == 422 and "请输入笔数" in untyped.text and "请输入合计金额" in untyped.text
    for spoilt in ("30.505", "-30.50", "3e1", "三十"):
        assert posts(maker, f"{address}/confirm", fence=fence, count="2", amount=spoilt).status_code == 422
    made = posts(maker, f"{address}/confirm", fence=fence, count="2", amount="30.50")
    assert made.status_code == 303
    sheet = made.headers["Location"]
    reference = sheet.rpartition("/")[2]
    assert posts(maker, f"{address}/confirm", fence=fence, count="2", amount="30.50").headers["Location"] == sheet
    assert maker.get(address).headers["Location"] == sheet
    part = maker.get(address, headers={"HX-Request": "true", "HX-Target": "section#upload_now"})
    assert (part.status_code, part.text, part.headers["HX-Redirect"]) == (200, "", sheet), "no page inside a region"
    world.until(lambda: sheets.sheet(reference).state == "finished")

    own = maker.get(sheet).text
    assert "整批通过" not in own and "撤回待审批的 2 笔" in own
    checker = enters(world, "checker")
    page = checker.get(sheet).text
    assert "整批通过 2 笔 ¥30.50" in page and "撤回待审批" not in page and CARD not in page
    seen = hidden(page, "seen")
    assert posts(checker, f"{sheet}/reject", seen=seen, reason="").status_code == 422
    assert posts(checker, f"{sheet}/approve", seen=seen).status_code == 303
    assert posts(checker, f"{sheet}/approve", seen=seen).status_code == 409
    world.until(lambda: states(reference) == {"paid": 2})
    page = checker.get(sheet).text
    assert "2 笔已办" in page and "成功" in page
    listed = checker.get(f"/withdrawals/?sheet={reference}").text
    assert all(str(line.number) in listed for line in sheets.lines(reference)) and "合计 2 笔" in listed
    one = checker.get(f"/withdrawals/{sheets.lines(reference)[0].number}").text
    assert sheet in one
    assert reference in checker.get("/withdrawal-sheets/").text
    world.all_is_well()


def test_approving_a_sheet_asks_who_one_is(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), good(2))
    checker = enters(world, "checker")
    world.ahead += timedelta(minutes=6)
    answer = posts(checker, f"/withdrawal-sheets/{reference}/approve", seen=sheets.seen(reference))
    assert "密码" in answer.text and reading.orders(sheets.sheet(reference).id) == []


def test_after_the_password_one_stands_where_the_result_is(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), good(1))
    sheet = f"/withdrawal-sheets/{reference}"
    world.until(lambda: "下载结果表" in enters(world, "checker").get(sheet).text)
    checker = enters(world, "checker")
    world.ahead += timedelta(minutes=6)
    asked = checker.get(f"{sheet}/result.xlsx").headers["Location"]
    assert asked.startswith("/proof?") and "result.xlsx" not in asked
    proof = checker.get(asked).text
    sent = {"next": hidden(proof, "next"), "file": hidden(proof, "file"), "proof_secret": PASSWORD}
    proved = posts(checker, "/proof", **sent)
    assert (proved.status_code, proved.headers["Location"]) == (303, sheet)
    assert "五分钟内可以下载" in checker.get(sheet).text
    assert checker.get(f"{sheet}/result.xlsx", buffered=True).status_code == 200


def test_a_reason_that_was_refused_stays_on_the_page(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), good(2))
    checker = enters(world, "checker")
    page = posts(checker, f"/withdrawal-sheets/{reference}/reject", seen=sheets.seen(reference), reason="错")
    assert page.status_code == 422 and 'value="错"' in page.text
    region = re.search(r'<section id="sheet_now"[^>]*>', page.text)
    assert region and "hx-" not in region[0]
    assert f'href="/withdrawal-sheets/{reference}?size=20"' in page.text, "the links of its rows lead to a page, too"
    region = re.search(r'<section id="sheet_now"[^>]*>', checker.get(f"/withdrawal-sheets/{reference}").text)
    assert region and "withdrawals from:body" not in region[0], "not with everything that moves in the house"


@pytest.mark.parametrize("seen", ["", "1.2.3", "2.2000." + "g" * 64, "x"])
def test_what_no_page_of_ours_sends_decides_nothing(world: World, seen: str) -> None:
    reference = sheets.finished(world, sheets.account(world), good(2))
    checker = enters(world, "checker")
    posts(checker, f"/withdrawal-sheets/{reference}/approve", seen=seen)
    assert reading.orders(sheets.sheet(reference).id) == []


def test_a_page_region_is_asked_for_again_by_its_own_address_after_a_refusal(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, good(1))
    maker = enters(world, "maker")
    page = posts(maker, f"/withdrawal-uploads/{upload}/confirm", fence="1", count="9", amount="1").text
    assert f'hx-get="/withdrawal-uploads/{upload}"' in page
    assert uploads.upload(upload).state == "checked"


def test_empty_sheets_to_fill_in_are_taken_as_they_are_but_for_the_example(world: World) -> None:
    account = sheets.account(world)
    for kind in ("xlsx", "csv"):
        content = enters(world, "maker").get(f"/withdrawal-uploads/sheet.{kind}").data
        world.maker = world.signed_in("maker")
        upload = sheets.received_file(world, account, content, f"模版.{kind}")
        assert uploads.upload(upload).state == "checked"
        assert sheets.said(upload) == {2: [("number", rules.NOT_BOUND)]}
