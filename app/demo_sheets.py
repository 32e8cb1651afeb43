"""The demo's binding templates, and sheets as people send them, of cards and of withdrawals: half of their rows are wrong
somewhere."""

import csv
from pathlib import Path

from app.cards.rules import ACCOUNT_TYPE
from app.kernel.cells import Column, Kind
from app.runtime import sheet
from app.withdrawals.rules.sheet import COLUMNS

TEMPLATES = (
    (
        "dolphin",
        "海豚支付要求区分对私与对公，对公须填支行与联行号",
        (
            Column(
                key=ACCOUNT_TYPE, title="账户类型", kind=Kind.ACCOUNT_TYPE, aliases=("公私标志",), example="对私",
                note="不填按对私",
            ),
            Column(key="branch", title="支行名称", kind=Kind.BRANCH, aliases=("开户支行",), example="深圳南山支行"),
            Column(key="cnaps", title="联行号", kind=Kind.CNAPS, example="102100099996", note="对公必填，12 位"),
        ),
    ),
    (
        "egret",
        "白鹭支付核对证件与开户地",
        (
            Column(key="id_number", title="证件号码", kind=Kind.ID_NUMBER, aliases=("身份证号",), example="11010519491231002X"),
            Column(key="province", title="开户省份", kind=Kind.PROVINCE, example="广东省"),
            Column(key="city", title="开户城市", kind=Kind.CITY, example="深圳市"),
        ),
    ),
)  # fmt: skip

_HEAD = ("卡号", "户名", "开户银行", "手机号", "备注")
_ROWS: tuple[tuple[object, ...], ...] = (
    ("6222021001116245777", "陈志强", "中国工商银行", "13800138001", ""),
    ("6217001210024455220", "林晓梅", "中国建设银行", "13800138002", "老客户"),
    ("6228480402564890067", "黄建国", "中国农业银行", "13800138003", ""),
    ("6214830100799658", "周雅婷", "招商银行", "13800138004", ""),
    ("6222021001116245777\t", "陈志强", "中国工商银行", "13800138001", "与第一行重复，还带着制表符"),
    ("６２１７００１２１００２４４５５２３８", "郑海燕", "建行", "13800138006", "全角，卡号错一位"),
    ("6228480402564890075", "", "中国农业银行", "13800138007", "没有户名"),
    ("13800138008", "孙丽", "招商银行", "6214830100799666", "卡号与手机号填反"),
    ("6222 0210 0111 6245 785", "马超", "", "+86 138-0013-8009", "没有银行，手机号带国家代码"),
    ("6217001210024455246", "何静\u200b", "中国建设银行", "13800138010", "户名后有看不见的字符"),
    ("6228480402564890083", "罗勇", "招商银行", "1380013801", "银行与卡号不符，手机号少一位"),
    ("6214830100799674", "梁敏", "招行", "13800138012", "银行写了简称"),
)

_PAYMENTS: tuple[tuple[object, ...], ...] = (
    # To the cards that the demo binds to 白鹭支付 · 门店收款.
    ("6222021001116245777", "陈志强", "1280.50", "十一月货款", "PO-1101"),
    ("6217001210024455220", "林晓梅", "860.00", "十一月货款", "PO-1102"),
    ("6228480402564890067", "黄建国", "2400.00", "运费", "PO-1103"),
    ("6214830100799658", "周雅婷", "315.20", "退款", "PO-1104"),
    ("6217001210024455220", "林晓梅", "860.00", "与第 3 行同卡同额：只提醒", "PO-1105"),
    ("6228480402564890067\t", "黄建国", "¥1,200.00", "卡号带制表符，金额带符号：医生能改", "PO-1106"),
    ("6214830100799658", "周婷", "90.00", "户名与绑定的不一致", "PO-1107"),
    ("6222021001116245785", "马超", "500.00", "这张卡没有绑定", "PO-1108"),
    ("6222021001116245777", "陈志强", "88000.00", "超过单笔限额", "PO-1109"),
    ("6217001210024455220", "林晓梅", "10.005", "三位小数", "PO-1110"),
    ("6228480402564890067", "黄建国", "75.00", "业务编号用过了", "PO-1103"),
)


def write(folder: Path) -> None:
    """Cards in .xlsx, with one that Excel made a number of, and in CSV as an old Windows saves it (GBK); withdrawals."""
    folder.mkdir(mode=0o700, exist_ok=True)
    columns = [sheet.Column(title=title, text=title != "卡号") for title in _HEAD]
    spoilt = (6222021001116245793.0, "宋佳", "中国工商银行", "13800138013", "卡号被存成了数字")
    rows = [list(row) for row in (*_ROWS, spoilt)]
    sheet.workbook(folder / "绑卡-有好有坏.xlsx", [sheet.Sheet(name="绑卡", columns=columns, rows=rows)])
    with (folder / "绑卡-有好有坏-GBK.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([_HEAD, *_ROWS])
    titles = [sheet.Column(title=column.title) for column in COLUMNS]
    sheet.workbook(folder / "提现-有好有坏.xlsx", [sheet.Sheet(name="提现", columns=titles, rows=_PAYMENTS)])
