"""A refusal keeps its template beside its values, so that a page can say it in any language."""

import pytest

from app.kernel.errors import Malformed, Refused, Text


def test_a_refusal_can_be_said_again_in_another_language() -> None:
    refused = Refused("还差 %(missing)s 元", advice="请先收款", missing="1.00")
    assert str(refused) == refused.text == "还差 1.00 元"
    assert (refused.text.template, refused.text.values) == ("还差 %(missing)s 元", {"missing": "1.00"})
    assert refused.advice == "请先收款"
    assert Refused("不行").advice is None


def test_a_percent_sign_without_values_is_only_a_percent_sign() -> None:
    assert Text("费率 0.6%") == "费率 0.6%"
    assert Text("%(rate)s%%", rate="0.6") == "0.6%"


def test_a_value_is_never_a_template() -> None:
    assert str(Malformed("“%(text)s”不对", text="%(secret)s")) == "“%(secret)s”不对"


@pytest.mark.parametrize("longest", [None, 300, 60, 10])
def test_a_sentence_that_is_kept_is_told_again(longest: int | None) -> None:
    """Where it does not fit it is kept as the plain sentence, never as half a one that nobody can read."""
    text = Text("余额不足，还差 ¥%(amount)s（%(why)s）", amount="1.00", why="“引号”与 100%" * 3)
    kept = text.kept(longest)
    assert longest is None or len(kept) <= longest
    told = Text.told(kept)
    assert str(told) == str(text)[: len(told)]
    fits = longest is None or longest >= 300
    assert (told.template, told.values) == ((text.template, text.values) if fits else (str(text)[:longest], {}))


def test_nothing_that_is_kept_is_nothing() -> None:
    assert Text.told("") == ""
