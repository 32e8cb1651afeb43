"""Telling people of jobs that fail, trying one again now; clearing what is cached, which loses nothing: it is read from its
tables again."""

from redis.exceptions import RedisError

from app.alerts import bell
from app.alerts.bell import Severity
from app.auth import audit
from app.auth.identity import Actor
from app.kernel.errors import NotThere, Refused, Text
from app.live import queries
from app.live.rules import JOBS
from app.runtime import cache, job_list
from app.runtime.db import transaction
from app.runtime.job_list import Standing

FAILS_TOO_OFTEN = 5
_LONGEST_SUBJECT = 128


def retry_job(job_id: int, *, actor: Actor) -> None:
    """It is due now, instead of after its wait. What it may do then is its own to decide, as ever."""
    with transaction():
        kind, subject = job_list.make_due(job_id)
        audit.record(actor, "job.retry", (subject or kind)[:_LONGEST_SUBJECT], after={"what": kind})


def look_at_jobs() -> None:
    """A kind of job that fails again and again rings, however many of them there are."""
    with transaction():
        failing = job_list.failing(FAILS_TOO_OFTEN)
        for kind, count in sorted(failing.items()):
            told = {"what": JOBS.get(kind, kind), "count": count, "times": FAILS_TOO_OFTEN}
            said = Text("后台任务“%(what)s”有 %(count)s 项连续失败 %(times)s 次以上，系统会继续重试", **told)
            path = f"/jobs/?standing={Standing.FAILING}&kind={kind}"
            bell.ring("job", kind, severity=Severity.WARNING, said=said, path=path)
        bell.hush_others("job", but=failing, said=Text("不再失败了"))


def clear_key(room: str, name: str, key: str, *, actor: Actor) -> int:
    """One key. How many there were: 1 or 0."""
    of = queries.cached(room, name)
    return _clear(of.prefix, only=of.prefix + key, subject=of.prefix + cache.shown(key), actor=actor)


def clear_cache(room: str, name: str, *, actor: Actor) -> int:
    """Every key of one cache."""
    return _clear(queries.cached(room, name).prefix, subject=f"{room}:{name}", actor=actor)


def clear_room(room: str, *, actor: Actor) -> int:
    """Every cache of one room."""
    if room not in {it.room for it in cache.declared()}:
        raise NotThere(room)
    return _clear(f"{room}:", subject=room, actor=actor)


def clear_all(*, actor: Actor) -> int:
    """Everything that is cached, and what earlier versions left."""
    return _clear("", subject="all", actor=actor)


def _clear(prefix: str, *, subject: str, actor: Actor, only: str | None = None) -> int:
    # Before the transaction: nobody waits for Redis with the database in hand.
    try:
        count = cache.clear(prefix, only=only)
    except RedisError:
        raise Refused("Redis 没有答复，缓存可能没有清除", advice="缓存到期会自动失效；请稍后再试") from None
    with transaction():
        audit.record(actor, "cache.clear", subject[:_LONGEST_SUBJECT], after={"count": count})
    return count
