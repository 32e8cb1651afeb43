"""Stories drawn from a seed: one process, a virtual clock, the real services, a real SQLite file, the sandbox in process.

Each step draws one of: make, approve, reject, cancel, a worker's step, a kill before or after a commit and around a send, a
sleeper inside a send that goes on much later, a callback (late, twice, out of order, badly signed, with another amount), a
fault of the channel, a jump of the clock, an outcome that two people declare rightly or wrongly, a payment under a new
number. After each step every promise is checked; at the end the channel is well again
and everything must drain: paid by the sandbox = settled in the ledger, nothing twice.

    python -m tests.simulator --seeds 5000         many stories
    python -m tests.simulator --seed 1130          one of them again, step by step
    python -m tests.simulator.mutations            would it notice? defects put in on purpose, and after how many stories
                                                   they were seen

A seed that fails is kept in `kept.txt` by whoever played it (in `test-results/kept.txt` where that cannot be written), and
played first from then on. Seen after at most six stories: a re-send by a channel that
does not de-duplicate, a send before its intent, a time-out taken for a failure, a lost answer taken for "never sent", a
row that somebody holds taken, the claim's fence ignored, an early "not found" believed; after seven to thirty: a
replacement made while the old number could still be paid, an outcome that one person or its maker declares, a channel that
does not know what people call paid. Not seen: a re-send after one "not found" only; what people say was not paid never
asked about again (`test_outcomes.py` sees that).
"""
