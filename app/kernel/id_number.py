"""Numbers of people and of companies: the resident ID number (身份证号) and the unified credit code (统一社会信用代码).

GB 11643-1999 and GB 32100-2015. Both are read strictly; what could be meant instead is a proposal (`repaired`), which
a person confirms. That somebody has this number is not promised.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from operator import mul

from app.kernel.bank_card import normalise
from app.kernel.errors import Malformed

# First two digits: the province (GB/T 2260), with 81 82 83 for residents from Hong Kong, Macao and Taiwan (2018).
_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(first, last + 1)
)
_RESIDENT = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_OLD = re.compile(r"[0-9]{15}", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_LETTERS = "10X98765432"
_DIGIT = bytes.maketrans(b"0123456789", bytes(range(10)))


def parse(text: str) -> str:
    """Read a resident ID number strictly: 18 half-width characters, no blanks, a capital X.

    Malformed says why, and never repeats the number.
    """
    if _OLD.fullmatch(text):
        raise Malformed("这是 15 位的旧身份证号，早已停用：请填 18 位的身份证号")
    if len(text) != 18:
        raise Malformed("身份证号应为 18 位，现在是 %(count)d 位", count=len(text))
    if _RESIDENT.fullmatch(text) is None:
        raise Malformed("身份证号前 17 位是数字，最后一位是数字或大写字母 X")
    if _LETTERS[sum(map(mul, text.encode().translate(_DIGIT), _WEIGHTS)) % 11] != text[17]:
        raise Malformed("身份证号校验不通过：可能有一位输错了，请核对")
    # A foreigner's permanent residence card (2023) has the same form: 9, then the province.
    if text[:2] not in _PROVINCES and not (text[0] == "9" and text[1:3] in _PROVINCES):
        raise Malformed("身份证号开头的地区代码不存在，请核对")
    if not _is_a_birthday(text[6:14]):
        raise Malformed("身份证号第 7 到 14 位不是出生日期，请核对")
    return text


def repaired(text: str) -> str | None:
    """The ID number that was surely meant: without blanks and dashes, half-width, X for x. None if there is none."""
    return _proposal(parse, text, _plain(text))


def mask_id(number: str) -> str:
    """The first four and the last four at most: 4403**********1234. The birthday is never shown."""
    if len(number) < 12:
        return "*" * len(number)
    return number[:4] + "*" * (len(number) - 8) + number[-4:]


# Registration authority and kind, region, organisation with check letter. The alphabet has no I O S V Z; stdnum's rule
# that the first two are digits is too strict: authorities A, N and Y are in the standard (N: 农业农村).
_COMPANY = re.compile(r"[1-9ANY][0-9A-HJ-NPQRTUWXY][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
_VALUE = bytes.maketrans(b"0123456789ABCDEFGHJKLMNPQRTUWXY", bytes(range(31)))
_COMPANY_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1)


def parse_company(text: str) -> str:
    """Read the unified credit code of a company strictly: 18 half-width characters, no blanks, capitals."""
    if len(text) != 18:
        raise Malformed("统一社会信用代码应为 18 位，现在是 %(count)d 位", count=len(text))
    if _COMPANY.fullmatch(text) is None:
        raise Malformed("统一社会信用代码只能有数字和大写字母（不含 I、O、S、V、Z），第 3 到 8 位是数字")
    if sum(map(mul, text.encode().translate(_VALUE), _COMPANY_WEIGHTS)) % 31:
        raise Malformed("统一社会信用代码校验不通过：可能有一位输错了，请核对")
    return text


def repaired_company(text: str) -> str | None:
    """The credit code that was surely meant: as `repaired`, and 0 and 1 for the letters O and I, which it never has."""
    return _proposal(parse_company, text, _plain(text).translate({ord("O"): "0", ord("I"): "1"}))


def _proposal(read: Callable[[str], str], text: str, better: str) -> str | None:
    try:
        return read(better) if better != text else None
    except Malformed:
        return None


def _plain(text: str) -> str:
    return normalise(text).upper()


def _is_a_birthday(digits: str) -> bool:
    """A day of the calendar, of a person who may be alive."""
    year, month, day = digits[:4], digits[4:6], digits[6:]
    if not ("1850" <= year < "2150" and "01" <= month <= "12" and "01" <= day <= "31"):
        return False
    return day <= "28" or int(day) <= monthrange(int(year), int(month))[1]
