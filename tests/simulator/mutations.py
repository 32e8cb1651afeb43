"""Can the simulator see? `python -m tests.simulator.mutations` breaks a copy of the product in each of these ways and plays
stories until one fails. A mutation that no story notices is a hole in the simulator, or a promise that nobody keeps.

A name as argument tries that one alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SEEDS = 300
PARTS = ("app", "migrations", "static", "templates", "tests", "worker.py", "wsgi.py", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Mutation:
    file: str
    old: str
    new: str


DRIVING, VERDICT = "app/withdrawals/service/driving.py", "app/withdrawals/rules/verdict.py"
OUTCOME = "app/withdrawals/rules/outcome.py"
MUTATIONS = {
    "sends again after one NOT_FOUND": Mutation(VERDICT, "if not_found < 2 or first", "if first"),
    "counts a NOT_FOUND while it could still arrive": Mutation(VERDICT, "return now < sent_at", "return False and now"),
    "sends again to a channel that does not de-duplicate": Mutation(
        DRIVING, "if channels.deduplicates(account.adapter):", "if True:"
    ),
    "sends before the intention is committed": Mutation(
        DRIVING,
        "        sends[withdrawal.number] =",
        "        info = db.session.info.pop('after_commit')\n"
        "        db.session.rollback()\n        gateway.submit(call, order)\n"
        "        db.session.info['after_commit'] = info\n        sends[withdrawal.number] =",
    ),
    "pays of the deposit and takes it from what was collected": Mutation(
        "app/withdrawals/service/making.py", "amount + fee, funds=funds)", "amount + fee)"
    ),
    "gives back to what was collected whatever it was taken from": Mutation(
        "app/ledger/book.py",
        "[(Kind.VOID, it.amount)], it.funds, it.id)",
        "[(Kind.VOID, it.amount)], Funds.COLLECTED, it.id)",
    ),
    "takes the answer of one for that of all": Mutation(
        DRIVING, "News(it, said[it].seen,", "News(it, said[numbers[0]].seen,"
    ),
    "takes a time-out for a failure": Mutation(
        "app/channels/gateway.py",
        "    except (http.Unanswered, Unreadable):\n        return Observation(seen=Seen.PENDING)",
        "    except (http.Unanswered, Unreadable):\n"
        "        return Observation(seen=Seen.FAILED, signed=True, amount=order.amount)",
    ),
    "ignores the fence of a job": Mutation(
        "app/runtime/jobs.py",
        "    mine = (Job.id == job.id, Job.fence == job.fence)\n    # A promise",
        "    mine = (Job.id == job.id,)\n    # A promise",
    ),
    "ends the job of another": Mutation(
        "app/runtime/jobs.py", '_JOBS.c.fence == bindparam("its_fence")', '_JOBS.c.fence >= bindparam("its_fence")'
    ),
    "takes rows that somebody holds": Mutation(
        "app/runtime/jobs.py", "Job.lease_until < now), Job", "Job.id > 0), Job"
    ),
    "ignores the fence of a claim": Mutation(
        "app/channels/claims.py",
        "    assert in_transaction()\n    if not _renew(account_id, fence=fence, actor=actor):",
        "    assert in_transaction()\n    if fence < 0:",
    ),
    "believes every NOT_SENT": Mutation(DRIVING, "(call is None or withdrawal.call_id != call.id)", "call is None"),
    "says NOT_SENT when the answer is lost": Mutation(
        "app/runtime/http.py", "raise (Unanswered if _wire.touched else NotSent)", "raise NotSent"
    ),
    "does not promise the question": Mutation(
        "app/withdrawals/states.py", "target=State.SENDING, wakes=ASK)", "target=State.SENDING)"
    ),
    "forgets the promise of a callback": Mutation(
        "app/channels/service/inbox.py", "in taken if good}", "in taken if good and it < 0}"
    ),
    "does not compare the amount": Mutation(VERDICT, "seen.amount != known.amount", "seen.amount is None"),
    "does not compare the number": Mutation(VERDICT, "if seen.number and seen.number != known.number:", "if False:"),
    "makes a form twice": Mutation(
        "app/withdrawals/service/making.py",
        "    if made is None:\n        return None",
        "    if True:\n        return None",
    ),
    "accepts badly signed callbacks": Mutation(
        "app/channels/adapters/dolphin.py", 'if not signing.same(fields.get("sign", ""), expected):', "if False:"
    ),
    "lets one person declare": Mutation(OUTCOME, "if decider_id == proposer_id:", "if False:"),
    "lets its maker declare": Mutation(OUTCOME, "if decider_id == maker_id:", "if False:"),
    "pays under a new number what may still be paid": Mutation(OUTCOME, "if state not in REPLACEABLE:", "if False:"),
    "keeps from people that what they call paid is not known": Mutation(
        DRIVING,
        '        movement.hold(withdrawal, "contradiction", rules.SAYS[Seen.NOT_FOUND].kept(LONGEST_SENTENCE))\n        return',
        "        return",
    ),
    "settles without the fee": Mutation(
        "app/withdrawals/service/movement.py",
        "{it.number: (it.amount, it.fee) for it in withdrawals}",
        "{it.number: (it.amount + it.fee, it.amount - it.amount) for it in withdrawals}",
    ),
}


def seen_after(mutation: Mutation, seeds: int = SEEDS) -> tuple[int, str] | None:
    """After how many stories a copy that is broken so shows it, and in which words. None: it does not."""
    with broken(mutation) as copy:
        run = play(copy, "--seeds", str(seeds))
        if run.returncode == 0:
            return None
        lines = run.stdout.splitlines()
        (told,) = [line for line in lines if line.startswith("seed ")]
        return int(told.partition(" the ")[2].partition("th;")[0]), lines[0][:200]


@contextmanager
def broken(mutation: Mutation) -> Iterator[Path]:
    """A copy of the house with this done to it."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        copy = Path(name)
        for part in PARTS:
            source = TOP / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / part)
        path = copy / mutation.file
        text = path.read_text()
        assert mutation.old in text, f"{mutation.file} does not say {mutation.old!r} any more"
        path.write_text(text.replace(mutation.old, mutation.new))
        yield copy


def play(copy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The simulator of a copy, started from somewhere else."""
    argv = [sys.executable, "-m", "tests.simulator", *options]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    return subprocess.run(argv, cwd=tempfile.gettempdir(), env=environment, capture_output=True, text=True)


def main() -> int:
    blind = 0
    for name, mutation in MUTATIONS.items():
        if sys.argv[1:] in ([], [name]):
            found = seen_after(mutation)
            blind += found is None
            print(f"{name}: {'NOT SEEN' if found is None else f'story {found[0]}: {found[1]}'}", flush=True)
    return blind


if __name__ == "__main__":
    sys.exit(main())
