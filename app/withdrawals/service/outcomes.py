"""人工认定: two people say what became of a withdrawal that no channel tells the truth about, and show why."""

from hashlib import sha256

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.kernel.errors import NotThere, Refused
from app.runtime import vault
from app.runtime.db import changed, db, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal, WithdrawalOutcome
from app.withdrawals.rules import Outcome
from app.withdrawals.service import movement
from app.withdrawals.states import State


def propose(number: str, *, outcome: str, reason: str, file_name: str, content: bytes, actor: Actor) -> int:
    """The first person: what became of it, why, and a file that shows it. Returns the proposal's id.

    Refused while another proposal stands, when this cannot have become of it, and without the evidence it needs.
    """
    with transaction():
        withdrawal = queries.held(number)
        wanted = Outcome(outcome) if outcome in list(Outcome) else None
        if wanted is None or wanted not in _possible(withdrawal):
            raise Refused("这笔提现现在的状态不能这样认定", advice="请刷新页面，看它现在的状态")
        if queries.proposal(withdrawal.id) is not None:
            raise Refused("已有一项认定在等另一人确认", advice="先由另一人确认或退回，或由提出人收回")
        rules.require_evidence(
            wanted, State(withdrawal.state), has_file=bool(content), evidence=queries.evidence(withdrawal)
        )
        kind = rules.file_type(content) if content else ""
        movement.note(withdrawal, "propose", actor.username, why=reason)
        proposal = WithdrawalOutcome(
            withdrawal_id=withdrawal.id,
            outcome=wanted,
            reason=reason,
            seq=withdrawal.seq,
            proposer_id=actor.operator_id,
            proposer=actor.display_name,
        )
        db.session.add(proposal)
        db.session.flush()
        if content:
            _keep(proposal, file_name, kind, content)
        audit.record(
            actor,
            "withdrawal.propose",
            number,
            after={"outcome": str(wanted), "file": proposal.file_hash or "-"},
            why=reason,
        )
        return proposal.id


def _keep(proposal: WithdrawalOutcome, name: str, kind: str, content: bytes) -> None:
    key = vault.DataKey.new()
    proposal.key_sealed = key.sealed(table="withdrawal_outcome", column="key_sealed", row=str(proposal.id))
    proposal.body = key.seal(content, place=queries.place_of_evidence(proposal.id))
    proposal.file_name, proposal.file_type = mask_runs(name)[-120:], kind
    proposal.file_hash = sha256(content).hexdigest()
    db.session.flush()


def confirm(number: str, proposal_id: int, *, actor: Actor) -> None:
    """The second person: it is so. What they were shown must still be what is known."""
    with transaction():
        withdrawal, proposal = _proposed(number, proposal_id)
        rules.require_other_decider(
            proposer_id=proposal.proposer_id, maker_id=withdrawal.maker_id, decider_id=actor.operator_id
        )
        rules.require_same(withdrawal.seq, proposal.seq)
        outcome = Outcome(proposal.outcome)
        if outcome not in _possible(withdrawal):
            raise Refused("这笔提现的状态已经变了，不能再这样认定")
        state, has_file = State(withdrawal.state), bool(proposal.file_hash)
        rules.require_evidence(outcome, state, has_file=has_file, evidence=queries.evidence(withdrawal))
        _decide(proposal, "confirmed", actor)
        verb = rules.OUTCOME_VERBS.get((State(withdrawal.state), outcome))
        if verb is None:
            movement.note(withdrawal, "declare_as_is", actor.username, why=proposal.reason)
        else:
            movement.move(withdrawal, verb, actor.username, why=proposal.reason)
        movement.close_holds(withdrawal, by=actor.display_name, why=proposal.reason)
        audit.record(
            actor,
            "withdrawal.declare",
            number,
            before={"state": str(withdrawal.state)},
            after={"outcome": str(outcome), "proposed_by": proposal.proposer},
            why=proposal.reason,
        )
        movement.announce(number)


def _possible(withdrawal: Withdrawal) -> list[Outcome]:
    waits = queries.is_waiting(withdrawal.id)
    return rules.possible(State(withdrawal.state), waits=waits, attempts=withdrawal.attempts)


def refuse(number: str, proposal_id: int, *, reason: str, actor: Actor) -> None:
    """The second person is not convinced; whoever proposed it takes it back with the same words."""
    with transaction():
        withdrawal, proposal = _proposed(number, proposal_id)
        mine = proposal.proposer_id == actor.operator_id
        _decide(proposal, "withdrawn" if mine else "refused", actor, why=reason)
        movement.note(withdrawal, "withdraw" if mine else "refuse", actor.username, why=reason)
        audit.record(actor, "withdrawal.withdraw" if mine else "withdrawal.refuse", number, why=reason)


def _proposed(number: str, proposal_id: int) -> tuple[Withdrawal, WithdrawalOutcome]:
    withdrawal = queries.held(number)
    proposal = queries.proposal(withdrawal.id)
    if proposal is None or proposal.id != proposal_id:
        raise Refused("这项认定已经有结果了，请刷新页面")
    return withdrawal, proposal


def _decide(proposal: WithdrawalOutcome, state: str, actor: Actor, why: str = "") -> None:
    mine = update(WithdrawalOutcome).where(WithdrawalOutcome.id == proposal.id, WithdrawalOutcome.state == "proposed")
    decided = {
        "state": state,
        "decider_id": actor.operator_id,
        "decider": actor.display_name,
        "decided_at": clock.now(),
        "why": why,
    }
    if not changed(mine.values(decided)):
        raise Refused("这项认定已经有结果了，请刷新页面")


def evidence_file(number: str, proposal_id: int, *, actor: Actor) -> tuple[WithdrawalOutcome, bytes]:
    """The file, for whoever may see the withdrawal. Written down: it may show more than our pages do."""
    withdrawal = queries.by_number(number)
    proposal = queries.outcome(withdrawal.id, proposal_id)
    if proposal is None or not proposal.key_sealed:
        raise NotThere(str(proposal_id))
    key = vault.DataKey.opened(
        proposal.key_sealed, table="withdrawal_outcome", column="key_sealed", row=str(proposal.id)
    )
    content = key.unseal(proposal.body, place=queries.place_of_evidence(proposal.id))
    with transaction():
        audit.record(actor, "withdrawal.evidence", number, after={"file": proposal.file_hash})
    return proposal, content
