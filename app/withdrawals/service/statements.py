"""Channels' statements laid beside our payments: what they tell that we do not know enters by the door of everything else."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.channels import queries as channels
from app.channels.contract import Observation, Seen
from app.runtime.db import transaction
from app.statements import findings
from app.statements import rules as statement_rules
from app.statements.findings import Finding
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal
from app.withdrawals.service import driving
from app.withdrawals.states import State

AT_ONCE = 500


def read(subject: str) -> None:
    """Every line of this statement that nobody has read, in the channel's order. Reading twice has one effect: what a line
    tells is no news the second time, and whoever is killed in between begins where the marks end."""
    number, day = statement_rules.of_subject(subject)
    account, after, is_news = channels.account(number), 0, False
    while lines := findings.unread(account.id, day, after=after, limit=AT_ONCE):
        known = queries.of_numbers([line.number for line in lines])
        said = {line.id: _covered(line, known) for line in lines}
        found = {line.id: _read(account.id, line, known, said[line.id]) for line in lines}
        is_news = is_news or any(found[it.id] in findings.STRANGE and found[it.id] != it.finding for it in lines)
        with transaction():
            findings.mark(found, said={line.id: said[line.id] for line in lines if said[line.id] != line.message})
        after = lines[-1].id
    with transaction():
        findings.conclude(account, day, is_news=is_news)


def _covered(line: Row[Any], known: Mapping[str, Withdrawal]) -> str:
    """A statement is read before it is known whom it is about. Its words go into a trace that is for ever, and stay here."""
    withdrawal = known.get(line.number)
    said: str = line.message
    return said.replace(withdrawal.holder, f"{withdrawal.holder[:1]}**") if withdrawal and withdrawal.holder else said


def _read(account_id: int, line: Row[Any], known: Mapping[str, Withdrawal], message: str) -> Finding:
    if line.seen == Seen.PENDING:
        return Finding.SILENT
    if line.copy > 1:
        return Finding.TWICE
    withdrawal = known.get(line.number)
    if withdrawal is None:
        return Finding.UNKNOWN
    if withdrawal.account_id != account_id:
        return Finding.FOREIGN
    seen = Observation(
        seen=Seen(line.seen),
        signed=True,
        number=line.number,
        amount=line.amount,
        channel_number=line.channel_number,
        word=line.word,
        message=message,
    )
    before = rules.Known(
        number=withdrawal.number,
        state=State(withdrawal.state),
        amount=withdrawal.amount,
        attempts=withdrawal.attempts,
    )
    verdict = rules.verdict(before, seen)
    if verdict == rules.Verdict():
        return Finding.AGREES
    if line.finding == Finding.HELD:
        return Finding.HELD  # people know
    driving.observe(line.number, seen, source="statement")
    return Finding.HELD if verdict.hold else Finding.NEWS
