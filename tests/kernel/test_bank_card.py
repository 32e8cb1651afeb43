"""Bank cards: read with certainty or not at all, and never shown whole."""

import pickle
import re

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given
from stdnum import luhn

from app.kernel import bank_card
from app.kernel.bank_card import BankCard, has_card_number, mask, mask_runs, normalise
from app.kernel.errors import Malformed

CARD = "6222600260001072444"  # 19 digits, passes Luhn
SHORT = "4111111111111111"  # 16 digits, passes Luhn

bodies = st.integers(11, 18).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size))
cards = bodies.map(lambda body: body + luhn.calc_check_digit(body)).filter(
    lambda number: not bank_card._TIME.fullmatch(number)
)

WRITTEN = [
    CARD,
    f" {CARD} ",
    f"{CARD}\t",
    f"\ufeff{CARD}\n",
    "6222 6002 6000 1072 444",
    "6222-6002-6000-1072-444",
    "6222\u00a06002\u00a06000\u00a01072\u00a0444",
    "6222\u30006002\u30006000\u30001072\u3000444",
    "6222\u200b600260001072444",
    "６２２２６００２６０００１０７２４４４",
    "６２２２－６００２　6000 1072 444",
    "  6222  6002 - 6000  1072444",
]

REFUSED = {
    "": "只能是数字",
    "   ": "只能是数字",
    "六二二二": "只能是数字",
    "6222a02600": "只能是数字",
    "6.22260026000107E+18": "只能是数字",
    f"'{CARD}": "只能是数字",
    f"{CARD}.0": "只能是数字",
    "٦٢٢٢٦٠٠٢٦٠٠٠": "只能是数字",
    "²²²²²²²²²²²²a": "只能是数字",
    "6222600260": "现在是 10 位",
    "62226002600010724440": "现在是 20 位",
    "6222600260001072445": "Luhn",
    "6222600260001074244": "Luhn",
    "4111111111111112": "Luhn",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_card_is_read_however_it_was_pasted(text: str) -> None:
    assert BankCard.parse(text).number == CARD


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_is_not_surely_a_card_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why) as refused:
        BankCard.parse(text)
    assert not re.search(r"[0-9]{5}", str(refused.value)), "the reason does not repeat the number"


@given(cards, st.data())
def test_one_mistyped_digit_is_always_refused(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from([it for it in "0123456789" if it != number[place]]))
    with pytest.raises(Malformed, match="Luhn"):
        BankCard.parse(number[:place] + digit + number[place + 1 :])


@given(cards, st.data())
def test_separators_and_width_do_not_change_a_card(number: str, data: st.DataObject) -> None:
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    between = st.sampled_from(["", "", " ", "-", "\u00a0", "\u3000", "\u200b", "\ufeff", "\t"])
    written = "".join(
        (digit.translate(wide) if data.draw(st.booleans()) else digit) + data.draw(between) for digit in number
    )
    assert normalise(written) == number == BankCard.parse(written).number


@given(cards)
def test_a_mask_shows_six_and_four_at_most(number: str) -> None:
    shown = mask(number)
    digits = re.sub(r"[^0-9]", "", shown)
    assert digits == number[:6] + number[-4:] and "*" in shown
    assert shown.replace(" ", "").startswith(number[:6] + "*") and shown.endswith("* " + number[-4:])


@given(st.text("0123456789", max_size=11))
def test_the_mask_of_something_short_shows_four_at_most(number: str) -> None:
    assert len(re.sub(r"[^0-9]", "", mask(number))) <= 4
    assert len(mask(number)) == len(number)


@given(cards)
def test_a_card_never_shows_itself(number: str) -> None:
    card = BankCard.parse(number)
    for shown in (repr(card), str(card), f"{card}", f"{card!r}", repr([card]), repr({"card": card})):
        assert number not in re.sub(r"[^0-9]", "", shown)
        assert card.masked in shown
    assert card.last4 == number[-4:]


def test_a_card_that_is_somewhere_wrong_does_not_show_itself() -> None:
    card = BankCard.parse(CARD)
    for wrong in (lambda: card + 1, lambda: card.nothing, lambda: int(card)):  # type: ignore[attr-defined, call-overload, operator]
        with pytest.raises((TypeError, AttributeError)) as problem:
            wrong()
        assert CARD not in str(problem.value)
    assert pickle.loads(pickle.dumps(card)) == card


MEMOS_WITH_A_CARD = [
    CARD,
    SHORT,
    f"请打到{CARD}谢谢",
    f"卡号：{CARD}，开户行工行",
    "6222 6002 6000 1072 444",
    "4111-1111-1111-1111",
    "４１１１１１１１１１１１１１１１",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "4111\u00a01111\u00a01111\u00a01111",
    "4111\u200b1111\u200b1111\u200b1111",
    "4111  1111  1111  1111",
    # beside other numbers
    f"{SHORT} 12月",
    f"2026-11-21 {SHORT}",
    f"11-21 {SHORT} 3",
    "1 4111 1111 1111 1111 2026",
    f"x{SHORT}x",
    f"{SHORT}.50",
    f"20261122190741 {SHORT}",
]

MEMOS_WITHOUT = [
    "",
    "十一月货款",
    "2026-11-21",
    "W20261121ABCDEFGHJK",
    "4111111111111112",
    "12345678901",
    "第 3 笔，共 12 笔，合计 1234.56 元",
    f"{CARD}1",
    "电话 13800138000",
    # times that happen to pass Luhn
    "orderTime=20261122190741",
    "at 20261122190741003",
    '{"ts": 1764000000018}',
]


@pytest.mark.parametrize("memo", MEMOS_WITH_A_CARD)
def test_a_card_in_a_memo_is_seen_and_hidden(memo: str) -> None:
    assert has_card_number(memo)
    digits = re.sub(r"[^0-9]", "", bank_card.unicodedata.normalize("NFKC", mask_runs(memo)))
    assert SHORT not in digits and CARD not in digits


@pytest.mark.parametrize("memo", MEMOS_WITHOUT)
def test_a_memo_without_a_card_is_left_alone(memo: str) -> None:
    assert not has_card_number(memo)
    assert mask_runs(memo) == memo


@given(cards, st.text("甲 ,;:x\n"), st.text("甲 ,;:x\n"))
def test_a_card_is_found_wherever_it_stands(number: str, before: str, after: str) -> None:
    assert has_card_number(before + number + after)
    assert number not in mask_runs(before + number + after)
    assert mask(number) in mask_runs(before + number + after)


@given(cards, st.integers(0, 99999), st.integers(0, 99999), st.sampled_from(" -"))
def test_a_card_is_found_beside_other_numbers(number: str, before: int, after: int, between: str) -> None:
    text = f"{before}{between}{number}{between}{after}"
    assert has_card_number(text)
    assert number not in mask_runs(text)


@given(
    st.lists(st.text("0123456789", min_size=1, max_size=8), min_size=1, max_size=12), st.sampled_from([" ", "-", "  "])
)
def test_no_card_shines_through_wherever_its_groups_begin(groups: list[str], between: str) -> None:
    """Every window of whole groups that is a card is hidden, also where two such windows overlap."""
    hidden = re.sub(r"[^0-9*]", "", mask_runs(between.join(groups)))
    for first in range(len(groups)):
        for last in range(first, len(groups)):
            number = "".join(groups[first : last + 1])
            if 12 <= len(number) <= 19 and luhn.is_valid(number) and len(set(number)) > 3:
                assert number not in hidden


@given(st.text())
def test_masking_is_harmless_to_any_text(text: str) -> None:
    assume(not has_card_number(text))
    assert mask_runs(text) == text
