"""领取, 释放, 完成: who holds an account, and what a sign-in or a sign-out does to it."""

from app.auth import audit
from app.auth.identity import Actor
from app.channels import claims, history, queries, rules
from app.kernel.errors import Refused
from app.runtime import live_events
from app.runtime.db import transaction


def claim(number: str, *, actor: Actor) -> None:
    """领取: hold this account from now on."""
    with transaction():
        account = queries.account(number)
        rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        fence = claims.take(account.id, actor)
        audit.record(actor, "claim.take", number, after={"fence": fence})
        live_events.announce(rules.TOPIC, number)


def renew(number: str, *, fence: int, actor: Actor) -> bool:
    """The holder's page is still open. False when the claim is no longer theirs."""
    with transaction():
        return claims.renew(queries.account(number).id, fence=fence, actor=actor)


def release(number: str, *, actor: Actor) -> None:
    """释放: give the account back."""
    _give_back(number, actor=actor, ending="released")


def finish(number: str, *, note: str, actor: Actor) -> None:
    """完成: give the account back with a note for whoever comes next."""
    _give_back(number, actor=actor, ending="finished", note=note)


def force_release(number: str, *, reason: str, actor: Actor) -> str:
    """强制释放: a supervisor ends somebody's claim. Returns the former holder's name."""
    with transaction():
        account = queries.account(number)
        holder = claims.take_away(account.id, actor=actor, reason=reason)
        if holder is None:
            raise Refused("该渠道账号现在没有人领取")
        audit.record(actor, "claim.force-release", number, before={"holder": holder}, why=reason)
        live_events.announce(rules.TOPIC, number)
        return holder


def kicked_out(number: str, *, actor: Actor) -> list[str]:
    """被踢下线: the third party put the holder out, somebody else is in there. The names of the accounts that are free."""
    with transaction():
        account = queries.account(number)
        freed = claims.kicked_out(account.id, by=actor.username, operator_id=actor.operator_id)
        if account.id not in freed:
            raise Refused("您现在没有领取该渠道账号", advice="页面可能已过期，请刷新")
        accounts = [queries.account_by_id(account_id) for account_id in freed]
        for one in accounts:
            audit.record(actor, "claim.kicked", one.number)
            live_events.announce(rules.TOPIC, one.number)
        return [one.name for one in accounts]


def seat_lost(number: str, *, newest: int) -> None:
    """The channel said, validly signed, that somebody else signed in there. What it was asked about is left as it is."""
    with transaction():
        for account_id, holder in claims.seat_lost(queries.account(number).id, newest=newest):
            account = queries.account_by_id(account_id)
            audit.record("worker", "claim.kicked", account.number, before={"holder": holder})
            live_events.announce(rules.TOPIC, account.number)


def end_lapsed() -> None:
    """Claims whose holders went away end by themselves, and every open page hears of it."""
    for number in history.lapsed():
        with transaction():
            holder = claims.end_lapsed(queries.account(number).id)
            if holder is not None:
                audit.record("worker", "claim.expire", number, before={"holder": holder})
                live_events.announce(rules.TOPIC, number)


def session_started(_sender: object, *, operator_id: int, session_id: int) -> None:
    """The same person signed in anew: their claims go with them. Joins the sign-in's transaction."""
    claims.adopt(operator_id=operator_id, session_id=session_id)


def session_ended(_sender: object, *, operator_id: int, reason: str, **_more: object) -> None:
    """The person left: their claims end, unless they only moved to another browser. Joins that transaction."""
    if reason != "displaced" and claims.drop_all(operator_id=operator_id, by=reason):
        live_events.announce(rules.TOPIC)


def _give_back(number: str, *, actor: Actor, ending: str, note: str = "") -> None:
    with transaction():
        account = queries.account(number)
        if not claims.give_back(account.id, actor=actor, ending=ending, note=note):
            raise Refused("您现在没有领取该渠道账号", advice="页面可能已过期，请刷新")
        audit.record(actor, f"claim.{'finish' if ending == 'finished' else 'release'}", number, why=note)
        live_events.announce(rules.TOPIC, number)
