"""What a cell of a sheet may hold, and how it is read: by its column's kind, with the repairs that would make it right.

Nothing is repaired here: `read` says what a cell would be and which repairs that takes, and people accept them, never the
program. A number in a card's cell has lost its last digits for good (Excel keeps fifteen): it is refused with the digits named.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from app.kernel import banks, bins, clock, cnaps, id_number, payee, phone, regions
from app.kernel.bank_card import BankCard, has_card_number, passes_luhn
from app.kernel.errors import Malformed, Text, gettext_noop
from app.kernel.money import Money
from app.kernel.written import ACCOUNT_TYPES, DATE, MONEY_MARKS, PRIVATE

Cell: TypeAlias = str | int | float | bool | Mapping[str, Any] | None
"""From a reader: text as it stands, a number as a number, {"date": …}, {"error": …}, {"formula": True}; None is empty."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    CARD = "card"
    NAME = "name"
    ACCOUNT_TYPE = "account_type"
    ID_NUMBER = "id_number"
    PHONE = "phone"
    BANK = "bank"
    BRANCH = "branch"
    CNAPS = "cnaps"
    PROVINCE = "province"
    CITY = "city"
    CHOICE = "choice"
    DATE = "date"
    AMOUNT = "amount"
    PAYEE = "payee"
    """A card's number, what names any other account, or the reference under which it is registered here."""
    REFERENCE = "reference"
    """What somebody calls it in their own books: digits in it are no card's, unless they begin as one."""


KINDS: dict[Kind, Text] = {
    Kind.CARD: gettext_noop("银行卡号"),
    Kind.PAYEE: gettext_noop("收款账号"),
    Kind.NAME: gettext_noop("户名"),
    Kind.ACCOUNT_TYPE: gettext_noop("账户类型（对私、对公）"),
    Kind.BANK: gettext_noop("银行"),
    Kind.BRANCH: gettext_noop("支行"),
    Kind.CNAPS: gettext_noop("联行号"),
    Kind.PROVINCE: gettext_noop("省"),
    Kind.CITY: gettext_noop("市"),
    Kind.ID_NUMBER: gettext_noop("证件号码"),
    Kind.PHONE: gettext_noop("手机号"),
    Kind.TEXT: gettext_noop("文本"),
    Kind.CHOICE: gettext_noop("选项"),
    Kind.DATE: gettext_noop("日期"),
    Kind.AMOUNT: gettext_noop("金额"),
    Kind.REFERENCE: gettext_noop("编号"),
}

REPAIRS: dict[str, Text] = {
    "quote": gettext_noop("去掉开头的单引号"),
    "invisible": gettext_noop("去掉看不见的字符"),
    "space": gettext_noop("去掉多余的空格、制表符、换行"),
    "separator": gettext_noop("去掉号码中间的空格与横线"),
    "width": gettext_noop("全角改为半角"),
    "digits": gettext_noop("其他文字的数字改为 0–9"),
    "case": gettext_noop("字母改为大写"),
    "prefix": gettext_noop("去掉 +86 等国家代码"),
    "zero": gettext_noop("补上开头丢掉的 0"),
    "bank_name": gettext_noop("银行简称改为全称"),
    "bank_bin": gettext_noop("按卡号前几位（BIN）填上银行"),
    "choice": gettext_noop("改为标准写法"),
    "date": gettext_noop("日期改为 2026-11-21 的写法"),
    "amount": gettext_noop("去掉金额里的货币符号与千分位"),
    "swap": gettext_noop("两列填反了，互换"),
    "split": gettext_noop("省市写在一格，拆成两列"),
}
"""What the doctor may offer to do, in words."""

_NUMBERS = frozenset({Kind.CARD, Kind.PAYEE, Kind.ID_NUMBER, Kind.PHONE, Kind.CNAPS, Kind.AMOUNT, Kind.DATE})
LONGEST = {Kind.NAME: 60, Kind.BANK: 60, Kind.BRANCH: 80, Kind.CITY: 30, Kind.TEXT: 200, Kind.CHOICE: 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a template. `pattern` is a plain regular expression over the whole repaired text; lengths in letters."""

    key: str
    title: str
    kind: Kind
    required: bool = False
    aliases: tuple[str, ...] = ()
    pattern: str = ""
    shortest: int = 0
    longest: int = 0
    choices: tuple[str, ...] = ()
    example: str = ""
    note: str = ""


class Read(NamedTuple):
    """One cell, read: its text after the repairs `codes`, or why not."""

    text: str
    codes: tuple[str, ...] = ()
    fault: Text | None = None
    optional: bool = False


def plain(cell: Cell) -> str:
    """A cell as people would write it."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        if abs(cell) >= 2**53:
            return f"{cell:.5E}"  # as Excel shows it; more digits than these are not there
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return str(cell.get("date") or cell.get("time") or cell.get("error") or "")


# Repairs of form

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
)
_SPACES = re.compile(r"\s+")
_BETWEEN_CHINESE = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_DASHES = re.compile(r"[\s\-‐-―－]+")
_WIDE = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}


def tidy(text: str, kind: Kind) -> tuple[str, tuple[str, ...]]:
    """The text without what should not be in it, and the names of the repairs that took."""
    codes = []

    def step(code: str, after: str) -> None:
        nonlocal text
        if after != text:
            codes.append(code)
            text = after

    numbers = kind in _NUMBERS
    if numbers and text.startswith("'"):
        step("quote", text[1:])
    step("invisible", _INVISIBLE.sub("", text))
    step("space", text.strip())
    if not numbers:
        step("space", _SPACES.sub(" ", _BETWEEN_CHINESE.sub("", text)))
        if not text.isascii():
            step("width", text.translate(_WIDE))
        return text, tuple(dict.fromkeys(codes))
    if not text.isascii():
        step("width", unicodedata.normalize("NFKC", text))
        step("space", text.strip())  # some letters are a blank and a mark, once taken apart
        step("digits", "".join(_as_digit(letter) for letter in text))
    if kind in (Kind.CARD, Kind.ID_NUMBER, Kind.CNAPS):
        step("separator", _DASHES.sub("", text))
        if not text.isascii():
            step("width", unicodedata.normalize("NFKC", text))  # a mark has found another letter
    return text, tuple(dict.fromkeys(codes))


def _as_digit(letter: str) -> str:
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)


# Numbers, dates, errors

_FIFTEEN = 15
"""Digits that a number of Excel keeps."""


def read_number(column: Column, cell: Cell) -> Read | None:
    """What is no text. None: go on with it as the text that `plain` makes of it."""
    if isinstance(cell, Mapping):
        if "error" in cell:
            return Read("", fault=Text("单元格是错误值 %(error)s", error=str(cell["error"])[:20]))
        if "formula" in cell:
            return Read("", fault=Text("单元格是没有结果的公式，请粘贴为数值"))
        if column.kind in (Kind.DATE, Kind.TEXT) and "date" in cell:
            return None
        return Read("", fault=Text("单元格是日期，这一列不能填日期"))
    if isinstance(cell, bool) and column.kind not in (Kind.TEXT, Kind.CHOICE):
        return Read("", fault=Text("单元格是真假值（TRUE、FALSE），这一列不能这样填"))
    if column.kind in (Kind.CARD, Kind.ID_NUMBER) and isinstance(cell, int | float):
        return Read("", fault=_digits_lost(cell))
    if column.kind in (Kind.REFERENCE, Kind.PAYEE) and isinstance(cell, int | float) and abs(cell) >= 10**_FIFTEEN:
        return Read("", fault=_digits_lost(cell))
    return None


def _digits_lost(number: float) -> Text:
    count = len(str(int(abs(number)))) if number == number and abs(number) < 1e30 else 0
    if count == _FIFTEEN + 1:
        return Text("Excel 把它存成了数字，最后一位已经变成别的数字，找不回来；请把这一列设为文本后重新填写")
    if count > _FIFTEEN:
        return Text(
            "Excel 把它存成了数字，第 %(first)d 到 %(last)d 位已经变成别的数字，找不回来；请把这一列设为文本后重新填写",
            first=_FIFTEEN + 1,
            last=count,
        )
    return Text("单元格是数字格式，开头的 0 可能已丢失；请把这一列设为文本后重新填写")


# Kinds

_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]{1,2}", re.I)
_LOST = gettext_noop("是科学计数法，后面的数字已丢失，找不回来；请把这一列设为文本后重新填写")
_PRIVATE_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[·•．. '’-])+")
_TWO_LETTERS = re.compile(r"(?:.*[^\W\d_]){2}", re.S)
_BRACKETS = str.maketrans("", "", "().")
_FORM = gettext_noop("与模版要求的格式不符，例如 %(example)s")
_CHINESE_NAME = re.compile(r"[\u4e00-\u9fff]{2,20}")


def quick(column: Column) -> Callable[[str], object] | None:
    """Says yes to what is certainly right as it stands, in a microsecond; a no means: look closely."""
    if column.pattern or column.shortest or column.longest:
        return None
    match column.kind:
        case Kind.CARD:
            return lambda text: text.isascii() and text.isdigit() and 12 <= len(text) <= 19 and passes_luhn(text)
        case Kind.NAME:
            return _CHINESE_NAME.fullmatch
        case Kind.ACCOUNT_TYPE:
            return PRIVATE.__eq__
        case Kind.BANK:
            return _official
        case Kind.PHONE:
            return re.compile(r"1[3-9][0-9]{9}", re.ASCII).fullmatch
        case Kind.TEXT | Kind.CITY | Kind.BRANCH | Kind.REFERENCE:
            return _CHINESE_NAME.fullmatch
        case _:
            return None


@lru_cache(maxsize=4096)
def _official(text: str) -> bool:
    bank = banks.find(text)
    return bank is not None and bank.name == text


def parse(column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> Read:
    try:
        return _PARSERS[column.kind](column, text, codes, corporate)
    except Malformed as problem:
        return Read(text, fault=problem.text)


def _card(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> Read:
    if _SCIENTIFIC.fullmatch(text):
        return Read("", fault=_LOST)
    return Read((BankCard.parse_corporate if corporate else BankCard.parse)(text).number, codes)


def _payee(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> Read:
    if _SCIENTIFIC.fullmatch(text):
        return Read("", fault=_LOST)
    if payee.is_reference(text):
        return Read(text.upper(), codes if text.isupper() else (*codes, "case"))
    number = payee.read(text, corporate=corporate).number
    return Read(number, codes if number == text else (*codes, "separator"))


def _name(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> Read:
    right = _TWO_LETTERS.match(text) if corporate else _PRIVATE_NAME.fullmatch(text)
    if right is None:
        return Read(text, fault=Text("不像户名：对私户名不含数字与符号，至少两个字"))
    return _text(_column, text, codes, corporate)


def _account_type(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    found = ACCOUNT_TYPES.get(text.lower())
    if found is None:
        return Read(text, fault=Text("只能填“对私”或“对公”"))
    return Read(found, codes if found == text else (*codes, "choice"))


def _id(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> Read:
    if _SCIENTIFIC.fullmatch(text):
        return Read("", fault=_LOST)
    upper = text.upper()
    codes = codes if upper == text else (*codes, "case")
    return Read((id_number.parse_company if corporate else id_number.parse)(upper), codes)


def _phone(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    repaired = phone.repaired(text)
    if repaired is not None and repaired != text:
        bare = _DASHES.sub("", text).translate(_BRACKETS)
        parted = ("separator",) if bare != text else ()
        return Read(repaired, (*codes, *parted, *(("prefix",) if bare != repaired else ())))
    return Read(phone.parse(text), codes)


def _bank(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    if _TWO_LETTERS.match(text) is None:
        return Read(text, fault=Text("不像银行名称"))
    if has_card_number(text):
        return _text(_column, text, codes, _corporate)
    named = banks.read(text)
    if named is not None and named.bank.name != text and not named.branch:
        # As written it may be what the channel knows: the full name is an offer, unless the text must be repaired anyway.
        return Read(named.bank.name, (*codes, "bank_name"), optional=not codes)
    return Read(text, codes)


def _branch(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    if _TWO_LETTERS.match(text) is None:
        return Read(text, fault=Text("不像支行名称"))
    return _text(_column, text, codes, _corporate)


def _cnaps(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    padded = cnaps.padded(text)
    if padded is not None and padded != text:
        return Read(padded, (*codes, "zero"))
    return Read(cnaps.Cnaps.parse(text).number, codes)


def _province(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    found = regions.province(text)
    if found is None:
        return Read(text, fault=Text("不是省、自治区、直辖市的名称"))
    return Read(found, codes if found == text else (*codes, "choice"))


def _choice(column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    found = next((one for one in column.choices if tidy(one, Kind.CHOICE)[0].lower() == text.lower()), None)
    if found is None:
        return Read(text, fault=Text("只能填：%(choices)s", choices="、".join(column.choices)[:120]))
    return Read(found, codes if found == text else (*codes, "choice"))


def _date(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    right = text.partition("T")[0]
    if written := DATE.fullmatch(right):
        right = f"{written[1]}-{int(written[2]):02}-{int(written[3]):02}"
    try:
        day = f"{clock.parse_day(right):%Y-%m-%d}"
    except Malformed:  # its words repeat the text: it may be a card number in the wrong column
        return Read(text, fault=Text(_FORM.template, example="2026-11-21"))
    return Read(day, codes if day == text else (*codes, "date"))


def _amount(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    written = MONEY_MARKS.sub("", text).strip()
    try:
        Money.parse(written)
    except Malformed:
        return Read(text, fault=Text(_FORM.template, example="1234.50"))
    bare = written.replace(",", "")
    return Read(bare, codes if bare == text else (*codes, "amount"))


def _reference(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    if bins.names_card(text):
        return Read(text, fault=Text("这里不能写银行卡号"))
    return Read(text, codes)


def _text(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> Read:
    if has_card_number(text):
        return Read(text, fault=Text("这里不能写银行卡号"))
    return Read(text, codes)


_PARSERS: Mapping[Kind, Callable[[Column, str, tuple[str, ...], bool], Read]] = {
    Kind.TEXT: _text,
    Kind.CARD: _card,
    Kind.PAYEE: _payee,
    Kind.NAME: _name,
    Kind.ACCOUNT_TYPE: _account_type,
    Kind.ID_NUMBER: _id,
    Kind.PHONE: _phone,
    Kind.BANK: _bank,
    Kind.BRANCH: _branch,
    Kind.CNAPS: _cnaps,
    Kind.PROVINCE: _province,
    Kind.CITY: _text,
    Kind.CHOICE: _choice,
    Kind.DATE: _date,
    Kind.AMOUNT: _amount,
    Kind.REFERENCE: _reference,
}
