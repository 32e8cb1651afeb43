"""The whole console as `paydesk up` runs it, on a clock that runs faster: `python -m tests.console BEGAN RATE`.

Its children are forks of this process, so they live by the same clock.
"""

import sys

from app.kernel import clock
from app.runtime.up import up
from tests.processes import faster

if __name__ == "__main__":
    with clock.replaced(faster(float(sys.argv[1]), float(sys.argv[2]))):
        up(demo=False)
