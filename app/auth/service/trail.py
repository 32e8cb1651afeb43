"""What is done to the audit log itself: proving it whole, taking it along. Both leave their own record in it."""

from collections.abc import Iterator, Mapping

from app.auth import audit
from app.auth.audit import reading
from app.auth.identity import Actor
from app.kernel.bank_card import mask_runs
from app.kernel.errors import Refused
from app.kernel.limit import Limit
from app.runtime import jobs, live_events, throttle
from app.runtime.db import transaction

AT_ONCE = 20_000
"""So many records are walked while somebody waits, a second or two; a longer chain is walked by a worker."""
TOO_MANY = 1_000_000
"""More would outlast the lease of a job (`jobs.LEASE_S`), and other workers would begin again."""
EXPORT_LIMIT = 100_000
EXPORTS = Limit(30, within_s=3600, shut_s=3600)
"""How often one person may take records along."""
TOPIC, SUBJECT = "audit", "audit"
JOB = "app.auth.jobs.verify_audit"


def verify(actor: Actor) -> audit.Walk | None:
    """Walk the whole chain, and write down what was found. None: it is long, a worker does it."""
    length = audit.head()[0]
    if length <= AT_ONCE:
        return walk(actor)
    if length > TOO_MANY:
        raise Refused("记录太多，不能在这里核验", advice="请在服务器上运行 paydesk verify-audit。")
    with transaction():
        audit.record(actor, "audit.ask-verify", SUBJECT)
        jobs.promise(JOB)
        live_events.announce(TOPIC)
    return None


def walk(actor: Actor | str) -> audit.Walk:
    found = audit.walk()
    flaw = [str(found.flaw), found.flaw_at] if found.flaw else None
    with transaction():
        told = {"records": found.seq, "hash": found.hash, "flaw": flaw}
        audit.record(actor, "audit.verify", SUBJECT, after=told)
        live_events.announce(TOPIC)
    return found


def export(asked: Mapping[str, str], *, actor: Actor) -> Iterator[reading.Page]:
    """What the filters find at this moment, newest first, in pages. Counted and written down before the first leaves."""
    try:
        throttle.take(f"export:{actor.operator_id}", EXPORTS)
    except throttle.Shut as shut:
        raise Refused("导出的次数太多，请于 %(until)s 后再试", until=shut.until) from None
    upto = audit.head()[0]
    rows = reading.count(asked, upto=upto, limit=EXPORT_LIMIT + 1)
    if rows > EXPORT_LIMIT:
        raise Refused("符合条件的记录超过 10 万条，一次导不完", advice="请缩小日期范围，分几次导出。")
    filters = {name: mask_runs(asked[name]) for name in reading.FILTERS if asked.get(name)}
    with transaction():
        audit.record(actor, "audit.export", SUBJECT, after={"rows": rows, "filters": filters})
    return reading.pages(asked, upto=upto)
