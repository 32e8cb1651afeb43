"""What follows from what was seen, cell by cell; and what proves that a request never arrived."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.channels.contract import Observation, Seen
from app.kernel.errors import Refused
from app.kernel.money import ZERO, Money
from app.withdrawals import rules
from app.withdrawals.rules import Known, Verdict
from app.withdrawals.states import WITHDRAWAL, State

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
OURS, OTHER = Money(10_000), Money(9_999)

NOTHING = Verdict()
WAIT, UNSENT = Verdict(verbs=("wait",)), Verdict(verbs=("unsent",))
PAY, FAIL, RETURN = Verdict(verbs=("succeed",)), Verdict(verbs=("fail",)), Verdict(verbs=("return",))
PAY_AND_RETURN = Verdict(verbs=("succeed", "return"))
CONTRADICTION, NEVER, AMOUNT, NUMBER = (
    Verdict(hold=reason) for reason in ("contradiction", "never_sent", "amount_differs", "number_differs")
)

# What a valid signature says, about our order and our amount. QUEUED comes twice: before the first send, and after one.
# fmt: off
SIGNED = {
    #                PENDING  NOT_FOUND NOT_SENT  PAID           FAILED         RETURNED
    "review":       (NOTHING, NOTHING,  NOTHING,  NEVER,         NEVER,         NEVER),
    "queued":       (NOTHING, NOTHING,  NOTHING,  NEVER,         NEVER,         NEVER),
    "queued again": (NOTHING, NOTHING,  NOTHING,  PAY,           FAIL,          PAY_AND_RETURN),
    "sending":      (WAIT,    WAIT,     UNSENT,   PAY,           FAIL,          PAY_AND_RETURN),
    "pending":      (NOTHING, NOTHING,  NOTHING,  PAY,           FAIL,          PAY_AND_RETURN),
    "paid":         (NOTHING, NOTHING,  NOTHING,  NOTHING,       CONTRADICTION, RETURN),
    "failed":       (NOTHING, NOTHING,  NOTHING,  CONTRADICTION, NOTHING,       CONTRADICTION),
    "returned":     (NOTHING, NOTHING,  NOTHING,  NOTHING,       CONTRADICTION, NOTHING),
    "rejected":     (NOTHING, NOTHING,  NOTHING,  NEVER,         NEVER,         NEVER),
    "cancelled":    (NOTHING, NOTHING,  NOTHING,  NEVER,         NEVER,         NEVER),
}
# fmt: on
COLUMNS = (Seen.PENDING, Seen.NOT_FOUND, Seen.NOT_SENT, Seen.PAID, Seen.FAILED, Seen.RETURNED)


def known(row: str) -> Known:
    state = State(row.removesuffix(" again"))
    never_left = row in ("review", "queued", "rejected", "cancelled")
    return Known(number="W1", state=state, amount=OURS, attempts=0 if never_left else 1)


def test_the_table_is_whole() -> None:
    assert {row.removesuffix(" again") for row in SIGNED} == {str(state) for state in WITHDRAWAL.states}
    assert set(COLUMNS) == set(Seen) and all(len(row) == len(COLUMNS) for row in SIGNED.values())


@pytest.mark.parametrize(("row", "seen"), [(row, seen) for row in SIGNED for seen in COLUMNS])
def test_each_cell(row: str, seen: Seen) -> None:
    """State × what was seen × signed or not × which amount × which number: 480 cells."""
    expected = SIGNED[row][COLUMNS.index(seen)]
    for signed, amount, number in product((True, False), (None, OURS, OTHER, ZERO), ("", "W1", "W2")):
        found = rules.verdict(known(row), Observation(seen=seen, signed=signed, amount=amount, number=number))
        if number == "W2":
            assert found == NUMBER
        elif seen is Seen.NOT_SENT:
            assert found == expected  # our own word: it carries no signature and no amount
        elif not signed:
            assert found == (WAIT if row == "sending" else NOTHING), "nothing unsigned ends a withdrawal"
        elif amount not in (None, OURS):
            assert found == AMOUNT
        else:
            assert found == expected


def test_each_verdict_is_a_walk_the_table_of_states_allows() -> None:
    for row, cells in SIGNED.items():
        for cell in cells:
            state: str = known(row).state
            for verb in cell.verbs:
                state = WITHDRAWAL.move(state, verb).target
            assert not (cell.verbs and cell.hold)
            assert cell.hold in {"", *rules.HOLDS}


SENT = NOW - timedelta(hours=1)
LATEST = rules.SEND_WITHIN_S + rules.HTTP_TOTAL_S


@pytest.mark.parametrize(
    ("window_s", "after_s", "could"),
    [
        (0, LATEST - 0.001, True),
        (0, LATEST, False),
        (900, LATEST + 899.999, True),
        (900, LATEST + 900, False),
        (86_400, LATEST + 86_399, True),
        (86_400, LATEST + 86_400, False),
        (900, -7200, True),  # the clock was set back
    ],
)
def test_until_when_a_request_could_still_arrive(window_s: int, after_s: float, could: bool) -> None:
    now = SENT + timedelta(seconds=after_s)
    assert rules.could_still_arrive(sent_at=SENT, window_s=window_s, now=now) is could


@pytest.mark.parametrize(
    ("times", "first_s_ago", "proof"),
    [
        (0, None, False),
        (1, 3600, False),
        (2, 59.999, False),
        (2, 60, True),
        (3, 59, False),
        (3, 61, True),
        (2, 0, False),
        (2, -7200, False),  # the clock was set back
        (2, None, False),
    ],
)
def test_what_proves_absence(times: int, first_s_ago: float | None, proof: bool) -> None:
    first = None if first_s_ago is None else NOW - timedelta(seconds=first_s_ago)
    assert rules.is_proof_of_absence(not_found=times, first_not_found_at=first, now=NOW) is proof


def test_the_request_itself_cannot_take_longer_than_the_proof_allows() -> None:
    from app.runtime import http

    assert http.TOTAL_S <= rules.HTTP_TOTAL_S


@pytest.mark.parametrize(
    ("amount", "sentence"), [(0, "大于 0"), (-1, "大于 0"), (10_001, "单笔限额 ¥100.00"), (10_000, ""), (1, "")]
)
def test_which_amounts_may_be_withdrawn(amount: int, sentence: str) -> None:
    if not sentence:
        rules.require_amount(Money(amount), limit=OURS)
        return
    with pytest.raises(Refused, match=sentence):
        rules.require_amount(Money(amount), limit=OURS)


@pytest.mark.parametrize(
    "memo", ["6222021001116245777", "卡 6222 0210 0111 6245 777", "６２２２０２１００１１１６２４５７７７"]
)
def test_a_memo_with_a_card_number_is_refused(memo: str) -> None:
    with pytest.raises(Refused, match="卡号"):
        rules.require_clean_memo(memo)


@pytest.mark.parametrize("memo", ["", "货款 20261121", "订单 W20261121ABCDEF", "13912345678"])
def test_other_memos_are_fine(memo: str) -> None:
    rules.require_clean_memo(memo)


def test_nobody_checks_their_own() -> None:
    rules.require_another_pair_of_eyes(maker_id=1, checker_id=2)
    with pytest.raises(Refused, match="自己"):
        rules.require_another_pair_of_eyes(maker_id=1, checker_id=1)
