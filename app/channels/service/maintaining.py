"""维护时段: announced, and called off."""

from datetime import datetime

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import breaker, queries, rules
from app.channels.models import Maintenance
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, transaction


def announce(code: str, *, begins_at: datetime, ends_at: datetime, note: str, actor: Actor) -> None:
    """Nothing new is sent to this channel in between."""
    with transaction():
        found = queries.channel(code)
        if ends_at <= clock.now():
            raise Refused("维护时段已经过去", advice="请填写将来的时间")
        db.session.add(
            Maintenance(
                channel_id=found.id, begins_at=begins_at, ends_at=ends_at, note=note, made_by=actor.display_name
            )
        )
        audit.record(actor, "maintenance.announce", code, after=_said(begins_at, ends_at), why=note)
        live_events.announce(rules.TOPIC)


def call_off(maintenance_id: int, *, actor: Actor) -> None:
    """It does not take place, or is over early: what waits is sent."""
    with transaction():
        found = db.session.get(Maintenance, maintenance_id)
        if found is None:
            raise NotThere(str(maintenance_id))
        channel = queries.channel(queries.channel_by_id(found.channel_id).code)
        mine = (
            Maintenance.id == maintenance_id,
            Maintenance.called_off_at.is_(None),
            Maintenance.ends_at > clock.now(),
        )
        if not changed(update(Maintenance).where(*mine).values(called_off_at=clock.now())):
            raise Refused("这个维护时段已经结束或取消", advice="请刷新页面")
        for account in queries.accounts():
            if account.channel_id == channel.id:
                jobs.promise(breaker.LET_GO, account.number)
        audit.record(actor, "maintenance.call-off", channel.code, before=_said(found.begins_at, found.ends_at))
        live_events.announce(rules.TOPIC)


def _said(begins_at: datetime, ends_at: datetime) -> dict[str, str]:
    def local(at: datetime) -> str:
        return at.astimezone(clock.BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M")

    return {"begins_at": local(begins_at), "ends_at": local(ends_at)}
