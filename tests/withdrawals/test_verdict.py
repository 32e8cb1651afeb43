"""What the table of test_rules.py does not show cell by cell: what a verdict does not depend on, what a second look at the
same evidence changes (nothing), that the order of evidence decides nothing, and proof of absence to the second.
"""

from datetime import UTC, datetime, timedelta
from itertools import permutations, product

import pytest

from app.channels.contract import Observation, Seen
from app.kernel.clock import BUSINESS_ZONE
from app.kernel.money import ZERO, Money
from app.withdrawals import rules
from app.withdrawals.rules import Known, Verdict
from app.withdrawals.states import WITHDRAWAL, State

AMOUNT, FEE = Money(10_000), Money(200)
FIRST = datetime(2026, 11, 21, 15, 59, 30, tzinfo=UTC)  # 23:59:30 in Shanghai: the minute goes over a business day
LIMIT = rules.BETWEEN_NOT_FOUND_S
EVIDENCE = [
    Observation(seen=seen, signed=signed, amount=amount, number=number)
    for seen, signed, amount, number in product(Seen, (True, False), (None, AMOUNT, Money(1)), ("", "W1", "W2"))
]
SURE = [Observation(seen=seen, signed=True, amount=AMOUNT) for seen in (Seen.PAID, Seen.FAILED, Seen.RETURNED)]


def known(state: str, attempts: int = 1) -> Known:
    return Known(number="W1", state=State(state), amount=AMOUNT, attempts=attempts)


def after(state: str, seen: Observation) -> tuple[str, str]:
    """The state that this evidence leads to, and why a person must look, if one must."""
    verdict = rules.verdict(known(state), seen)
    for verb in verdict.verbs:
        state = WITHDRAWAL.move(state, verb).target
    return state, verdict.hold


@pytest.mark.parametrize("state", list(State))
def test_words_for_people_decide_nothing(state: State) -> None:
    for seen in EVIDENCE:
        spoken = Observation(
            seen=seen.seen,
            signed=seen.signed,
            amount=seen.amount,
            number=seen.number,
            channel_number="D1",
            word="FAILED",
            message="成功 paid 失败",
        )
        assert rules.verdict(known(state), spoken) == rules.verdict(known(state), seen)


@pytest.mark.parametrize("state", list(State))
def test_how_often_it_was_sent_matters_only_while_it_is_queued(state: State) -> None:
    for seen in EVIDENCE:
        verdicts = {attempts: rules.verdict(known(state, attempts), seen) for attempts in (0, 1, 2, 99)}
        assert verdicts[1] == verdicts[2] == verdicts[99]
        if state != State.QUEUED:
            assert verdicts[0] == verdicts[1]
        assert not verdicts[0].verbs or state != State.QUEUED, "what was never sent does not end by itself"


@pytest.mark.parametrize("state", list(State))
def test_the_same_evidence_twice_teaches_nothing_the_second_time(state: State) -> None:
    """Callbacks come three times. (A NOT_SENT is no evidence of the channel: a re-send may fail to leave again.)"""
    for seen in EVIDENCE:
        then, hold = after(state, seen)
        if hold or (then == State.QUEUED and state == State.SENDING):
            continue
        assert rules.verdict(known(then), seen) == Verdict(), f"{state} -> {then}: {seen}"


@pytest.mark.parametrize("state", [State.SENDING, State.PENDING])
def test_in_whatever_order_evidence_comes_no_contradiction_is_swallowed(state: State) -> None:
    """PAID and FAILED never both stand: whichever came first, a person looks. PAID and RETURNED agree in any order."""
    for order in permutations(SURE, 2):
        now, holds = state, []
        for seen in order:
            now, hold = after(now, seen)
            holds.append(hold)
        if Seen.FAILED in {seen.seen for seen in order}:
            assert holds == ["", "contradiction"], [str(seen.seen) for seen in order]
        else:
            assert (now, holds) == ("returned", ["", ""])


@pytest.mark.parametrize("state", list(State))
def test_nothing_unsigned_and_nothing_of_another_amount_ends_a_withdrawal(state: State) -> None:
    for seen in EVIDENCE:
        if seen.seen is Seen.NOT_SENT or (seen.signed and seen.amount in (None, AMOUNT) and seen.number != "W2"):
            continue
        assert after(state, seen)[0] in {state, *([State.PENDING] if state == State.SENDING else [])}


@pytest.mark.parametrize("zone", [UTC, BUSINESS_ZONE], ids=["UTC", "Shanghai"])
@pytest.mark.parametrize(
    ("passed", "proof"),
    [
        (timedelta(seconds=LIMIT - 1), False),
        (timedelta(seconds=LIMIT) - timedelta(microseconds=1), False),
        (timedelta(seconds=LIMIT), True),
        (timedelta(seconds=LIMIT) + timedelta(microseconds=1), True),
        (timedelta(seconds=LIMIT + 1), True),
    ],
)
def test_absence_is_proved_at_the_limit_and_not_a_moment_before(zone: object, passed: timedelta, proof: bool) -> None:
    now = (FIRST + passed).astimezone(zone)  # type: ignore[arg-type]
    assert rules.is_proof_of_absence(not_found=2, first_not_found_at=FIRST, now=now) is proof
    assert rules.is_proof_of_absence(not_found=1, first_not_found_at=FIRST, now=now) is False, "once is never enough"


def test_the_limit_is_the_promised_minute() -> None:
    """RELIABILITY I-1: at least 60 s apart. A shorter one would be a change of a promise, not of a number."""
    assert LIMIT >= 60


@pytest.mark.parametrize("fee", [FEE, ZERO], ids=["with a fee", "without"])
def test_on_every_walk_the_entries_are_what_the_moves_booked(fee: Money) -> None:
    """Rule and table of states, each read alone, come to the same entries, whatever way a withdrawal went."""
    books = {
        "settle": {"settle": AMOUNT} | ({"fee": fee} if fee else {}),
        "release": {"void": AMOUNT + fee},
        "reverse": {"return": AMOUNT},
        "": {},
    }
    walks = [(str(WITHDRAWAL.initial), {"hold": AMOUNT + fee})]
    been: set[tuple[str, frozenset[tuple[str, Money]]]] = set()  # two walks that come to the same place go on alike
    while walks:
        state, booked = walks.pop()
        assert rules.entries(State(state), amount=AMOUNT, fee=fee) == booked, state
        place = state, frozenset(booked.items())
        if place in been:
            continue
        been.add(place)
        for move in WITHDRAWAL.moves:
            if state in move.sources and move.book == "pay_late":  # beside it, under a hold of its own
                walks.append((str(move.target), {"hold": AMOUNT + fee} | books["settle"]))
            elif state in move.sources:
                assert not booked.keys() & books[move.book].keys(), f"{move.verb} books a second time"
                walks.append((move.target, booked | books[move.book]))
    assert {state for state, _booked in been} == {str(state) for state in State}
