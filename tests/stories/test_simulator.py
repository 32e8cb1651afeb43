"""A hundred stories: kills, sleepers, lost and late answers, clocks that jump. After each step every promise holds.

By hand more: `python -m tests.simulator --seeds 5000`. Whether they would notice: `python -m tests.simulator.mutations`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.simulator.channel import no_network
from tests.simulator.kept import keep, keeping, kept_seeds
from tests.simulator.mutations import MUTATIONS, TOP, Mutation, broken, play, seen_after
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
        with keeping(seed):
            Story(stage, seed).play()


@pytest.mark.slow
def test_a_seed_that_fails_is_kept_and_played_first_from_then_on() -> None:
    """By the simulator itself, in a house where this one seed was made to fail, and from a folder outside of it."""
    ends, seed = "            self._drain()\n", 2
    fails = f"            assert self.seed != {seed}, 'made to\\nfail'\n"
    made_to_fail = Mutation("tests/simulator/story.py", ends, ends + fails)
    assert seed not in kept_seeds()
    with broken(made_to_fail) as copy:
        kept = copy / "tests" / "simulator" / "kept.txt"
        before = kept.read_text()
        first = play(copy, "--first", str(seed), "--seeds", "1")
        assert first.returncode and f"it is kept in {kept}" in first.stdout, first.stderr
        assert kept.read_text() == f"{before}{seed} AssertionError: made to fail\n"
        again = play(copy, "--seeds", "0")
        assert again.returncode and f"seed {seed} fails, the {len(kept_seeds()) + 1}th" in again.stdout, again.stderr
        assert len(kept.read_text().splitlines()) == len(before.splitlines()) + 1, "once is enough"


def test_a_seed_is_kept_elsewhere_where_the_repository_cannot_be_written(tmp_path: Path) -> None:
    here, no_folder = tmp_path / "results" / "kept.txt", tmp_path / "file"
    no_folder.write_text("")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), keeping(9, files=(no_folder / "kept.txt", here)):
            raise ZeroDivisionError("twice\nthe same")
    assert here.read_text() == "9 ZeroDivisionError: twice the same\n"
    assert kept_seeds((no_folder / "kept.txt", here)) == [9]
    assert keep(10, "", files=(no_folder / "kept.txt",)) is None, "and nowhere is no second failure"


@pytest.mark.slow
def test_a_seed_is_the_same_story_each_time(stage: Stage) -> None:
    first, second = [], []
    Story(stage, 7, first.append).play()
    Story(stage, 7, second.append).play()
    assert first == second
    assert len(first) > 20


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_what_is_broken_in_a_mutation_is_still_there(mutation: Mutation) -> None:
    assert mutation.old in (TOP / mutation.file).read_text()


@pytest.mark.soak
@pytest.mark.parametrize("name", MUTATIONS)
def test_the_simulator_sees(name: str) -> None:
    assert seen_after(MUTATIONS[name]) is not None
