"""A hundred stories: kills, sleepers, lost and late answers, clocks that jump. After each step every promise holds.

By hand more: `python -m tests.simulator --seeds 5000`. Whether they would notice: `python -m tests.simulator.mutations`.
"""

from collections.abc import Iterator

import pytest
import structlog

from tests.simulator.channel import no_network
from tests.simulator.kept import kept_seeds
from tests.simulator.mutations import MUTATIONS, TOP, Mutation, seen_after
from tests.simulator.stage import Stage
from tests.simulator.story import Story

SEEDS, IN_CI, AT_ONCE = 100, 50, 25
PARTS = [
    kept_seeds(),
    *(
        pytest.param(list(range(first, first + AT_ONCE)), marks=[pytest.mark.soak] if first > IN_CI else [])
        for first in range(1, SEEDS + 1, AT_ONCE)
    ),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with no_network():
        stage = Stage(tmp_path_factory.mktemp("simulator"))
        stage.set_up()
        yield stage
    stage.close()
    structlog.reset_defaults()


@pytest.mark.slow
@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}" if seeds else "none kept")
def test_every_story_keeps_every_promise(stage: Stage, seeds: list[int]) -> None:
    for seed in seeds:
        Story(stage, seed).play()


@pytest.mark.slow
def test_a_seed_is_the_same_story_each_time(stage: Stage) -> None:
    first, second = [], []
    Story(stage, 7, first.append).play()
    Story(stage, 7, second.append).play()
    assert first == second
    assert len(first) > 40


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_what_is_broken_in_a_mutation_is_still_there(mutation: Mutation) -> None:
    assert mutation.old in (TOP / mutation.file).read_text()


@pytest.mark.soak
@pytest.mark.parametrize("name", MUTATIONS)
def test_the_simulator_sees(name: str) -> None:
    assert seen_after(MUTATIONS[name]) is not None
