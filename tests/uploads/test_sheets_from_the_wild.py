"""Sheets as people really have them, through the same door: each ends in a sentence on its page, none in a crash."""

import html
import io
import re
import struct
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse
from xlsxwriter import Workbook

from app.auth import service as auth
from app.cards import service
from app.channels import service as channel_service
from app.runtime.db import db
from app.uploads import queries as uploads
from app.uploads.models import Upload
from tests.auth.conftest import Browser
from tests.runtime.test_sheet_wild import ole2, zipped
from tests.uploads.test_checking import HEAD, ICBC, Desk, count, good, in_csv, number, xlsx
from tests.world import PASSWORD, World

ONE_ENGINE = True


class Window(Desk):
    """The desk, with a browser on it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        token, self.actor = auth.sign_in("maker", PASSWORD, address="10.0.0.9", user_agent="test")
        world.app.test_client_class = Browser
        self.browser: Any = world.app.test_client()
        self.browser.set_cookie("paydesk_session", token)
        channel_service.release(self.account, actor=world.maker)
        self.fence = world.claimed(self.account, self.actor)
        self.csrf = self.browser.csrf("/")

    def page(self, upload: Upload, query: str = "") -> str:
        answer = self.browser.get(f"/card-uploads/{upload.reference}{query}")
        assert answer.status_code == 200
        return text_of(answer)

    def presses(self, upload: Upload, deed: str, **form: object) -> TestResponse:
        sent = {"csrf_token": self.csrf, "fence": self.fence, **form}
        answer: TestResponse = self.browser.post(f"/card-uploads/{upload.reference}/{deed}", data=sent)
        return answer

    def uploads_by_page(self, content: bytes, filename: str) -> TestResponse:
        sent = {
            "csrf_token": self.csrf,
            "account": self.account,
            "fence": self.fence,
            "form_key": str(uuid4()),
            "file": (io.BytesIO(content), filename),
        }
        answer: TestResponse = self.browser.post("/card-uploads/", data=sent, content_type="multipart/form-data")
        return answer


def text_of(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


@pytest.fixture
def window(world: World) -> Window:
    return Window(world)


def book(write: Callable[[Any, Any], None]) -> bytes:
    into = io.BytesIO()
    made = Workbook(into, {"strings_to_numbers": False})
    write(made, made.add_worksheet("绑卡"))
    made.close()
    return into.getvalue()


def filled(page: Any, *rows: Sequence[object], above: int = 0) -> None:
    for at, cells in enumerate(rows, above):
        page.write_row(at, 0, cells)


# -- what is no sheet ---------------------------------------------------------------------------------------------------

NO_SHEETS: dict[str, tuple[bytes, str]] = {
    "照片.xlsx": (b"\x89PNG\r\n\x1a\n" + bytes(50), "这是一张图片"),
    "空.csv": (b" \r\n,,\r\n", "没有看得见的内容"),
    "空.xlsx": (xlsx(), "没有看得见的内容"),
    "加密.xlsx": (ole2(EncryptionInfo=b"x", EncryptedPackage=b"x"), "有密码保护"),
    "压缩包.xlsx": (zipped(a_xlsx=b"x"), "压缩包"),
    "网页.xls": ("<html><table><tr><td>银行卡号</td></tr></table></html>".encode(), "其实是网页"),
    "半个.xlsx": (xlsx(HEAD, good(1))[:-200], "不完整或已损坏"),
    "只有表头.xlsx": (xlsx(HEAD), "表头下面没有数据"),
    "只有表头.csv": (in_csv(HEAD, [], [" "]), "表头下面没有数据"),
    "乱码.csv": (b"\xff\xff\xfe,1\n" + struct.pack("<4H", 1, 2, 3, 4), ""),
}


def test_a_file_that_is_no_sheet_is_refused_in_a_sentence_with_an_advice(window: Window) -> None:
    sent = {name: window.sends(content, filename=name) for name, (content, _why) in NO_SHEETS.items()}
    for name, reference in sent.items():
        upload = window.looked_at(reference)
        assert upload.state == "unfit", name
        told = uploads.trouble(upload)
        assert told is not None
        page = window.page(upload)
        assert NO_SHEETS[name][1] in page and told[0] in page and told[1] in page, name
        assert "重新上传" in page and name in page
    listed = window.browser.get("/card-uploads/")
    assert listed.status_code == 200 and text_of(listed).count("无法读取") >= len(sent)


def test_an_empty_or_a_giant_file_is_refused_at_the_door(window: Window) -> None:
    empty = window.uploads_by_page(b"", "空.xlsx")
    assert empty.status_code in (409, 422) and "空" in text_of(empty)
    giant = window.uploads_by_page(b"x" * (service.uploads.LONGEST + 1), "大.csv")
    assert giant.status_code == 409 and "20 MB" in text_of(giant)
    db.session.rollback()
    assert db.session.query(Upload).count() == 0


# -- what is a sheet, somehow -------------------------------------------------------------------------------------------

THREE = (good(1), good(2), good(3))


def _with_title_rows(_made: Any, page: Any) -> None:
    page.merge_range(0, 0, 0, 3, "2026 年 11 月绑卡名单")
    page.write(1, 0, "制表：财务部")
    filled(page, HEAD, *THREE, above=3)


def _merged(_made: Any, page: Any) -> None:
    filled(page, HEAD, *THREE)
    page.merge_range(1, 2, 3, 2, ICBC)


def _hidden(_made: Any, page: Any) -> None:
    filled(page, [*HEAD, "旧卡号"], *([*it, "x"] for it in THREE), ["坏", "坏1"])
    page.set_row(4, None, None, {"hidden": True})
    page.set_column(4, 4, None, None, {"hidden": True})


def _formulas(_made: Any, page: Any) -> None:
    filled(page, HEAD, *THREE)
    for at in (1, 2, 3):
        page.write_formula(at, 2, '="中国"&"工商银行"', None, ICBC)


def _on_the_second_sheet(made: Any, page: Any) -> None:
    filled(page, ["不要看这里"])
    page.hide()
    shown = made.add_worksheet("名单")
    filled(shown, HEAD, *THREE)
    shown.activate()
    shown.set_first_sheet()


SHEETS: dict[str, tuple[bytes, str]] = {
    "国标.csv": (in_csv(HEAD, *THREE).decode("utf-8-sig").encode("gb18030"), "GB18030"),
    "制表符.tsv": ("\n".join("\t".join(map(str, it)) for it in (HEAD, *THREE)).encode(), "tsv"),
    "分号.csv": ("\n".join(";".join(map(str, it)) for it in (HEAD, *THREE)).encode(), "csv"),
    "四十列.xlsx": (
        xlsx([*(f"列{n}" for n in range(36)), *HEAD], *([*([f"值{n}" for n in range(36)]), *it] for it in THREE)),
        "不用的列",
    ),
    "标题.xlsx": (book(_with_title_rows), "全部 3 行都没有问题"),
    "合并.xlsx": (book(_merged), "全部 3 行都没有问题"),
    "隐藏.xlsx": (book(_hidden), "跳过隐藏的 1 行"),
    "公式.xlsx": (book(_formulas), "3 个公式"),
    "第二张.xlsx": (book(_on_the_second_sheet), "名单"),
    "没有扩展名": (xlsx(HEAD, *THREE), "xlsx"),
    "名字不对.csv": (xlsx(HEAD, *THREE), "xlsx"),
    "带标记的表头.xlsx": (xlsx(["*银行卡号（必填）", " 开户人", "开户行：", "手机号"], *THREE), "全部 3 行都没有问题"),
}


def test_a_sheet_that_can_be_understood_is_understood(window: Window) -> None:
    sent = {name: window.sends(content, filename=name) for name, (content, _says) in SHEETS.items()}
    for name, reference in sent.items():
        upload = window.looked_at(reference)
        assert (upload.state, count(upload)) == ("checked", 3), name
        page = window.page(upload)
        assert SHEETS[name][1] in page and "绑定 3 张卡" in page and name in page, name
        assert number(1) not in page and "王小明" in window.page(upload, "?show=all")


def test_cards_that_excel_has_spoilt_are_refused_and_trailing_tabs_are_offered_to_go(window: Window) -> None:
    spoilt = window.check(xlsx(HEAD, [float(number(1)), "王小明", ICBC], [int(number(2)) // 1000, "李雷", ICBC]))
    assert count(spoilt) == 0
    page = window.page(spoilt)
    assert "第 16 到 19 位已经变成别的数字" in page and "没有可以提交的行" in page
    as_text = window.check(in_csv(HEAD, ["6.22202E+18", "王小明", ICBC]))
    assert "科学计数法" in window.page(as_text)
    tabs = window.check(in_csv(HEAD, *([f"{number(n)}\t", "王小明\t", f"{ICBC}\t"] for n in range(3))))
    assert count(tabs) == 0
    page = window.page(tabs)
    assert "去掉多余的空格、制表符、换行" in page and "⇥" in page and number(1) not in page
    assert window.presses(tabs, "accept", pattern="*").status_code == 303
    tabs = window.now(tabs.reference)
    assert count(tabs) == 3 and "绑定 3 张卡" in window.page(tabs)


NO_TELLING: list[tuple[bytes, str]] = [
    (xlsx([*HEAD, "银行卡号"], [*good(1), number(2)]), "表头重复：银行卡号"),
    (xlsx(["帐号", "姓名", "银行"], good(1)[:3]), "请指定哪一列是什么"),
    (xlsx(["a", "b", "c"], good(1)[:3]), "没有找到必填的列：银行卡号、开户人、开户行"),
    (xlsx(good(1)[:3], good(2)[:3]), "没有找到必填的列：银行卡号、开户人、开户行"),
]


def test_where_the_header_does_not_tell_people_are_asked(window: Window) -> None:
    sent = [(window.sends(content), says) for content, says in NO_TELLING]
    for reference, says in sent:
        upload = window.looked_at(reference)
        page = window.page(upload)
        assert upload.state == "unsure" and says in page and number(1) not in page and "王小明" not in page
        assert window.presses(upload, "columns", c_number="0", c_holder="1", c_bank="2").status_code == 303
    for reference, _says in sent:
        upload = window.looked_at(reference)
        assert upload.state == "checked" and count(upload) == upload.rows_read > 0
        assert "请指定" not in window.page(upload)


def test_an_answer_that_leaves_something_open_is_asked_for_again(window: Window) -> None:
    upload = window.check(NO_TELLING[2][0])
    assert window.presses(upload, "columns", c_number="0", c_holder="1").status_code == 422
    assert window.presses(upload, "columns", c_number="0", c_holder="1", c_bank="99").status_code == 422
    twice = window.presses(upload, "columns", c_number="0", c_holder="1", c_bank="1")
    assert twice.status_code == 409 and "同一列不能对应两项" in text_of(twice)
    assert window.now(upload.reference).state == "unsure"


def test_a_number_in_the_wrong_column_is_not_shown_whole(window: Window) -> None:
    id_number = "11010519491231002X"
    upload = window.check(
        xlsx(HEAD, ["王小明", number(1), ICBC], [number(2), "李雷", number(3)], [number(4), id_number, "13912345678"])
    )
    for query in ("", "?show=all", "?show=faulty", "?row=2", "?row=3"):
        page = window.page(upload, query)
        for secret in (number(1), number(2), number(3), number(4), id_number, "13912345678"):
            assert secret not in page, query
    assert "两列填反了，互换" in window.page(upload)


ODD_QUERIES = [
    "?row=0",
    "?row=99999999",
    "?row=²",
    "?show=x",
    "?show=all&after=1",
    "?after=99",
    "?fault=7",
    "?show=warned",
]


def test_any_address_of_the_page_is_answered(window: Window) -> None:
    upload = window.check(xlsx(HEAD, good(1), [f"{number(2)}\t", "李雷", ICBC], ["坏", "李雷", ICBC]))
    for query in ODD_QUERIES:
        window.page(upload, query)
    for unknown in ("U0", "%00"):
        assert window.browser.get(f"/card-uploads/{unknown}").status_code == 404


def test_thrown_away_and_erased_sheets_have_a_page_too(window: Window) -> None:
    reference = window.check(xlsx(HEAD, good(1))).reference
    assert window.presses(window.now(reference), "discard").status_code == 303
    assert "这次上传已放弃" in window.page(window.now(reference))
    window.world.ahead += timedelta(days=4)
    service.uploads.erase_old()
    token, _actor = auth.sign_in("maker", PASSWORD, address="10.0.0.9", user_agent="test")
    window.browser.set_cookie("paydesk_session", token)
    assert "内容已按期清除" in window.page(window.now(reference))
