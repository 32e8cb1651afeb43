"""`python -m tests.simulator --seeds 1000` plays stories; `--seed 7` plays one and tells what happens in it."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.simulator.channel import no_network
from tests.simulator.kept import keep, kept_seeds
from tests.simulator.stage import Stage
from tests.simulator.story import Story


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many stories to play, after the kept ones")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this one and print its steps")
    options = parser.parse_args()
    seeds = [options.seed] if options.seed else [*kept_seeds(), *range(options.first, options.first + options.seeds)]
    began, steps = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="simulator-") as folder, no_network():
        stage = Stage(Path(folder))
        stage.set_up()
        for played, seed in enumerate(seeds, 1):
            story = Story(stage, seed, print if options.seed else lambda _: None)
            try:
                story.play()
            except Exception as problem:
                said = f"{type(problem).__name__}: {problem}"
                print(said)
                print(f"seed {seed} fails, the {played}th; see its steps: python -m tests.simulator --seed {seed}")
                if file := keep(seed, said):
                    print(f"it is kept in {file}")
                raise
            steps += story.steps
    print(f"{len(seeds)} stories, {steps} steps checked, {time.monotonic() - began:.0f} s: every promise held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
