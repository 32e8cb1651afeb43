"""Whatever Hypothesis thinks of: people, workers, kills, sleepers and callbacks in any order. Every promise after every rule.

It plays with the simulator's own world, and shrinks what fails to the few steps that matter.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

import hypothesis.strategies as st
import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulator.channel import no_network
from tests.simulator.stage import Stage
from tests.simulator.story import Story

chances = st.randoms(use_true_random=False)


class Withdrawals(RuleBasedStateMachine):
    """Each rule is a thing that may happen; who, which and how far is drawn by Hypothesis too."""

    stage: ClassVar[Stage]

    @initialize(seed=st.integers(1, 10**6))
    def the_world_opens(self, seed: int) -> None:
        self.stack = ExitStack()
        self.story = Story(self.stage, seed)
        self.stack.enter_context(self.story.on_stage())

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    def does(self, verb: str, chance: random.Random) -> None:
        self.story.chance = chance
        getattr(self.story, verb)()

    @rule(chance=chances)
    def create(self, chance: random.Random) -> None:
        self.does("_make", chance)

    @rule(chance=chances)
    def create_again(self, chance: random.Random) -> None:
        self.does("_send_a_form_again", chance)

    @rule(chance=chances)
    def approve(self, chance: random.Random) -> None:
        self.does("_approve", chance)

    @rule(chance=chances, verb=st.sampled_from(["_reject", "_cancel"]))
    def take_back(self, chance: random.Random, verb: str) -> None:
        self.does(verb, chance)

    @rule(chance=chances)
    def submit_or_query(self, chance: random.Random) -> None:
        """The row that is due next: a submit, a question, a callback that waits in the inbox."""
        self.does("_work", chance)

    @rule(chance=chances)
    def ask_now(self, chance: random.Random) -> None:
        self.does("_ask_now", chance)

    @rule(chance=chances)
    def propose(self, chance: random.Random) -> None:
        """Somebody says what became of one of them: rightly, or not."""
        self.does("_propose", chance)

    @rule(chance=chances)
    def confirm_or_refuse(self, chance: random.Random) -> None:
        self.does("_decide", chance)

    @rule(chance=chances)
    def replace(self, chance: random.Random) -> None:
        """Paid once more under a new number, where that may be."""
        self.does("_replace", chance)

    @rule(chance=chances)
    def callback(self, chance: random.Random) -> None:
        """Paid, failed or returned: whatever the third party has to say by now."""
        self.does("_live", chance)
        self.does("_bring_a_letter", chance)

    @rule(chance=chances, verb=st.sampled_from(["_bring_it_again", "_forge"]))
    def callback_again_or_forged(self, chance: random.Random, verb: str) -> None:
        self.does(verb, chance)

    @rule(chance=chances)
    def fault(self, chance: random.Random) -> None:
        self.does("_force_a_fault", chance)

    @precondition(lambda self: self.story.asleep)
    @rule(chance=chances, verb=st.sampled_from(["_kill", "_wake"]))
    def kill_or_wake(self, chance: random.Random, verb: str) -> None:
        self.does(verb, chance)

    @rule(chance=chances, verb=st.sampled_from(["_wait", "_wait", "_step_the_clock"]))
    def time_passes(self, chance: random.Random, verb: str) -> None:
        self.does(verb, chance)

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "story"):
            self.story.check()


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with no_network():
        stage = Stage(tmp_path_factory.mktemp("machine"))
        stage.set_up()
        yield stage
    stage.close()
    structlog.reset_defaults()


@pytest.mark.slow
def test_no_order_of_events_breaks_a_promise(stage: Stage) -> None:
    Withdrawals.stage = stage
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Withdrawals,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, database=None, suppress_health_check=quiet
        ),
    )
