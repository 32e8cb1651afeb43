"""What a channel said is as old as the question: a worker that slept with the answer in its hand brings no fresh news."""

from datetime import timedelta

import pytest

from app.withdrawals import queries
from app.withdrawals.service import driving
from tests.world import World


def test_a_not_found_proves_absence_at_the_time_of_the_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked while the request could still arrive, heard when it no longer could: no proof that it did not arrive."""
    observe, slept = driving.observe, []

    def after_a_nap(number: str, *arguments: object, source: str, **more: object) -> None:
        if source == "query" and not slept:
            world.ahead += timedelta(seconds=300)
            slept.append(number)
        observe(number, *arguments, source=source, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(driving, "observe", after_a_nap)
    number = world.withdrawal("10.04")  # dropped before it was taken
    world.approve(number)
    world.until(lambda: slept, hurry_s=1)
    world.until(lambda: queries.by_number(number).asked == 1)
    withdrawal = queries.by_number(number)
    assert (withdrawal.not_found, withdrawal.first_not_found_at) == (0, None)
    assert world.until_state(number, "paid", hurry_s=5) == "paid", "two questions of now prove it"
    world.all_is_well()
