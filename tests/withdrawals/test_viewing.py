"""How a list is looked at: spans of days, what a view keeps, columns, and the drawing of the table. Rules alone."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import Refused
from app.withdrawals.rules import viewing

TODAY = date(2026, 11, 21)
KEYS = list(viewing.COLUMNS)
MUST = {key for key, column in viewing.COLUMNS.items() if column.required}


@pytest.mark.parametrize(
    ("name", "first", "last", "days"),
    [
        ("today", TODAY, TODAY, 1),
        ("yesterday", date(2026, 11, 20), date(2026, 11, 20), 1),
        ("week", date(2026, 11, 15), TODAY, 7),
        ("month", date(2026, 11, 1), TODAY, 21),
        ("quarter", date(2026, 8, 24), TODAY, 90),
    ],
)
def test_both_ends_of_a_span_are_in_it(name: str, first: date, last: date, days: int) -> None:
    assert viewing.span(name, TODAY) == (first, last)
    assert (last - first).days + 1 == days


def test_a_view_of_today_is_today_tomorrow_as_well() -> None:
    asked = {"state": "paid", "from": "20261121", "to": "20261121", "size": "100"}
    view = viewing.kept(asked, TODAY)
    assert view == {"state": "paid", "size": "100", "span": "today"}
    tomorrow = viewing.opened(view, TODAY + timedelta(days=1))
    assert tomorrow == {"state": "paid", "size": "100", "from": "20261122", "to": "20261122"}


def test_a_view_of_certain_days_keeps_them() -> None:
    asked = {"from": "20260101", "to": "20260131"}
    assert viewing.opened(viewing.kept(asked, TODAY), TODAY + timedelta(days=9)) == asked


def test_nobodys_name_or_card_goes_into_a_view() -> None:
    asked = {"q": "张三", "sealed_card": "a" * 64, "card": "6222021001116245777", "state": "paid", "before": "7"}
    assert viewing.kept(asked, TODAY) == {"state": "paid"}


@given(st.lists(st.sampled_from([*KEYS, "nonsense"])))
def test_columns_that_must_be_there_are(wanted: list[str]) -> None:
    found = viewing.chosen(wanted)
    assert set(found) == (set(wanted) & set(KEYS)) | MUST
    assert len(found) == len(set(found))
    others = [key for key in dict.fromkeys(wanted) if key in KEYS]
    assert [key for key in found if key in others] == others


def test_columns_stand_as_they_were_numbered() -> None:
    assert viewing.placed(["memo", "amount"], {"memo": 1, "amount": 2}) == ("memo", "amount", "number", "state")
    assert viewing.placed(["memo"], {}) == ("number", "amount", "state", "memo")
    assert viewing.placed(KEYS, dict.fromkeys(KEYS)) == tuple(KEYS)


@pytest.mark.parametrize("name", ["", "   ", "很" * 21])
def test_a_view_has_a_name(name: str) -> None:
    with pytest.raises(Refused, match="1 到 20"):
        viewing.require_name(name)
