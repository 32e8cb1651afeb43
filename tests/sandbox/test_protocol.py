"""Each adapter talks to the real program: submit, callback, query, cards, figures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from app.channels.contract import (
    BindObservation,
    BindsCards,
    BindSeen,
    CardToBind,
    Figures,
    ReadsFigures,
    ReadsStatements,
    Seen,
    Unreadable,
)
from app.kernel import clock, signing
from app.kernel.funds import Funds
from app.kernel.money import Money
from tests.sandbox.third_party import Line, new_order, until


def test_a_payout_is_accepted_then_called_back_then_found_paid(line: Line) -> None:
    order = new_order(123_400)
    accepted = line.submit(order)
    assert (accepted.seen, accepted.signed, accepted.number, accepted.amount) == (
        Seen.PENDING,
        True,
        order.number,
        order.amount,
    )
    [called] = line.until_called(order, Seen.PAID)
    found = line.query(order)
    for observation in (called, found):
        assert (observation.seen, observation.number, observation.amount) == (Seen.PAID, order.number, order.amount)
        assert observation.channel_number == accepted.channel_number != ""


def test_an_unknown_number_is_not_found(line: Line) -> None:
    order = new_order()
    found = line.query(order)
    assert (found.seen, found.signed, found.number) == (Seen.NOT_FOUND, True, order.number)


@pytest.mark.parametrize("code", ["dolphin", "egret"])
def test_a_deduplicating_channel_pays_a_number_once_however_often_it_is_sent(
    code: str, new_line: Callable[..., Line]
) -> None:
    line, order = new_line(code), new_order()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: line.submit(order), range(16)))
    assert len({answer.channel_number for answer in answers}) == 1
    line.until_seen(order, Seen.PAID)
    assert line.submit(order).seen is Seen.PAID
    [row] = line.rows(order)
    assert (row["times_submitted"], row["times_taken"], row["times_paid"]) == (17, 1, 1)
    assert line.summary()["paid_more_than_once"] == {"count": 0, "sum_minor": 0}


def test_spruce_pays_as_often_as_it_is_asked_and_says_so(new_line: Callable[..., Line]) -> None:
    line, order = new_line("spruce"), new_order(5_000)
    for _ in range(3):
        assert line.submit(order).seen is Seen.PENDING
    until(lambda: [row["times_paid"] for row in line.rows(order)] == [3, 3, 3], "three payments")
    assert line.summary()["paid_more_than_once"] == {"count": 1, "sum_minor": 10_000}


def test_a_known_number_with_another_amount_proves_nothing(new_line: Callable[..., Line]) -> None:
    for code in ("dolphin", "egret"):
        line, order = new_line(code), new_order(10_000)
        line.submit(order)
        again = line.submit(replace(order, amount=Money(20_000)))
        assert again.seen is Seen.PENDING
        line.until_seen(order, Seen.PAID)


def test_a_callback_is_repeated_until_its_word_is_read(line: Line) -> None:
    order = new_order()
    line.inbox.refusing = 2
    line.submit(order)
    line.until_called(order, Seen.PAID, Seen.PAID, Seen.PAID)
    [row] = until(
        lambda: [row for row in line.rows(order) if row["callbacks"][0]["delivered_at"]], "the word being read"
    )
    assert row["callbacks"][0]["attempts"] == 3
    assert len({raw.body for raw in line.inbox.raw}) == 1, "a repeated notice is the same text"


def test_not_enough_money_is_a_definite_refusal_and_stays_one(new_line: Callable[..., Line]) -> None:
    for code in ("dolphin", "egret", "spruce"):
        line = new_line(code, starting_balance_minor=10_000, growth_minor_per_minute=0)
        order = new_order(10_100)
        for _ in range(2):
            refused = line.submit(order)
            assert (refused.seen, refused.number, refused.amount) == (Seen.FAILED, order.number, order.amount)
        assert line.query(order).seen is Seen.FAILED
        assert line.submit(new_order(10_000)).seen is Seen.PENDING


def test_what_was_paid_in_is_kept_apart_from_what_was_collected(new_line: Callable[..., Line]) -> None:
    line = new_line("egret", starting_balance_minor=50_000, deposited_minor=30_000, growth_minor_per_minute=0)

    def left() -> tuple[int, int | None, int]:
        told = figures(line)
        return told.settleable.minor, told.prefunded.minor if told.prefunded else None, told.settled.minor

    _, _, settled = left()
    order = replace(new_order(20_000), funds=Funds.PREFUNDED)
    assert line.submit(order).seen is Seen.PENDING
    line.until_seen(order, Seen.PAID)
    assert left() == (50_000, 10_000, settled), "nothing of it was collected, so nothing of it is settled"
    assert line.submit(replace(new_order(20_000), funds=Funds.PREFUNDED)).seen is Seen.FAILED, (
        "no more than was paid in"
    )
    other = line.submit(replace(order, funds=Funds.COLLECTED))
    assert (other.seen, other.word) == (Seen.PENDING, "TRADE_NO_CONFLICT")
    assert line.submit(new_order(50_000)).seen is Seen.PENDING
    [row] = line.rows(order)
    line.third.post(f"/control/payouts/{row['id']}/return", {})
    assert left()[:2] == (0, 30_000), "what came back is where it was taken from"
    assert line.third.post(f"/control/merchants/egret/{line.name}/deposit", {"amount_minor": 500}).status_code == 200
    assert left()[1] == 30_500


@pytest.mark.parametrize("asked", [{"amount_minor": 0}, {"amount_minor": -1}, {"amount_minor": "5"}, {}])
def test_what_is_paid_in_is_an_amount(new_line: Callable[..., Line], asked: dict[str, object]) -> None:
    line = new_line("egret")
    assert line.third.post(f"/control/merchants/egret/{line.name}/deposit", asked).status_code == 400
    other = new_line("dolphin")
    told = line.third.post(f"/control/merchants/dolphin/{other.name}/deposit", {"amount_minor": 500})
    assert told.status_code == 400, "they keep no such balance"


def test_only_bound_cards_are_paid_where_that_was_agreed(new_line: Callable[..., Line]) -> None:
    for code in ("dolphin", "egret", "spruce"):
        line = new_line(code, needs_bound_cards=True)
        assert line.submit(new_order()).seen is Seen.FAILED
        bind(line, new_order().card_number)
        assert line.submit(new_order()).seen is Seen.PENDING
        assert line.submit(new_order(holder="李四")).seen is Seen.FAILED


def test_a_card_is_bound_refused_or_in_review_by_its_last_digits(line: Line) -> None:
    bound = bind(line, "6222020200112233458", reference="B1")
    assert (bound.seen, bound.signed) == (BindSeen.BOUND, True)
    assert bound.channel_card
    assert bind(line, "6222020200112233458", reference="B1").channel_card == bound.channel_card
    assert bind(line, "6222020200112233458", reference="B2").channel_card == bound.channel_card
    refused = bind(line, "6222020200112233401", reference="B3")
    assert (refused.seen, refused.message) == (BindSeen.REFUSED, "户名不符")
    assert bind(line, "6222020200112233403", reference="B4").seen is BindSeen.PENDING
    assert bind(line, "6222020200112233403", reference="B4").seen is BindSeen.BOUND


def test_figures_grow_and_follow_what_was_paid(line: Line) -> None:
    before = figures(line)
    order = new_order(1_000_000)
    line.submit(order)
    line.until_seen(order, Seen.PAID)
    after = figures(line)
    assert after.settled - before.settled == order.amount
    collected = after.today - before.today
    assert Money(0) <= collected
    assert abs((before.settleable - after.settleable - order.amount + collected).minor) <= collected.minor // 100 + 1
    assert after.total - before.total == collected


def test_thirty_days_of_history_can_be_asked_and_fit_together(line: Line) -> None:
    today = clock.business_day()
    days = [figures(line, today - timedelta(days=back)) for back in range(30, 0, -1)]
    for earlier, later in pairwise(days):
        assert later.yesterday == earlier.today > Money(0)
        assert later.total == earlier.total + later.today
        assert later.settled > earlier.settled
    for day in (today - timedelta(days=31), today + timedelta(days=1)):
        with pytest.raises(Unreadable):
            figures(line, day)


def test_a_days_statement_is_what_was_paid_and_what_came_back_page_by_page(new_line: Callable[..., Line]) -> None:
    line, today = new_line("egret", payout_fee_minor=200), clock.business_day()
    assert statement(line, today) == []
    kept, returned, refused = new_order(), new_order(10_016), new_order(10_001)
    for order in (kept, returned, refused):
        line.submit(order)
    line.until_seen(kept, Seen.PAID)
    line.until_seen(returned, Seen.RETURNED)
    told = statement(line, today)
    assert sorted((it[0], it[1]) for it in told) == sorted(
        [(kept.number, Seen.PAID), (returned.number, Seen.PAID), (returned.number, Seen.RETURNED)]
    )
    assert [it[2:] for it in told if it[:2] == (kept.number, Seen.PAID)] == [(kept.amount, Money(200))]
    assert [it[1] for it in told if it[0] == returned.number] == [Seen.PAID, Seen.RETURNED], "as it happened"
    assert statement(line, today - timedelta(days=1)) == []
    with pytest.raises(Unreadable):
        statement(line, today + timedelta(days=1))


def test_a_request_with_a_wrong_signature_is_not_taken(line: Line) -> None:
    order = new_order()
    wrong = {"key": "wrong", "api_secret": "wrong", "private_key": signing.new_rsa_pair()[0]}
    stranger = type(line.channel)({**line.settings, **wrong})
    reply = line.call(stranger.write_submit(order))
    assert b"3001" in reply.body or b"SIGN_ERROR" in reply.body or b"signature_invalid" in reply.body
    assert line.query(order).seen is Seen.NOT_FOUND


@pytest.mark.parametrize("code", ["egret", "spruce"])
def test_an_old_request_is_not_taken(code: str, new_line: Callable[..., Line]) -> None:
    line, order = new_line(code), new_order()
    with clock.replaced(lambda: datetime.now(UTC) - timedelta(minutes=6)):
        request = line.channel.write_submit(order)
    assert line.channel.read_submit(order, line.call(request)).seen is Seen.PENDING
    assert line.query(order).seen is Seen.NOT_FOUND


def bind(line: Line, card_number: str, reference: str = "B0") -> BindObservation:
    assert isinstance(line.channel, BindsCards)
    card = CardToBind(reference=reference, card_number=card_number, holder="张三", bank="工商银行", phone="13800000000")
    return line.channel.read_bind(card, line.call(line.channel.write_bind(card)))


def figures(line: Line, day: date | None = None) -> Figures:
    assert isinstance(line.channel, ReadsFigures)
    day = day or clock.business_day()
    return line.channel.read_figures(day, line.call(line.channel.write_figures(day)))


def statement(line: Line, day: date) -> list[tuple[str, Seen, Money, Money | None]]:
    assert isinstance(line.channel, ReadsStatements)
    page = line.channel.read_statement(day, "", line.call(line.channel.write_statement(day, "")))
    assert page.next == ""
    return [(it.number, it.seen, it.amount, it.fee) for it in page.lines]
