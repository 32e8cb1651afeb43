"""The figures of a merchant are a pure function of its terms and of time."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel import clock
from app.sandbox import growth
from app.sandbox.growth import DAY, Account, Terms

REGISTERED = date(2026, 11, 21)
TERMS = Terms(
    seed="dolphin 880100231",
    opened_on=REGISTERED - 30 * DAY,
    registered_on=REGISTERED,
    starting_balance_minor=50_000_000,
    starting_total_minor=900_000_000,
    per_minute_minor=120_000,
    fee_ppm=3800,
)
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
Terms_ = st.builds(
    Terms,
    seed=st.text(max_size=10),
    opened_on=st.integers(0, 40).map(lambda days: REGISTERED - days * DAY),
    registered_on=st.just(REGISTERED),
    starting_balance_minor=st.integers(0, 10**9),
    starting_total_minor=st.integers(2 * 10**9, 10**12),
    per_minute_minor=st.integers(0, 10**7),
    fee_ppm=st.integers(0, 20_000),
)


def at(terms: Terms, now: datetime, *, day: date | None = None, paid: int = 0, out: int = 0) -> Account:
    return growth.account(terms, day or clock.business_day(now), now, paid_minor=paid, out_minor=out)


def test_the_same_question_has_the_same_answer() -> None:
    first = at(TERMS, NOON)
    growth.collected_on.cache_clear()
    growth.collected_between.cache_clear()
    assert at(TERMS, NOON) == first
    assert growth.collected_on(TERMS.seed, TERMS.per_minute_minor, REGISTERED) == 182_179_895


def test_today_grows_within_the_day_and_becomes_yesterday_at_midnight_in_shanghai() -> None:
    seconds = [datetime(2026, 11, 20, 16, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(0, 1440, 7)]
    collected = [at(TERMS, now).today_minor for now in seconds]
    assert collected[0] == 0
    assert collected == sorted(collected)
    assert len(set(collected)) == len(collected)
    end = datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)
    after = at(TERMS, end + timedelta(seconds=1))
    whole = growth.collected_on(TERMS.seed, TERMS.per_minute_minor, REGISTERED)
    assert (after.day, after.today_minor, after.yesterday_minor) == (date(2026, 11, 22), 0, whole)
    assert 0 <= whole - at(TERMS, end).today_minor < TERMS.per_minute_minor


def test_a_past_day_reads_the_same_on_every_later_day() -> None:
    asked = [at(TERMS, NOON + later * DAY, day=REGISTERED - DAY) for later in range(5)]
    assert len(set(asked)) == 1


@given(terms=Terms_, seconds=st.integers(0, 40 * 86_400), paid=st.integers(0, 10**6), waiting=st.integers(0, 10**6))
@settings(max_examples=80, deadline=None)
def test_what_came_in_is_settled_settleable_or_on_its_way(terms: Terms, seconds: int, paid: int, waiting: int) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=seconds)
    account = at(terms, now, paid=paid, out=paid + waiting)
    days = [terms.opened_on + DAY * index for index in range((account.day - terms.opened_on).days)]
    gross = [growth.collected_on(terms.seed, terms.per_minute_minor, day) for day in days] + [account.today_minor]
    net = sum(amount - amount * terms.fee_ppm // 1_000_000 for amount in gross)
    starting_net = growth.starting_settled(terms) + terms.starting_balance_minor
    assert account.total_minor == terms.starting_total_minor + sum(gross)
    if account.settleable_minor:
        assert account.settled_minor + account.settleable_minor + waiting == starting_net + net


@given(terms=Terms_, seconds=st.integers(0, 5 * 86_400), later=st.integers(0, 5 * 86_400))
@settings(max_examples=80, deadline=None)
def test_nothing_ever_shrinks_by_itself(terms: Terms, seconds: int, later: int) -> None:
    now = NOON + timedelta(seconds=seconds)
    before, after = at(terms, now), at(terms, now + timedelta(seconds=later))
    assert after.total_minor >= before.total_minor
    assert after.settled_minor >= before.settled_minor
    assert after.settleable_minor >= before.settleable_minor
