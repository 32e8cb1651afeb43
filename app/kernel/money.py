"""Money: a whole number of fen. There is no other way to hold an amount."""

import re
from dataclasses import dataclass
from typing import Self

from app.kernel.errors import Malformed

CURRENCY = "CNY"
LARGEST_MINOR = 10**15 - 1
"""Ten trillion yuan: far above any real amount, far below what a BIGINT or a double-precision reader would spoil."""

_YUAN = re.compile(r"(0|[1-9][0-9]{0,12})(?:\.([0-9]{1,2}))?", re.ASCII)
_YUAN_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,4}(?:\.[0-9]{1,2})?", re.ASCII)
_FEN = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in fen (分). Refuses floats, booleans and anything beyond `LARGEST_MINOR`."""

    minor: int

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money is counted in whole fen, not {self.minor!r}")
        if abs(self.minor) > LARGEST_MINOR:
            raise OverflowError("an amount this large is a mistake")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read yuan as a person or a channel writes them: "1,234.5" is Money(123450).

        Refuses (Malformed) signs, blanks, exponents, full-width digits, a third decimal, misplaced commas: nothing
        is rounded and nothing is guessed.
        """
        if _YUAN_GROUPED.fullmatch(text):
            text = text.replace(",", "")
        found = _YUAN.fullmatch(text)
        if found is None:
            raise Malformed("“%(text)s”不是金额：请用半角数字，最多两位小数，例如 100.00", text=text[:30])
        whole, cents = found.groups()
        return cls(int(whole + (cents or "").ljust(2, "0")))

    @classmethod
    def parse_fen(cls, text: str) -> Self:
        """Read a whole number of fen as channels write it: "10000" is ¥100.00. Malformed on anything else."""
        if _FEN.fullmatch(text) is None:
            raise Malformed("“%(text)s”不是以分为单位的金额", text=text[:30])
        return cls(int(text))

    def share(self, rate_ppm: int) -> Self:
        """This amount × a rate in parts per million, rounded half up to the fen. For amounts ≥ 0."""
        assert self.minor >= 0, "a share is taken of an amount that exists"
        assert rate_ppm >= 0, "a rate is not negative"
        return type(self)((self.minor * rate_ppm + 500_000) // 1_000_000)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.minor + other.minor)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.minor - other.minor)

    def __neg__(self) -> Self:
        return type(self)(-self.minor)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        """As a person reads it: 1,234.50"""
        return f"{self.yuan_sign}{abs(self.minor) // 100:,}.{abs(self.minor) % 100:02d}"

    @property
    def yuan(self) -> str:
        """As a channel writes it: 1234.50"""
        return f"{self.yuan_sign}{abs(self.minor) // 100}.{abs(self.minor) % 100:02d}"

    @property
    def yuan_sign(self) -> str:
        return "-" if self.minor < 0 else ""


ZERO = Money(0)
