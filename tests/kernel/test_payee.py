"""Accounts that are no bank card: read strictly, found however they are written, never shown whole."""

import pytest

from app.kernel.bank_card import BankCard
from app.kernel.errors import Malformed
from app.kernel.payee import EXAMPLES, Payee, PayeeAccount, canonical, kind_of, masked, read

CARD = "6222021001116245702"
LOGIN, USER, OPENID = Payee.ALIPAY_LOGIN, Payee.ALIPAY_USER, Payee.WECHAT_OPENID


@pytest.mark.parametrize(
    ("payee", "text", "number"),
    [
        (LOGIN, "13800138000", "13800138000"),
        (LOGIN, " +86 138-0013-8000 ", "13800138000"),
        (LOGIN, "１３８００１３８０００", "13800138000"),
        (LOGIN, "Zhang.San+pay@Example.com.cn", "Zhang.San+pay@Example.com.cn"),
        (USER, "2088 1021 4622 5135", "2088102146225135"),
        (OPENID, "o-MYE42l80oelYMDE34nYD456Xoy", "o-MYE42l80oelYMDE34nYD456Xoy"),
        (OPENID, "\u200bo-MYE42l80oelYMDE34nYD456Xoy\n", "o-MYE42l80oelYMDE34nYD456Xoy"),
    ],
)
def test_what_names_an_account_is_read(payee: Payee, text: str, number: str) -> None:
    account = PayeeAccount.parse(payee, text)
    assert (account.payee, account.number) == (payee, number)
    assert read(text, {payee}) == account


@pytest.mark.parametrize(
    ("payee", "text"),
    [
        (LOGIN, ""),
        (LOGIN, "1380013800"),
        (LOGIN, "12800138000"),
        (LOGIN, "zhangsan"),
        (LOGIN, "zhang san@"),
        (LOGIN, "a@b"),
        (LOGIN, "a@b@example.com"),
        (LOGIN, "张三@example.com"),
        (LOGIN, "x" * 60 + "@" + "y" * 60 + ".example.com"),
        (USER, "2088102146225"),
        (USER, "20881021462251350"),
        (USER, "1088102146225135"),
        (OPENID, "O-MYE42l80oelYMDE34nYD456Xoy"),
        (OPENID, "o-MYE42l80oelYMDE34nYD456Xo"),
        (OPENID, "o-MYE42l80oelYMDE34nYD456Xoy1"),
        (OPENID, "o.MYE42l80oelYMDE34nYD456Xoy"),
    ],
)
def test_what_does_not_name_one_is_refused_without_being_repeated(payee: Payee, text: str) -> None:
    with pytest.raises(Malformed) as no:
        PayeeAccount.parse(payee, text)
    assert not text or text not in str(no.value)


def test_a_text_is_read_as_the_kind_it_can_only_be() -> None:
    for payee, example in EXAMPLES.items():
        assert kind_of(read(example)) is payee
    assert read(CARD, {LOGIN, Payee.BANK_CARD}) == BankCard(CARD)
    assert read("13800138000", corporate=True) == BankCard("13800138000")
    for text, among in ((CARD, {LOGIN, USER}), ("13800138000", {OPENID}), ("nobody", set(Payee))):
        with pytest.raises(Malformed):
            read(text, among)


def test_two_ways_of_writing_one_account_are_found_as_one() -> None:
    assert canonical("Zhang@Example.com ") == canonical("zhang@example.com")
    assert canonical("6222 0210-0111 6245702") == CARD == canonical(CARD)
    openid = EXAMPLES[OPENID]
    assert canonical(f" {openid} ") == openid, "its dashes belong to it"
    assert canonical(openid) != canonical(openid.lower()), "its case counts"


@pytest.mark.parametrize(
    ("payee", "number", "shown"),
    [
        (Payee.BANK_CARD, CARD, "6222 02** **** 5702"),
        (LOGIN, "13800138000", "138****8000"),
        (LOGIN, "zhangsan@example.com", "z****@example.com"),
        (USER, "2088102146225135", "208****5135"),
        (OPENID, "o-MYE42l80oelYMDE34nYD456Xoy", "o-M****6Xoy"),
        (LOGIN, "zhangsan@mail.department.example.com.cn", "z****@…partment.example.com.cn"),
    ],
)
def test_no_account_is_ever_shown_whole(payee: Payee, number: str, shown: str) -> None:
    assert masked(payee, number) == shown and len(shown) <= 30
    assert number not in repr(PayeeAccount(payee, number))
