"""告警规则: when people are told how channels do."""

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import health
from app.channels.models import HealthRule
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
