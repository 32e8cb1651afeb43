"""Mobile phone numbers of the mainland: read them strictly, propose what was meant, never show one whole."""

import re

from app.kernel.bank_card import normalise
from app.kernel.errors import Malformed

# 工信部's numbering plan: 11 digits, and 13 to 19 at their head. Which of them are given out changes every year.
_MOBILE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
# What stands before the number when it is called from abroad, once the blanks and dashes are gone.
_ABROAD = re.compile(r"(?:\+|00)?86(?=1[3-9][0-9]{9}\Z)", re.ASCII)
_BRACKETS = str.maketrans("", "", "().")


def parse(text: str) -> str:
    """Read strictly: 11 half-width digits and nothing else. Malformed says why, and never repeats the number."""
    if not text.isascii() or not text.isdigit():
        raise Malformed("手机号只能是数字，不要带空格、横线或 +86")
    if len(text) != 11:
        raise Malformed("手机号应为 11 位数字，现在是 %(count)d 位", count=len(text))
    if _MOBILE.fullmatch(text) is None:
        raise Malformed("手机号应以 13 到 19 开头")
    return text


def repaired(text: str) -> str | None:
    """The number that was surely meant: without +86, 0086, 86 and separators, half-width. None if there is none."""
    better = _ABROAD.sub("", normalise(text).translate(_BRACKETS), count=1)
    return better if better != text and _MOBILE.fullmatch(better) else None


def mask_phone(number: str) -> str:
    """The first three and the last four: 138****8000. Of something shorter, nothing."""
    if len(number) < 11:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 7) + number[-4:]
