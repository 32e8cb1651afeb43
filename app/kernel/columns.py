"""What a column of a sheet may hold, and what stands in its cells: read, judged, and where a repair can be offered, proposed.

Nothing is repaired here. A cell that is not right as it stands is a fault, with a proposal beside it when one is certain
enough to be offered; people accept proposals (`Fix`), never the program. A number in a card's cell has lost its last digits
for good (Excel keeps fifteen): that is refused with the digits named, and nothing is proposed.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from app.kernel import banks, bins, clock, cnaps, id_number, phone, regions
from app.kernel.bank_card import BankCard, has_card_number, passes_luhn
from app.kernel.errors import Malformed, Text, gettext_noop
from app.kernel.money import Money

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


KINDS: dict[Kind, Text] = {
    Kind.CARD: gettext_noop("银行卡号"),
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

PRIVATE, CORPORATE = "对私", "对公"
_ACCOUNT_TYPES = {
    **dict.fromkeys((PRIVATE, "个人", "私人", "私", "个人账户", "对私账户", "private", "personal"), PRIVATE),
    **dict.fromkeys(
        (CORPORATE, "公司", "企业", "公", "公司账户", "企业账户", "对公账户", "corporate", "company"), CORPORATE
    ),
}
_NUMBERS = frozenset({Kind.CARD, Kind.ID_NUMBER, Kind.PHONE, Kind.CNAPS, Kind.AMOUNT, Kind.DATE})
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


class Fault(NamedTuple):
    """Something about a cell, for people: a sentence of the catalogue and its values."""

    key: str
    template: str
    values: Mapping[str, object]

    @property
    def text(self) -> Text:
        return Text(self.template, **self.values)


class Fix(NamedTuple):
    """A repair on offer. `pattern` names all like it (`number:space+width`); `needed`: the row is no good without it."""

    pattern: str
    cells: Mapping[str, str]
    needed: bool


@dataclass(slots=True)
class Verdict:
    """What is to be said about one row. A row without faults whose needed fixes were all accepted is good."""

    faults: list[Fault] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.faults or self.fixes or self.warnings)


class _Read(NamedTuple):
    """One cell, read: its text after the repairs `codes`, or why not."""

    text: str
    codes: tuple[str, ...] = ()
    fault: Text | None = None
    optional: bool = False


class Judge:
    """Reads rows of a sheet against a template's columns; `cells` are in the order of the columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._patterns = [re.compile(column.pattern) if column.pattern else None for column in columns]
        self._at = {column.kind: place for place, column in reversed(list(enumerate(columns)))}
        self._private = [_quick(column) for column in columns]

    def judge(self, cells: Sequence[Cell]) -> Verdict:
        """Everything there is to say about this row. Raises nothing: whatever stands in a cell is somebody's data."""
        verdict = Verdict()
        corporate = self._is_corporate(cells)
        reads: list[_Read | None] = []
        for place, cell in enumerate(cells):
            quick = self._private[place]
            if quick is not None and not corporate and type(cell) is str and quick(cell):
                reads.append(None)
            else:
                reads.append(self._read(place, cell, corporate))
        if any(reads):
            self._note(verdict, cells, reads, corporate)
        self._compare_bank(verdict, cells, reads, corporate)
        return verdict

    def text(self, place: int, cell: Cell) -> str:
        """The cell as text, repaired where it can be: for indexes and comparisons, not for use before it was accepted."""
        return self._read(place, cell, corporate=False).text

    def _is_corporate(self, cells: Sequence[Cell]) -> bool:
        place = self._at.get(Kind.ACCOUNT_TYPE)
        if place is None:
            return False
        cell = cells[place]
        return cell == CORPORATE or _ACCOUNT_TYPES.get(_tidy(plain(cell), Kind.CHOICE)[0].lower()) == CORPORATE

    def _read(self, place: int, cell: Cell, corporate: bool) -> _Read:
        column = self.columns[place]
        if isinstance(cell, str) and not cell.strip():
            cell = None
        if cell is None:
            return _Read("", fault=Text("必填，没有填")) if column.required else _Read("")
        read = _read_number(column, cell) if not isinstance(cell, str) else None
        if read is None:
            text, codes = _tidy(cell, column.kind) if isinstance(cell, str) else (plain(cell), ())
            if not text:
                return _Read("", codes, fault=Text("必填，没有填")) if column.required else _Read("", codes)
            read = _parse(column, text, codes, corporate)
        if read.fault is None and read.text:
            fault = self._fault_of_form(place, read.text)
            if fault is not None:
                return read._replace(fault=fault)
        return read

    def _fault_of_form(self, place: int, text: str) -> Text | None:
        """What the template itself asks for: length and pattern."""
        column = self.columns[place]
        longest = column.longest or LONGEST.get(column.kind, 200)
        if len(text) > longest:
            return Text("太长：最多 %(count)d 个字", count=longest)
        if len(text) < column.shortest:
            return Text("太短：至少 %(count)d 个字", count=column.shortest)
        pattern = self._patterns[place]
        if pattern is not None and pattern.fullmatch(text) is None:
            return Text("与模版要求的格式不符，例如 %(example)s", example=column.example or column.pattern)
        return None

    def _note(self, verdict: Verdict, cells: Sequence[Cell], reads: list[_Read | None], corporate: bool) -> None:
        swapped = self._swapped(cells, reads, corporate)
        if swapped is not None:
            one, other, texts = swapped
            keys = self.columns[one].key, self.columns[other].key
            verdict.fixes.append(Fix(f"{keys[0]},{keys[1]}:swap", dict(zip(keys, texts, strict=True)), True))
        split = self._split(reads)
        if split is not None:
            keys = self.columns[split[0][0]].key, self.columns[split[0][1]].key
            verdict.fixes.append(Fix(f"{keys[0]},{keys[1]}:split", dict(zip(keys, split[1], strict=True)), True))
        settled = {*(swapped[:2] if swapped else ()), *(split[0] if split else ())}
        for place, read in enumerate(reads):
            if read is None or place in settled:
                continue
            key = self.columns[place].key
            if read.fault is not None:
                verdict.faults.append(Fault(key, read.fault.template, read.fault.values))
            elif read.codes:
                pattern = f"{key}:{'+'.join(read.codes)}"
                verdict.fixes.append(Fix(pattern, {key: read.text}, not read.optional))

    def _swapped(
        self, cells: Sequence[Cell], reads: list[_Read | None], corporate: bool
    ) -> tuple[int, int, tuple[str, str]] | None:
        """Two columns that are both wrong as they stand, and both right the other way round."""
        bad = [
            place for place, read in enumerate(reads) if read is not None and read.fault and cells[place] is not None
        ]
        for index, one in enumerate(bad):
            for other in bad[index + 1 :]:
                if self.columns[one].kind in _TELLING or self.columns[other].kind in _TELLING:
                    here, there = self._read(one, cells[other], corporate), self._read(other, cells[one], corporate)
                    if here.fault is None and there.fault is None and here.text and there.text:
                        return one, other, (here.text, there.text)
        return None

    def _split(self, reads: list[_Read | None]) -> tuple[tuple[int, int], tuple[str, str]] | None:
        """广东省深圳市 in the column of provinces, and nothing in that of cities."""
        province, city = self._at.get(Kind.PROVINCE), self._at.get(Kind.CITY)
        if province is None or city is None or reads[province] is None:
            return None
        read, empty = reads[province], reads[city]
        if read is None or read.fault is None or empty is None or empty.text:
            return None
        found = regions.split(read.text)
        return ((province, city), found) if found else None

    def _compare_bank(
        self, verdict: Verdict, cells: Sequence[Cell], reads: list[_Read | None], corporate: bool
    ) -> None:
        """What the first digits of a private card say about its bank and its kind. A hint: it never refuses."""
        card = self._at.get(Kind.CARD)
        if card is None or corporate:
            return
        read = reads[card]
        number = cells[card] if read is None else read.text if read.fault is None else ""
        if not isinstance(number, str) or not number:
            return
        hint = bins.look_up(number)
        if hint.lends:
            verdict.warnings.append(Fault(self.columns[card].key, CREDIT_CARD.template, {}))
        place = self._at.get(Kind.BANK)
        if place is None or not hint.banks:
            return
        key, written = self.columns[place].key, reads[place]
        text = cells[place] if written is None else written.text
        if not text:
            self._offer_bank(verdict, place, hint)
            return
        known = banks.find(text) if isinstance(text, str) else None
        if known is not None and all(known.code != bank.code for bank in hint.banks):
            names = "、".join(bank.name for bank in hint.banks)
            verdict.warnings.append(
                Fault(key, "卡号像是%(banks)s的，这里写的是%(bank)s", {"banks": names, "bank": known.name})
            )

    def _offer_bank(self, verdict: Verdict, place: int, hint: "bins.Hint") -> None:
        """An empty bank may be filled in from the card, where the sources do not contradict each other."""
        key = self.columns[place].key
        if hint.bank is None:
            return
        needed = self.columns[place].required
        if needed:
            verdict.faults = [fault for fault in verdict.faults if fault.key != key]
        verdict.fixes.append(Fix(f"{key}:bank_bin", {key: hint.bank.name}, needed))


CREDIT_CARD = gettext_noop("像是信用卡：可以绑定，但信用卡不能收提现款")
_TELLING = frozenset({Kind.CARD, Kind.ID_NUMBER, Kind.PHONE, Kind.CNAPS})
"""Kinds whose form or check digit tells them from everything else: only with one of them, two columns are seen as swapped."""


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
    return str(cell.get("date") or cell.get("error") or "")


# Repairs of form

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\x00-\x08\x0e-\x1f\x7f]"
)
_SPACES = re.compile(r"\s+")
_BETWEEN_CHINESE = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_DASHES = re.compile(r"[\s\-‐-―－]+")
_WIDE = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}


def _tidy(text: str, kind: Kind) -> tuple[str, tuple[str, ...]]:
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
        step("digits", "".join(_as_digit(letter) for letter in text))
    if kind in (Kind.CARD, Kind.ID_NUMBER, Kind.CNAPS):
        step("separator", _DASHES.sub("", text))
    return text, tuple(dict.fromkeys(codes))


def _as_digit(letter: str) -> str:
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)


# Numbers, dates, errors

_FIFTEEN = 15
"""Digits that a number of Excel keeps."""


def _read_number(column: Column, cell: Cell) -> _Read | None:
    """What is no text. None: go on with it as the text that `plain` makes of it."""
    if isinstance(cell, Mapping):
        if "error" in cell:
            return _Read("", fault=Text("单元格是错误值 %(error)s", error=str(cell["error"])[:20]))
        if "formula" in cell:
            return _Read("", fault=Text("单元格是没有结果的公式，请粘贴为数值"))
        if column.kind in (Kind.DATE, Kind.TEXT):
            return _Read(str(cell.get("date", ""))[:10])
        return _Read("", fault=Text("单元格是日期，这一列不能填日期"))
    if column.kind in (Kind.CARD, Kind.ID_NUMBER) and isinstance(cell, int | float):
        return _Read("", fault=_digits_lost(cell))
    return None


def _digits_lost(number: float) -> Text:
    count = len(str(int(abs(number)))) if number == number and abs(number) < 1e30 else 0
    if count > _FIFTEEN:
        return Text(
            "Excel 把它存成了数字，第 %(first)d 到 %(last)d 位已经变成别的数字，找不回来；请把这一列设为文本后重新填写",
            first=_FIFTEEN + 1,
            last=count,
        )
    return Text("单元格是数字格式，开头的 0 可能已丢失；请把这一列设为文本后重新填写")


# Kinds

_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]{1,2}", re.I)
_PRIVATE_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[·•．. '’-])+")
_TWO_LETTERS = re.compile(r"(?:.*[^\W\d_]){2}", re.S)
_DATE_WRITTEN = re.compile(r"([0-9]{4})[年/.\-]([0-9]{1,2})[月/.\-]([0-9]{1,2})日?")
_MONEY_MARKS = re.compile(r"[¥￥,，元\s]+|RMB|CNY", re.I)
_CHINESE_NAME = re.compile(r"[\u4e00-\u9fff]{2,20}")


def _quick(column: Column) -> Callable[[str], object] | None:
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
        case Kind.TEXT | Kind.CITY | Kind.BRANCH:
            return _CHINESE_NAME.fullmatch
        case _:
            return None


@lru_cache(maxsize=4096)
def _official(text: str) -> bool:
    bank = banks.find(text)
    return bank is not None and bank.name == text


def _parse(column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> _Read:
    try:
        return _PARSERS[column.kind](column, text, codes, corporate)
    except Malformed as problem:
        return _Read(text, fault=problem.text)


def _card(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> _Read:
    if _SCIENTIFIC.fullmatch(text):
        return _Read("", fault=Text("是科学计数法，后面的数字已丢失，找不回来；请把这一列设为文本后重新填写"))
    return _Read((BankCard.parse_corporate if corporate else BankCard.parse)(text).number, codes)


def _name(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> _Read:
    right = _TWO_LETTERS.match(text) if corporate else _PRIVATE_NAME.fullmatch(text)
    if right is None:
        return _Read(text, fault=Text("不像户名：对私户名不含数字与符号，至少两个字"))
    return _Read(text, codes)


def _account_type(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    found = _ACCOUNT_TYPES.get(text.lower())
    if found is None:
        return _Read(text, fault=Text("只能填“对私”或“对公”"))
    return _Read(found, codes if found == text else (*codes, "choice"))


def _id(_column: Column, text: str, codes: tuple[str, ...], corporate: bool) -> _Read:
    upper = text.upper()
    codes = codes if upper == text else (*codes, "case")
    return _Read((id_number.parse_company if corporate else id_number.parse)(upper), codes)


def _phone(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    repaired = phone.repaired(text)
    if repaired is not None and repaired != text:
        return _Read(repaired, (*codes, "prefix"))
    return _Read(phone.parse(text), codes)


def _bank(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    if _TWO_LETTERS.match(text) is None:
        return _Read(text, fault=Text("不像银行名称"))
    named = banks.read(text)
    if named is not None and named.bank.name != text and not named.branch:
        # As written it may be what the channel knows: the full name is an offer, unless the text must be repaired anyway.
        return _Read(named.bank.name, (*codes, "bank_name"), optional=not codes)
    return _Read(text, codes)


def _branch(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    if _TWO_LETTERS.match(text) is None:
        return _Read(text, fault=Text("不像支行名称"))
    return _Read(text, codes)


def _cnaps(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    padded = cnaps.padded(text)
    if padded is not None and padded != text:
        return _Read(padded, (*codes, "zero"))
    return _Read(cnaps.Cnaps.parse(text).number, codes)


def _province(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    found = regions.province(text)
    if found is None:
        return _Read(text, fault=Text("不是省、自治区、直辖市的名称"))
    return _Read(found, codes if found == text else (*codes, "choice"))


def _choice(column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    found = next((one for one in column.choices if one.lower() == text.lower()), None)
    if found is None:
        return _Read(text, fault=Text("只能填：%(choices)s", choices="、".join(column.choices)[:120]))
    return _Read(found, codes if found == text else (*codes, "choice"))


def _date(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    written = _DATE_WRITTEN.fullmatch(text)
    right = f"{written[1]}-{int(written[2]):02}-{int(written[3]):02}" if written else text
    day = f"{clock.parse_day(right):%Y-%m-%d}"
    return _Read(day, codes if day == text else (*codes, "date"))


def _amount(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    bare = _MONEY_MARKS.sub("", text)
    Money.parse(bare)
    return _Read(bare, codes if bare == text else (*codes, "amount"))


def _text(_column: Column, text: str, codes: tuple[str, ...], _corporate: bool) -> _Read:
    if has_card_number(text):
        return _Read(text, fault=Text("这里不能写银行卡号"))
    return _Read(text, codes)


_PARSERS: Mapping[Kind, Callable[[Column, str, tuple[str, ...], bool], _Read]] = {
    Kind.TEXT: _text,
    Kind.CARD: _card,
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
}
