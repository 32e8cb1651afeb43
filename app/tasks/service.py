"""交接: an account passes from one person to the next, with a brief that somebody signs. Each command is one transaction."""

from app.auth import audit
from app.auth.identity import Actor
from app.channels import claims
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.numbers import new_number
from app.runtime import live_events
from app.runtime.db import db, transaction
from app.tasks import queries, rules
from app.tasks.models import Handover


def hand_over(number: str, *, fence: int, successor_id: int | None, note: str, actor: Actor) -> str:
    """The holder leaves the account, with a brief for whoever comes next. Its reference."""
    reference = new_number("H")
    with transaction():
        account = channels.account(number)
        held = channels.holder(account.id)
        named = [one for one in queries.successors(account, but=actor.operator_id) if one.id == successor_id]
        if successor_id is not None and not named:
            raise Refused("不能交接给这个人", advice="对方须有领取权限，并能看到这个渠道")
        successor = named[0].display_name if named else ""
        brief = queries.brief(account, held).kept() if held else ""
        claim_id = claims.hand_over(
            account.id,
            fence=fence,
            actor=actor,
            reference=reference,
            note=note,
            successor_id=successor_id,
            successor=successor,
        )
        db.session.add(
            Handover(
                reference=reference,
                account_id=account.id,
                claim_id=claim_id,
                giver_id=actor.operator_id,
                giver=actor.display_name,
                successor_id=successor_id,
                successor=successor,
                note=note,
                brief=brief,
            )
        )
        audit.record(actor, "handover.give", reference, after={"account": number, "successor": successor}, why=note)
        live_events.announce(channel_rules.TOPIC, number)
    return reference


def sign(reference: str, *, actor: Actor) -> str:
    """接收确认: I have read it, and the account is mine from now on. The account's number."""
    with transaction():
        handover = _unsigned(reference)
        rules.require_signer(
            operator_id=actor.operator_id,
            successor_id=handover.successor_id,
            successor=handover.successor,
            giver_id=handover.giver_id,
        )
        account = channels.account_by_id(handover.account_id)
        channel_rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        fence = claims.take(account.id, actor)
        _sign(handover, actor, why="")
        audit.record(actor, "handover.sign", reference, after={"account": account.number, "fence": fence})
        live_events.announce(channel_rules.TOPIC, account.number)
    return account.number


def sign_instead(reference: str, *, reason: str, actor: Actor) -> None:
    """代为接收: a supervisor answers for it; whoever claims the account, or holds it already, may act."""
    with transaction():
        handover = _unsigned(reference)
        account = channels.account_by_id(handover.account_id)
        _sign(handover, actor, why=reason)
        audit.record(actor, "handover.sign-instead", reference, after={"account": account.number}, why=reason)
        live_events.announce(channel_rules.TOPIC, account.number)


def _unsigned(reference: str) -> Handover:
    handover = queries.held_handover(reference)
    rules.require_unsigned(handover.signer)
    return handover


def _sign(handover: Handover, actor: Actor, *, why: str) -> None:
    handover.signer_id, handover.signer = actor.operator_id, actor.display_name
    handover.signed_at, handover.why = clock.now(), why
    there = claims.signed(handover.account_id, reference=handover.reference)
    assert there, "what is not signed waits"
