"""自动停发, looked after: the channel is asked until it answers, people may ask at once or know better."""

from app.auth import audit
from app.auth.identity import Actor
from app.channels import breaker, gateway, queries, trial
from app.channels.contract import Interface
from app.channels.rules.health import Pause
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime import jobs
from app.runtime.db import transaction


def ask(number: str) -> jobs.Again | None:
    """Ask the paused account's channel something harmless; when it answers with sense, one withdrawal may try."""
    with transaction():
        account = queries.account(number)
        pause = breaker.standing(account.id)
        if pause is None or pause.state != Pause.STOPPED:
            return None
        if pause.ask_at > clock.now():
            return jobs.Again((pause.ask_at - clock.now()).total_seconds())
        setting_id = queries.active_setting_id(account.id)
        assert setting_id is not None, f"{number} has no settings"
        call = gateway.announce(Interface.PROBE, account_id=account.id, setting_id=setting_id, subject=number)
    answered = trial.ask(call)
    with transaction():
        pause = breaker.standing(account.id)
        if pause is None or pause.state != Pause.STOPPED:
            return None
        wait = breaker.hear(pause, number, answered=answered)
    return jobs.Again(wait) if wait is not None else None


def ask_now(number: str, *, actor: Actor) -> None:
    """A person wants to know whether it works again."""
    with transaction():
        account = queries.account(number)
        if not breaker.hurry(account.id, number):
            raise Refused("这个渠道账号没有自动停发，或正在试发", advice="请刷新页面")
        audit.record(actor, "pause.ask", number)


def lift(number: str, *, reason: str, actor: Actor) -> None:
    """A person ends it: everything that waits is sent."""
    with transaction():
        account = queries.account(number)
        if not breaker.lift(account.id, number, by=actor.display_name, why=reason):
            raise Refused("这个渠道账号没有自动停发", advice="请刷新页面")
        audit.record(actor, "pause.lift", number, why=reason)
