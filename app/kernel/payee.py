"""Where money may go beside a bank card: an account at Alipay or WeChat. Read strictly, found again, never shown whole."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeAlias

from app.kernel import phone
from app.kernel.bank_card import BankCard, mask, normalise
from app.kernel.errors import Malformed, Text, gettext_noop
from app.kernel.written import ALIPAY, WECHAT


class Payee(StrEnum):
    """What kind of account an order pays to."""

    BANK_CARD = "bank_card"
    ALIPAY_LOGIN = "alipay_login"  # the e-mail address or mobile number somebody signs in with
    ALIPAY_USER = "alipay_user"  # 2088…
    WECHAT_OPENID = "wechat_openid"


PAYEES: dict[Payee, Text] = {
    Payee.BANK_CARD: gettext_noop("银行卡"),
    Payee.ALIPAY_LOGIN: gettext_noop("支付宝账号（登录名）"),
    Payee.ALIPAY_USER: gettext_noop("支付宝用户号"),
    Payee.WECHAT_OPENID: gettext_noop("微信 openid"),
}
INSTITUTIONS = {Payee.ALIPAY_LOGIN: ALIPAY, Payee.ALIPAY_USER: ALIPAY, Payee.WECHAT_OPENID: WECHAT}
EXAMPLES = {
    Payee.BANK_CARD: "6222021001116245702",
    Payee.ALIPAY_LOGIN: "13800138000",
    Payee.ALIPAY_USER: "2088102146225135",
    Payee.WECHAT_OPENID: "o-MYE42l80oelYMDE34nYD456Xoy",
}

# Alipay's documents: 登录号 is an e-mail address or a mobile number; 用户号 is 2088 and 12 digits. WeChat's: an openid is `o`
# and 27 letters, digits, dashes and underscores, and its case counts.
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.)+[A-Za-z]{2,24}", re.ASCII)
_MAIL_LONGEST = 100
_MOBILE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_USER = re.compile(r"2088[0-9]{12}", re.ASCII)
_OPENID = re.compile(r"o[A-Za-z0-9_-]{27}", re.ASCII)
_BLANKS = re.compile(r"[\s\u00a0\u200b-\u200f\u2060\ufeff\u3000]+")
_REFERENCE = re.compile(r"K[0-9]{8}[0-9A-Z]{10}", re.ASCII | re.I)
_MASK_LONGEST = 30


@dataclass(frozen=True, slots=True, repr=False)
class PayeeAccount:
    """An account that is no bank card: its kind, and what names it there. Its repr is masked, for logs."""

    payee: Payee
    number: str

    @classmethod
    def parse(cls, payee: Payee, text: str) -> Self:
        """Read what a person typed or pasted. Malformed says what it should look like, and never repeats it."""
        bare = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
        match payee:
            case Payee.ALIPAY_LOGIN:
                number = bare if "@" in bare else phone.repaired(bare) or bare
                if not (_MOBILE.fullmatch(number) or (_MAIL.fullmatch(number) and len(number) <= _MAIL_LONGEST)):
                    raise Malformed("支付宝登录名应为邮箱，或 11 位手机号")
            case Payee.ALIPAY_USER:
                number = normalise(bare)
                if _USER.fullmatch(number) is None:
                    raise Malformed("支付宝用户号应为 2088 开头的 16 位数字")
            case Payee.WECHAT_OPENID:
                number = bare
                if _OPENID.fullmatch(number) is None:
                    raise Malformed("openid 应为小写 o 开头的 28 个字符：字母、数字、“_”和“-”")
            case Payee.BANK_CARD:
                raise AssertionError("a bank card is a BankCard")
        return cls(payee, number)

    @property
    def institution(self) -> str:
        return INSTITUTIONS[self.payee]

    @property
    def masked(self) -> str:
        return masked(self.payee, self.number)

    def __repr__(self) -> str:
        return f"PayeeAccount({self.masked})"

    __str__ = __repr__


Destination: TypeAlias = BankCard | PayeeAccount
"""Where money may go."""


def kind_of(account: Destination) -> Payee:
    return account.payee if isinstance(account, PayeeAccount) else Payee.BANK_CARD


def read(text: str, among: Collection[Payee] = tuple(Payee), *, corporate: bool = False) -> Destination:
    """The account that this text names, of one of these kinds; what names nothing else is read as a bank card.

    `corporate`: it is said to be a company's account: its digits are a bank's, though they look like a mobile number.
    """
    others = [payee for payee in among if payee is not Payee.BANK_CARD]
    for payee in others:
        try:
            account = PayeeAccount.parse(payee, text)
        except Malformed:
            continue
        if not (corporate and _MOBILE.fullmatch(account.number)):
            return account
    if Payee.BANK_CARD in among or not others:
        return (BankCard.parse_corporate if corporate else BankCard.parse)(text)
    if len(others) == 1:
        return PayeeAccount.parse(others[0], text)
    raise Malformed("不像该渠道能付的账号")


def covered(text: str) -> str:
    """Whatever stands where such an account should, rightly written or not, as it may be shown."""
    if is_reference(text):
        return text
    try:
        return read(text).masked
    except Malformed:
        number = canonical(text)
        return mask(number) if number.isdigit() else masked(Payee.ALIPAY_LOGIN, number)


def is_reference(text: str) -> bool:
    """Is it the number under which a payee is registered here? Nobody's account looks like it."""
    return _REFERENCE.fullmatch(text.strip()) is not None


def could_be_account(text: str) -> bool:
    """Might this be an account's number, rightly typed or not? Then it belongs into no address."""
    number = canonical(text)
    return (number.isdigit() and 6 <= len(number) <= 32) or "@" in number or _OPENID.fullmatch(number) is not None


def canonical(text: str) -> str:
    """One way of writing any account number, to find it again: digits bare, an address in small letters, the rest as it is."""
    digits = normalise(text)
    if digits.isascii() and digits.isdigit():
        return digits
    bare = _BLANKS.sub("", unicodedata.normalize("NFKC", text))
    return bare.lower() if "@" in bare else bare


def masked(payee: Payee, number: str) -> str:
    """As it may be shown: a card as every card, of any other name its ends, of an address its host."""
    if payee is Payee.BANK_CARD:
        return mask(number)
    name, at, host = number.partition("@")
    head, tail = (name[:3], name[-4:]) if len(name) > 10 and not at else (name[:1], "")
    shown = f"{head}****{tail}{at}{host}"
    if len(shown) > _MASK_LONGEST:  # a long host is told by its end
        shown = f"{head}****{at}…{host[len(shown) - _MASK_LONGEST + 1 :]}"
    return shown
