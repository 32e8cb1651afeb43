"""Card prefixes: what two old lists say, told as a hint with its degree of certainty."""

import csv
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.kernel import banks
from app.kernel.bins import Hint, look_up
from tools import bins as tool

NO_BANKS = {"AEON信贷财务亚洲有限公司", "BC卡公司"}

# The expectations of bankcardinfo's own test.js: of each number, the bank or the kind.
THEIRS = {
    "6228108888888888": "credit",
    "624000888888888888": "ICBC",
    "370248888888888": "credit",
    "6228278888888888888": "ABC",
    "5442438888888888": "credit",
    "6222738888888888888": "BOC",
    "6253338888888888": "semi_credit",
    "5264108888888888": "CCB",
    "554403388888888888": "credit",
    "6236688888888888888": "CCB",
    "6210910002001951239": "BDCBANK",
    "6227003320240030000": "CCB",
}


def rows(file: str) -> list[dict[str, str]]:
    with (tool.BINS / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(("number", "told"), THEIRS.items())
def test_bankcardinfo_is_told_as_its_own_tests_expect(number: str, told: str) -> None:
    hint = look_up(number)
    assert told in (hint.banks[0].code, hint.kind)


@pytest.mark.parametrize(
    "number", ["6111111111111111", "1234568749", "", "test", "62270033202400375331", "4111111111111111"]
)
def test_a_number_nobody_knows_has_an_empty_hint(number: str) -> None:
    assert look_up(number) == Hint() and look_up(number).bank is None


def test_the_example_of_cardbin_is_sure() -> None:
    """FACTS §6: 6222600260001072444 = 交通银行 太平洋借记卡."""
    hint = look_up("6222600260001072444")
    assert (str(hint.bank), hint.kind, hint.agree, hint.lends) == ("交通银行", "debit", True, False)


def test_one_list_alone_is_likely_and_not_sure() -> None:
    hint = look_up("6228108888888888")
    assert str(hint.bank) == "中国邮政储蓄银行" and not hint.agree


def test_a_contradiction_is_told_with_both_banks_and_neither_is_the_one() -> None:
    hint = look_up("6228060000000000")
    assert [str(bank) for bank in hint.banks] == ["长沙银行", "中国工商银行"]
    assert hint.bank is None and not hint.agree and hint.kind == ""


def test_two_lists_that_both_say_it_lends_are_told_as_lending() -> None:
    hint = look_up("5183780000000000")  # 中国银行: 准贷记卡 says one, 信用卡 the other
    assert hint.agree and hint.kind == "semi_credit" and hint.lends


def test_the_longer_prefix_is_the_nearer() -> None:
    assert str(look_up("6224980200000000000").banks[0]) == "秦皇岛银行"
    assert str(look_up("6224980000000000000").banks[0]) == "河北银行"


@pytest.mark.parametrize("file", ["bankcardinfo.csv", "cardbin.csv"])
def test_every_row_is_told(file: str) -> None:
    """Each prefix leads to its bank, save where a longer one is nearer; its bank is known, save two that are none."""
    unknown = {row["bank"] for row in rows(file) if banks.find(row["bank"]) is None}
    assert unknown <= NO_BANKS
    for row in rows(file):
        if row["bank"] not in NO_BANKS and int(row["length"] or 16) < 20:
            number = row["prefix"].ljust(int(row["length"] or 16), "8")
            assert banks.find(row["bank"]) in look_up(number).banks, row
            assert row["kind"] in ("", "debit", "credit", "semi_credit", "prepaid")


def test_the_two_lists_agree_almost_everywhere() -> None:
    """Independent enough to check each other: of 1,106 common prefixes, twelve words contradict."""
    second = {row["prefix"]: banks.find(row["bank"]) for row in rows("cardbin.csv")}
    common = [row for row in rows("bankcardinfo.csv") if row["prefix"] in second]
    contradict = [row["prefix"] for row in common if banks.find(row["bank"]) != second[row["prefix"]]]
    assert len({row["prefix"] for row in common}) == 1106
    assert len(contradict) == 12


@given(st.text("0123456789", max_size=22))
def test_any_digits_have_a_hint_and_agreement_needs_one_bank(number: str) -> None:
    hint = look_up(number)
    assert len(hint.banks) <= 2 and len(set(hint.banks)) == len(hint.banks)
    assert not hint.agree or hint.bank
    assert hint.banks or not hint.kind


def test_a_hundred_thousand_are_told_within_a_second() -> None:
    numbers = [f"622{number % 1000:03d}{number:013d}" for number in range(100_000)]
    look_up(numbers[0])
    begin = time.process_time()
    for number in numbers:
        look_up(number)
    assert time.process_time() - begin < 1


def test_the_tables_are_the_recorded_ones() -> None:
    assert tool.problems() == []


def test_the_record_names_every_package_with_its_licence() -> None:
    record = tool.RECORD.read_text("utf-8")
    for source in tool.SOURCES:
        assert f"| `{source.file}` | {source.name} {source.version} | {source.licence} | `{source.inside}` |" in record
        assert f"## {source.name}: {source.licence}" in record
        assert len(rows(source.file)) == next(
            int(row["rows"]) for row in tool.ROW.finditer(record) if row["file"] == source.file
        )
    assert "A hint only" in record


def test_a_changed_table_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in tool.BINS.glob("*.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "cardbin.csv").write_bytes((tmp_path / "cardbin.csv").read_bytes() + b"622200,,\n")
    (tmp_path / "bankcardinfo.csv").unlink()
    (tmp_path / "stranger.csv").write_text("1")
    monkeypatch.setattr(tool, "BINS", tmp_path)
    monkeypatch.setattr(tool, "RECORD", tmp_path / "NOTICE.md")
    assert tool.problems() == [
        "stranger.csv: not in NOTICE.md",
        "bankcardinfo.csv: in NOTICE.md, but not here",
        "cardbin.csv: its SHA-384 is not the recorded one",
    ]


def test_patterns_become_prefixes_and_the_first_word_stands() -> None:
    text = """var bankcardList = [{ bankName: "甲银行", bankCode: "A", patterns: [{
        reg: /^(621096|62109)\\d{13}$/g, cardType: "DC" }, { reg: /^(628310)\\d{10}$/g, cardType: "CC" }] }, {
        bankName: "乙银行", bankCode: "B", patterns: [{ reg: /^(621096)\\d{13}$/g, cardType: "PC" }] }];
        function _getBankInfoByCardNo() {}"""
    assert tool.bankcardinfo(text) == [
        ("621096", "19", "甲银行", "debit"),
        ("62109", "18", "甲银行", "debit"),
        ("628310", "16", "甲银行", "credit"),
    ]
    with pytest.raises(SystemExit, match="3 patterns, of which 2"):
        tool.bankcardinfo(text.replace("(621096)\\d{13}", "621096\\d{13}"))


def test_a_dictionary_becomes_prefixes_and_is_never_run() -> None:
    assert tool.cardbin('BANKBIN = {"621016": "星展银行|星展银行借记卡"}') == [("621016", "", "星展银行", "debit")]
    with pytest.raises(ValueError, match="malformed"):
        tool.cardbin('BANKBIN = __import__("os").environ')


@pytest.mark.parametrize(
    ("said", "kind"),
    {
        "工商银行|牡丹灵通卡": "debit",
        "乌鲁木齐市商业银行|雪莲准贷记卡": "semi_credit",
        "中国农业银行贷记卡|IC普卡": "credit",
        "招商银行信用卡中心|VISA": "credit",
        "农业银行|福农卡贷记卡": "credit",
        "招商银行|美国运通绿卡": "",
        "邮储银行|绿卡银联标准卡": "debit",
        "交通银行|交行预付卡": "prepaid",
        "上海银行|敦煌卡": "",
    }.items(),
)
def test_a_kind_is_told_only_where_a_name_tells_it(said: str, kind: str) -> None:
    assert tool.kind_of(said) == kind
