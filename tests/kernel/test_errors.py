"""A refusal keeps its template beside its values, so that a page can say it in any language."""

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
