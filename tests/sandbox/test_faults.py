"""The fault table, walked through by every adapter over real HTTP: what the answer is, and where the money is at the end."""

from collections import Counter
from dataclasses import dataclass

import pytest
import requests

from app.channels.contract import BadSignature, KickedOut, Observation, Seen, Unreadable
from app.kernel.money import Money
from app.sandbox.faults import FAULTS, NORMAL
from tests.sandbox.third_party import Line, new_order, until

LOST = "no answer came back"


@dataclass(frozen=True)
class Story:
    """What the first submit brings, what queries find in the end, what is called back, what the third party has paid."""

    answer: Seen | str | type[Exception]
    found: Seen = Seen.PAID
    called: tuple[Seen, ...] = (Seen.PAID,)
    taken: bool = True
    kept: bool = True  # the money has left and stayed away
    early: Seen | None = None  # what the very first query finds
    misled: int = 0  # callbacks beside these that nobody can read


STORIES = {
    "normal": Story(Seen.PENDING),
    "refused": Story(Seen.FAILED, found=Seen.FAILED, called=(), taken=False, kept=False),
    "fails_later": Story(Seen.PENDING, found=Seen.FAILED, called=(Seen.FAILED,), kept=False),
    "slow": Story(LOST),
    "drop_before": Story(LOST, found=Seen.NOT_FOUND, called=(), taken=False, kept=False),
    "drop_after": Story(LOST),
    "error_taken": Story(Unreadable),
    "error_not_taken": Story(Unreadable, found=Seen.NOT_FOUND, called=(), taken=False, kept=False),
    "garbage": Story(Unreadable),
    "wrong_signature": Story(BadSignature),
    "not_found_then_found": Story(LOST, early=Seen.NOT_FOUND),
    "duplicate_callbacks": Story(Seen.PENDING, called=(Seen.PAID, Seen.PAID, Seen.PAID)),
    "late_callback": Story(Seen.PENDING, early=Seen.PENDING),
    "no_callback": Story(Seen.PENDING, called=()),
    "callback_badly_signed_first": Story(Seen.PENDING, misled=1),
    "callback_wrong_amount": Story(Seen.PENDING),
    "returned": Story(Seen.PENDING, found=Seen.RETURNED, called=(Seen.PAID, Seen.RETURNED), kept=False),
    "long_pending": Story(Seen.PENDING, found=Seen.PENDING, called=(), kept=False),
    "unknown_word": Story(Seen.PENDING, early=Seen.PENDING, called=(Seen.PENDING, Seen.PAID)),
    "failed_then_paid": Story(Seen.PENDING, called=(Seen.FAILED, Seen.PAID)),
    "answer_of_another": Story(Seen.PENDING),
    "early_callback": Story(Seen.PENDING),
    "half": Story(LOST),
    "busy_taken": Story(Seen.PENDING),
    "kicked_out": Story(KickedOut, found=Seen.NOT_FOUND, called=(), taken=False, kept=False),
}


def test_every_fault_has_its_story_and_its_own_ending() -> None:
    assert [fault.name for fault in (NORMAL, *FAULTS)] == list(STORIES)
    assert [fault.ending for fault in FAULTS] == list(range(1, len(FAULTS) + 1))


@pytest.mark.parametrize("fault", [NORMAL, *FAULTS], ids=lambda fault: fault.name)
def test_a_fault_is_what_the_table_says(line: Line, fault) -> None:  # type: ignore[no-untyped-def]
    story, order = STORIES[fault.name], new_order(50_000 + (fault.ending or 0))
    first = answer(line, order)
    if isinstance(story.answer, type):
        assert isinstance(first, story.answer)
    else:
        assert (first.seen if isinstance(first, Observation) else first) == story.answer
    if story.early:
        assert line.query(order).seen is story.early
    line.until_seen(order, story.found)
    line.until_called(order, *story.called)

    assert sum(len(row["callbacks"]) for row in line.rows(order)) == len(story.called) + story.misled

    summary = line.summary()
    assert summary["submits"] == 1
    assert summary["accepted"]["count"] == int(story.taken)
    assert summary["paid_and_kept_minor"] == (order.amount.minor if story.kept else 0)
    assert summary["paid_more_than_once"]["count"] == 0


def test_an_unknown_word_is_said_in_the_answer(line: Line) -> None:
    heard = line.submit(new_order(10_018))
    assert heard.word not in line.channel.words
    assert heard.signed


def test_the_answer_of_another_order_names_the_other_order(line: Line) -> None:
    order = new_order(10_020)
    heard = line.submit(order)
    assert heard.signed
    assert heard.number not in ("", order.number)


def test_a_wrong_amount_is_called_back_and_a_query_tells_the_right_one(line: Line) -> None:
    order = new_order(10_015)
    line.submit(order)
    [called] = line.until_called(order, Seen.PAID)
    assert called.amount == order.amount + Money(100)
    assert line.query(order).amount == order.amount


def test_a_badly_signed_callback_comes_before_the_right_one(line: Line) -> None:
    order = new_order(10_014)
    line.submit(order)
    line.until_called(order, Seen.PAID)
    assert line.inbox.unreadable(order.number) == 1
    with pytest.raises(BadSignature):
        line.channel.read_callback(line.inbox.raw[0])


def test_a_callback_can_overtake_the_answer(line: Line) -> None:
    order = new_order(10_021)
    heard = line.submit(order)
    assert heard.seen is Seen.PENDING
    assert [one.seen for one in line.inbox.heard(order.number)] == [Seen.PAID]


def test_two_queries_say_not_found_before_the_third_finds(line: Line) -> None:
    order = new_order(10_010)
    assert answer(line, order) == LOST
    assert [line.query(order).seen for _ in range(2)] == [Seen.NOT_FOUND, Seen.NOT_FOUND]
    assert line.query(order).seen in (Seen.PENDING, Seen.PAID)


def test_a_fault_falls_on_the_first_submit_only(line: Line) -> None:
    """Dropped before it was taken, sent again: accepted, and paid once."""
    order = new_order(10_004)
    assert answer(line, order) == LOST
    assert line.submit(order).seen is Seen.PENDING
    line.until_seen(order, Seen.PAID)
    [row] = line.rows(order)
    assert (row["times_submitted"], row["times_taken"], row["times_paid"]) == (2, 1, 1)


def test_a_fault_can_be_forced_on_the_next_requests_of_an_interface(line: Line) -> None:
    order = new_order()
    line.submit(order)
    line.until_seen(order, Seen.PAID)
    forced = {"manner": line.code, "merchant_no": line.name, "interface": "query", "times": 2}
    assert line.third.post("/control/faults", {**forced, "fault": "error_taken"}).status_code == 200
    for _ in range(2):
        with pytest.raises(Unreadable):
            line.query(order)
    assert line.query(order).seen is Seen.PAID
    line.third.post("/control/faults", {**forced, "fault": "not_found_then_found"})
    # Forced as it is, this one also drops the connection.
    with pytest.raises(requests.ConnectionError):
        line.query(order)
    line.third.post("/control/faults", {**forced, "fault": "drop_before", "times": 0})
    assert line.query(order).seen is Seen.PAID
    assert line.third.post("/control/faults", {**forced, "fault": "no such fault"}).status_code == 409


def test_a_merchant_can_be_spared(line: Line) -> None:
    line.register(misbehaves=False)
    orders = [new_order(20_000 + fault.ending) for fault in FAULTS if fault.ending]
    for order in orders:
        assert line.submit(order).seen is Seen.PENDING
    until(lambda: line.summary()["paid"]["count"] == len(orders), "all being paid")
    until(
        lambda: (
            Counter(one.seen for order in orders for one in line.inbox.heard(order.number))[Seen.PAID] == len(orders)
        )
    )


def answer(line: Line, order) -> Observation | str | Unreadable:  # type: ignore[no-untyped-def]
    try:
        return line.submit(order, timeout=0.75 if order.amount.minor % 100 == 3 else 20)
    except requests.RequestException:
        return LOST
    except Unreadable as unreadable:
        return unreadable
