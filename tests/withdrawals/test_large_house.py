"""A house too large to be counted at every look: settled ones as of a moment ago, open ones as they are, sums limited."""

import pytest

from app.kernel.money import Money
from app.withdrawals import queries, service
from app.withdrawals.queries import listing
from tests.world import World


@pytest.fixture
def four(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three in review and a cancelled one, in a house that counts as large."""
    account = world.account()
    made = [world.withdrawal(amount, account=account) for amount in ("10.00", "20.00", "30.00", "40.00")]
    service.cancel(made[3], actor=world.maker)
    monkeypatch.setattr(listing, "LARGE", 0)
    return made


def test_what_nobody_counted_yet_is_told_to_be_more(world: World, four: list[str]) -> None:
    assert queries.totals({}, account_id=None).is_floor
    assert queries.totals({"state": "cancelled"}, account_id=None).is_floor
    review = queries.totals({"state": "review"}, account_id=None)
    assert (review.count, review.amount, review.is_floor) == (3, Money.parse("60.00"), False)


def test_settled_ones_are_as_old_as_they_say_and_open_ones_are_not(world: World, four: list[str]) -> None:
    service.tallying.count_settled()
    service.cancel(four[0], actor=world.maker)
    assert queries.counts({}, account_id=None) == {
        "review": 2, "cancelled": 1, "paid": 0, "failed": 0, "rejected": 0, "returned": 0,
    }  # fmt: skip
    everything = queries.totals({}, account_id=None)
    assert (everything.count, everything.amount, everything.is_floor) == (3, Money.parse("90.00"), False)
    assert everything.as_of is not None and queries.totals({"state": "review"}, account_id=None).as_of is None
    service.tallying.count_settled()
    assert queries.totals({}, account_id=None).amount == Money.parse("100.00")
    assert queries.totals({"state": "cancelled"}, account_id=None).fee == Money.parse("4.00")
    assert queries.totals({"state": "unknown"}, account_id=None).count == 0


def test_a_small_house_needs_no_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.withdrawal("10.00")
    service.tallying.count_settled()
    assert listing._settled() == {}


def test_a_filter_adds_up_so_much_and_says_that_there_is_more(
    world: World, four: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"least": "15"}
    assert queries.totals(asked, account_id=None).amount == Money.parse("90.00")
    assert queries.counts(asked, account_id=None) == {"review": 2, "cancelled": 1}
    monkeypatch.setattr(listing, "SUM_LIMIT", 2)
    assert queries.totals(asked, account_id=None).is_floor
    assert queries.counts(asked, account_id=None) is None
