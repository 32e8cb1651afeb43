"""Taking a file along, and throwing it away."""

from app.auth import audit
from app.auth.identity import Actor
from app.exports import exporting, queries
from app.exports.models import Export
from app.exports.states import State
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.limit import Limit
from app.runtime import throttle
from app.runtime.db import transaction

DOWNLOADS = Limit(30, within_s=3600, shut_s=3600)
"""How often one person may take something along, together with the other exports of the house."""


def take(reference: str, *, actor: Actor) -> queries.Export:
    """Somebody takes their file along: counted and written down."""
    _ready(reference, actor)
    try:
        throttle.take(f"export:{actor.operator_id}", DOWNLOADS)
    except throttle.Shut as shut:
        raise Refused("导出的次数太多，请于 %(until)s 后再试", until=shut.until) from None
    with transaction():
        export = _ready(reference, actor)
        export.downloads += 1
        audit.record(actor, "export.take", reference, after={"rows": export.rows, "bytes": export.size})
    return _ready(reference, actor)


def _ready(reference: str, actor: Actor) -> Export:
    export = queries.mine(reference, actor)
    if export.state != State.READY:
        raise Refused("这份导出还没有生成，或已清除", advice="请看下载中心里它的状态")
    return export


def delete(reference: str, *, actor: Actor) -> None:
    """Not wanted any more: its contents go at once."""
    with transaction():
        queries.mine(reference, actor)
        exporting.erase(queries.held(reference))
        audit.record(actor, "export.erase", reference)


def erase_old() -> None:
    """The clock's part: what was kept for its seven days goes."""
    for reference in queries.overdue(clock.now()):
        with transaction():
            export = queries.held(reference)
            if export.state != State.ERASED:
                exporting.erase(export)
                audit.record("retention", "export.erase", reference)
