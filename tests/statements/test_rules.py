"""When statements are pulled, and which lines are the same."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from app.channels.contract import Seen, StatementLine
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.statements import rules
from app.statements.states import FINDINGS, LABELS, ODD, OURS, STRANGE, Finding, State

DAY = date(2026, 11, 21)
ENDED = datetime(2026, 11, 21, 16, tzinfo=UTC)  # midnight in Shanghai
LINE = StatementLine(
    number="W1", channel_number="E1", word="SUCCESS", seen=Seen.PAID, amount=Money(1), fee=None, at=ENDED
)


def after(hours: float) -> datetime:
    return ENDED + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("pulled", "failed", "now", "due"),
    [
        (None, None, 1.9, False),
        (None, None, 2, True),
        (None, None, 9999, True),
        (-5, None, 2, True),
        (2.1, None, 13.9, False),
        (2.1, None, 14, True),
        (14.1, None, 26, True),
        (26.1, None, 49, False),
        (26.1, None, 50, True),
        (74.1, None, 9999, False),
        (None, 2.1, 2.5, False),
        (None, 2.1, 2.6, True),
        (2.1, 14.1, 14.2, False),
        (2.1, 14.1, 14.7, True),
    ],
)
def test_a_day_is_pulled_in_the_night_again_that_day_and_on_three_days_more(
    pulled: float | None, failed: float | None, now: float, due: bool
) -> None:
    known = {
        "pulled_at": None if pulled is None else after(pulled),
        "failed_at": None if failed is None else after(failed),
    }
    assert rules.is_due(DAY, **known, now=after(now)) is due


def test_days_on_which_nobody_asked_are_asked_about_from_the_accounts_first_one_on() -> None:
    assert rules.days_due(first=DAY, today=DAY) == []
    assert rules.days_due(first=DAY, today=DAY + timedelta(days=2)) == [DAY, DAY + timedelta(days=1)]
    assert len(rules.days_due(first=date(2020, 1, 1), today=DAY)) == rules.LOOK_BACK_DAYS


def test_tomorrow_has_no_statement() -> None:
    rules.require_day(DAY, today=DAY)
    with pytest.raises(Refused):
        rules.require_day(DAY + timedelta(days=1), today=DAY)


def test_whatever_is_told_otherwise_is_another_line() -> None:
    others = [
        *(replace(LINE, number="W2"), replace(LINE, channel_number="E2"), replace(LINE, word="PAID")),
        *(replace(LINE, seen=Seen.RETURNED), replace(LINE, amount=Money(2)), replace(LINE, fee=Money(0))),
        *(replace(LINE, at=after(1)), replace(LINE, at=None), replace(LINE, message="x")),
        replace(LINE, number="W1E1", channel_number=""),
    ]
    found = [rules.digest(LINE, 1), rules.digest(LINE, 2), *(rules.digest(line, 1) for line in others)]
    assert len(set(found)) == len(found)
    moved = replace(LINE, at=LINE.at.astimezone(tz=None) if LINE.at else None)
    assert rules.digest(moved, 1) == found[0], "the same moment, told from another zone"


def test_a_subject_is_read_as_it_is_written() -> None:
    assert rules.subject("C1", DAY) == "C1/20261121"
    assert rules.of_subject("C1/20261121") == ("C1", DAY)


def test_everything_has_its_words() -> None:
    assert set(LABELS) == set(State)
    assert set(FINDINGS) == set(Finding)
    assert STRANGE < ODD and not STRANGE & OURS
    assert rules.in_steps(range(5), 2) == [[0, 1], [2, 3], [4]]


def test_what_the_night_did_not_tell_is_late() -> None:
    assert rules.late_from(DAY) == after(14), "by then it is asked for once more"
