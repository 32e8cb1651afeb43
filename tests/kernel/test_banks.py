"""Banks: found by what people write, and not by what merely resembles it."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.kernel import banks
from app.kernel.banks import Named

WRITTEN = {
    "中国工商银行": "ICBC",
    "工商银行": "ICBC",
    "工行": "ICBC",
    "ICBC": "ICBC",
    "icbc": "ICBC",
    "ＩＣＢＣ": "ICBC",
    "中国工商银行股份有限公司": "ICBC",
    " 中国 工商\u3000银行\u200b ": "ICBC",
    "农行": "ABC",
    "中行": "BOC",
    "建行": "CCB",
    "交行": "COMM",
    "中国交通银行": "COMM",
    "邮政储蓄": "PSBC",
    "邮储银行": "PSBC",
    "中国邮政储蓄银行有限责任公司": "PSBC",
    "招行": "CMB",
    "中信": "CITIC",
    "光大银行": "CEB",
    "民生银行": "CMBC",
    "浦发": "SPDB",
    "上海浦东发展银行股份有限公司": "SPDB",
    "广发银行": "GDB",
    "广东发展银行": "GDB",
    "深圳发展银行": "SPABANK",
    "浙商银行": "CZBANK",
    "杭州银行": "HZCB",
    "杭州市商业银行": "HZCB",
    "上海农商银行": "SHRCB",
    "常熟市农村商业银行": "CSRCB",
    "广东农信": None,
    "广东省农信": "GDRCC",
    "汇丰银行（中国）有限公司": "HSBC",
    "渣打银行(中国)": "SCB",
    "中国银行（香港）有限公司": "bochk",
    "微众银行": "webank",
    # renamed and merged since the lists of card prefixes were made
    "南昌银行": "NCB",
    "洛阳银行": "zhongyuan",
    "华融湘江银行": "HRXJB",
    "苏州市商业银行": "JSBANK",
    "苏州银行": "BOSZ",
}

BRANCHES = {
    "中国工商银行深圳分行": ("ICBC", "深圳分行"),
    "工行深圳南山支行": ("ICBC", "深圳南山支行"),
    "中国工商银行股份有限公司深圳南山支行": ("ICBC", "深圳南山支行"),
    "中国工商银行（深圳南山支行）": ("ICBC", "深圳南山支行"),
    "中国银行澳门分行": ("BOC", "澳门分行"),
    "中国建设银行总行": ("CCB", "总行"),
    "招商银行信用卡中心": ("CMB", "信用卡中心"),
    "浦发深圳分行": ("SPDB", "深圳分行"),
    "平安银行总行营业部": ("SPABANK", "总行营业部"),
    "中信银行国际深圳分行": ("citic-international", "深圳分行"),
    "中国农业发展银行广东省分行": ("adbc", "广东省分行"),
    "徽商银行合肥分行": ("HSBANK", "合肥分行"),
}

NOBODYS = [
    "", " ", "银行", "行", "不知道", "中国", "股份有限公司", "深圳分行", "中国银行业协会", "中国工商银行深圳",
    "平安证券深圳营业部", "平安保险", "中信证券股份有限公司深圳分公司", "兴业证券深圳营业部",
    "中国人民银行营业管理部", "中国银行(香港)支付", "工商局", "X行",
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), WRITTEN.items())
def test_a_bank_is_found_by_what_people_call_it(text: str, code: str | None) -> None:
    bank = banks.find(text)
    assert (bank.code if bank else None) == code


@pytest.mark.parametrize(("text", "told"), BRANCHES.items())
def test_a_branch_is_told_beside_its_bank(text: str, told: tuple[str, str]) -> None:
    named = banks.read(text)
    assert named and (named.bank.code, named.branch) == told


@pytest.mark.parametrize("text", NOBODYS)
def test_what_merely_resembles_a_bank_is_nobodys(text: str) -> None:
    assert banks.find(text) is None


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ("工行", "中国工商银行股份有限公司", True),
        ("工行深圳分行", "ICBC", True),
        ("深圳发展银行", "平安银行", True),
        ("工行", "建行", False),
        ("中国银行", "中国银行(香港)", False),
        ("某某银行", "某某银行有限公司", True),
        ("某某银行", "某某二银行", False),
        ("工行", "某某银行", False),
        ("", "", False),
    ],
)
def test_two_names_of_one_bank_are_the_same(one: str, other: str, are: bool) -> None:
    assert banks.same(one, other) is are
    assert banks.same(other, one) is are


@pytest.mark.parametrize("bank", banks.every(), ids=str)
def test_every_bank_is_found_by_its_own_name_with_and_without_company_and_branch(bank: banks.Bank) -> None:
    for text in (bank.name, f"{bank.name}股份有限公司", bank.name.replace("(", "（").replace(")", "）")):
        assert banks.read(text) == Named(bank)
    assert banks.read(f"{bank.name}某某支行") == Named(bank, "某某支行")
    assert banks.by_code(bank.code) is bank


def test_a_class_is_told_only_where_it_is_one_banks() -> None:
    classes = ["102", "103", "104", "105", "301", "306", "308", "403", "313", "314", "402", "320", "999"]
    told = {it: banks.of_class(it) for it in classes}
    assert {it: bank.code for it, bank in told.items() if bank} == {
        "102": "ICBC",
        "103": "ABC",
        "104": "BOC",
        "105": "CCB",
        "301": "COMM",
        "306": "GDB",
        "308": "CMB",
        "403": "PSBC",
    }
    assert all(len(bank.bank_class) == 3 and bank.bank_class.isdigit() for bank in banks.every() if bank.bank_class)


@given(st.text(alphabet="中国工商银行深圳分支股份有限公司() （）ICBC·\u200b", max_size=30))
def test_reading_any_text_is_harmless_and_says_the_same_of_it_without_blanks(text: str) -> None:
    assert banks.read(text) == banks.read(f" {text}\u3000") == banks.read("\u200b".join(text))
