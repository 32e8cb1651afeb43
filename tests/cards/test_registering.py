"""批量登记: a sheet of payees for a channel that binds none and pays to more than bank cards."""

from collections.abc import Iterator

import pytest

from app.cards import queries, service
from app.kernel.payee import Payee
from app.uploads import queries as uploads
from app.withdrawals import service as withdrawals
from tests.cards import sheets
from tests.payees import LOGIN, OPENID, USER, Alipay, at_alipay
from tests.withdrawals import sheets as payments
from tests.world import CARD, World

HEADER = ("支付宝账号", "姓名", "银行", "账户类型")
COMPANY = "finance@example.com"


@pytest.fixture
def alipay(world: World) -> Iterator[Alipay]:
    with at_alipay(world) as alipay:
        yield alipay


def received(alipay: Alipay, *rows: sheets.Row) -> str:
    return sheets.received(alipay.world, alipay.number, sheets.as_csv(rows, HEADER))


def test_a_companys_account_at_a_bank_wants_its_branch_before_it_is_registered(alipay: Alipay) -> None:
    rows = [
        ("4100022109000123456", "云栖货运有限公司", "中国工商银行", "对公", cnaps) for cnaps in ("", "102100099996")
    ]
    upload = sheets.received(alipay.world, alipay.number, sheets.as_csv(rows[:1], (*HEADER, "联行号")))
    assert {row: key for row, ((key, _said),) in payments.said(upload).items()} == {2: "account_type"}
    upload = sheets.received(alipay.world, alipay.number, sheets.as_csv(rows[1:], (*HEADER, "联行号")))
    assert payments.said(upload) == {}


def test_a_sheet_of_payees_is_registered_and_paid_by_a_sheet(alipay: Alipay) -> None:
    world = alipay.world
    upload = received(
        alipay,
        (LOGIN, "张三", "", ""),
        (USER, "李四", "", "对私"),
        (COMPANY, "云栖（杭州）有限公司", "", "对公"),
        ("6222 0210 0111 6245 777", "王五", "中国工商银行", ""),
    )
    assert payments.said(upload) == {}
    service.uploads.accept(upload, ["number:separator"], fence=world.claimed(alipay.number), actor=world.maker)
    run = sheets.confirmed(world, alipay.number, upload)
    world.until(lambda: sheets.run(run).state == "finished")
    assert sheets.told(run)["bound"] == 4
    kinds = {row.number_masked: row.payee for row in queries.bound_to(alipay.account_id)}
    assert kinds == {
        "z****@example.com": Payee.ALIPAY_LOGIN,
        "208****5135": Payee.ALIPAY_USER,
        "f****@example.com": Payee.ALIPAY_LOGIN,
        "6222 02** **** 5777": Payee.BANK_CARD,
    }
    by_reference = queries.by_number(alipay.account_id, queries.index_of(USER))
    assert by_reference is not None
    paid = payments.received_file(
        world,
        alipay.number,
        sheets.as_csv(
            [
                (LOGIN.upper(), "张三", "10.00", "", "A1"),
                (by_reference.reference.lower(), "李四", "20.00", "", "A2"),
                (CARD, "王五", "30.00", "", "A3"),
                (USER, "李四", "20.00", "", "A4"),
                (OPENID, "赵六", "1.00", "", "A5"),
                (LOGIN, "张五", "2.00", "", "A6"),
                ("K20260101ABCDEFGHJK", "钱七", "3.00", "", "A7"),
            ],
            ("收款账号", "开户人", "金额", "备注", "业务编号"),
        ),
        "提现.csv",
    )
    assert {row: faults[0][0] for row, faults in payments.said(paid).items()} == {6: "number", 7: "holder", 8: "number"}
    found = [it for block in uploads.blocks(uploads.upload(paid)) for it in block]
    (twin,) = [fault for it in found if it.row == 5 for fault in it.verdict.warnings]
    assert twin.values == {"row": 3}, "a payee and its reference are the same payee"
    patterns = [fix.pattern for it in found for fix in it.verdict.fixes]
    assert patterns == ["number:case"]
    withdrawals.sheets.DESK.accept(paid, patterns, fence=world.claimed(alipay.number), actor=world.maker)
    sheet = payments.confirmed(world, alipay.number, paid)
    world.until(lambda: payments.sheet(sheet).state == "finished")
    assert payments.told(sheet) == ("finished", 4, 0)
    payments.ordered(world, sheet, "approve")
    alipay.bank.fate = "SUCCESS"
    world.until(lambda: payments.states(sheet) == {"paid": 4}, hurry_s=30)
    sent = {it["payee_info"]["identity"]: it["payee_info"]["identity_type"] for it in alipay.bank.transfers.values()}
    assert sent == {LOGIN: "ALIPAY_LOGON_ID", USER: "ALIPAY_USER_ID", CARD: "BANKCARD_ACCOUNT"}


def test_what_cannot_be_registered_is_said_at_its_row(alipay: Alipay) -> None:
    alipay.payee()
    upload = received(
        alipay,
        (LOGIN, "欧阳春晓", "", ""),
        (OPENID, "李四", "", ""),
        (CARD, "王五", "", ""),
        ("13800138000", "云栖网络", "", "对公"),
        ("zhang san", "张三", "", ""),
        ("K20260101ABCDEFGHJK", "张三", "", ""),
        (USER, "张三", "", ""),
        (USER, "张三", "", ""),
    )
    said = {row: [(key, text) for key, text in faults] for row, faults in payments.said(upload).items()}
    assert {row: faults[0][0] for row, faults in said.items()} == {
        2: "number", 3: "number", 4: "bank", 5: "bank", 6: "number", 7: "number", 9: "number",
    }  # fmt: skip
    assert "不能付到" in said[3][0][1] and "开户行" in said[4][0][1]
    shown = str(said)
    assert LOGIN not in shown and OPENID not in shown
