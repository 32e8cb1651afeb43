"""Amounts in Chinese capitals, as vouchers and banks write them (中国人民银行《正确填写票据和结算凭证的基本规定》, Annex 1)."""

from app.kernel.money import Money

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "兆")


def in_capitals(amount: Money) -> str:
    """12,345.67 is 壹万贰仟叁佰肆拾伍元陆角柒分. 整 where no 分 follow; one 零 for any number of zeros between figures."""
    assert amount.minor >= 0, "a voucher is about an amount that was paid"
    yuan, fen = divmod(amount.minor, 100)
    tenths, cents = divmod(fen, 10)
    said = f"{_whole(yuan)}元" if yuan else ""
    if tenths:
        said += f"{_DIGITS[tenths]}角"
    elif cents and said:
        said += "零"
    if cents:
        return f"{said}{_DIGITS[cents]}分"
    return f"{said or '零元'}整"


def _whole(number: int) -> str:
    """A whole number above 0, four figures at a time from the left."""
    said, gap = "", False
    for at in reversed(range(len(_GROUPS))):
        group = number // 10_000**at % 10_000
        if not group:
            gap = bool(said)
            continue
        # A group that begins with a zero is parted from what stands before it, once.
        said += ("零" if said and (gap or group < 1000) else "") + _group(group) + _GROUPS[at]
        gap = False
    return said


def _group(number: int) -> str:
    """1 … 9999: 1050 is 壹仟零伍拾."""
    said, gap = "", False
    for at in reversed(range(4)):
        figure = number // 10**at % 10
        if not figure:
            gap = bool(said)
            continue
        said += ("零" if gap else "") + _DIGITS[figure] + _PLACES[at]
        gap = False
    return said
