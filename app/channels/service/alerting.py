"""告警规则: when people are told how channels do, and telling them."""

from sqlalchemy import update

from app.alerts import bell
from app.auth import audit
from app.auth.identity import Actor
from app.channels import breaker, health, opening, queries
from app.channels.models import HealthRule
from app.channels.rules.health import Measure, Rule, broken
from app.kernel import clock
from app.kernel.errors import gettext_noop
from app.runtime.db import db, transaction


def change_rule(
    measure: str, severity: str, *, bound: int, minutes: int, at_least: int, enabled: bool, why: str, actor: Actor
) -> None:
    """This rule says this from now on."""
    given = {"bound": bound, "minutes": minutes, "at_least": at_least, "enabled": enabled}
    with transaction():
        found = health.rule(measure, severity)
        old = {name: getattr(found, name) for name in given}
        db.session.execute(update(HealthRule).where(HealthRule.id == found.id).values(**given))
        differing = [name for name in given if given[name] != old[name]]
        audit.record(
            actor,
            "health-rule.change",
            f"{measure}/{severity}",
            before={name: old[name] for name in differing},
            after={name: given[name] for name in differing},
            why=why,
        )


def judge() -> None:
    """Look at every account by every rule: what holds rings, what holds no more is hushed. Announced maintenance explains
    what it explains.
    """
    rules, accounts = [it for it in health.rules() if it.enabled], [it for it in queries.accounts() if it.usable]
    ids = [account.id for account in accounts]
    stands = opening.of(ids)
    rung: set[str] = set()
    # The gravest last: of two rules that hold for the same measure its sentence stays.
    for rule in sorted(rules, key=lambda it: list(bell.Severity).index(bell.Severity(it.severity))):
        tallied = health.tallies(ids, since=clock.later(-rule.minutes * 60))
        value = Rule(
            measure=Measure(rule.measure),
            bound=rule.bound,
            minutes=rule.minutes,
            at_least=rule.at_least,
            severity=rule.severity,
        )
        for account in accounts:
            said = broken(value, tallied.get(account.id, {}), account.title)
            if said is None or stands[account.id].maintained_until is not None:
                continue
            subject = f"{account.number}/{rule.measure}"
            rung.add(subject)
            with transaction():
                bell.ring(
                    "health",
                    subject,
                    severity=bell.Severity(rule.severity),
                    said=said,
                    path=breaker.page_of(account.number),
                    channel=account.channel_code,
                )
    with transaction():
        bell.hush_others("health", but=rung, said=gettext_noop("渠道已恢复正常"))
