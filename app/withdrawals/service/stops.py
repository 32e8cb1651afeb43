"""停发: nothing is sent, of one account or of all, until somebody or something says so. Questions are asked all the same."""

from collections.abc import Mapping

from sqlalchemy import select, update

from app.alerts import bell
from app.alerts.bell import Severity
from app.auth import audit
from app.auth.identity import Actor
from app.channels import opening
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Refused, Text, gettext_noop
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, in_transaction, insert, transaction
from app.withdrawals import queries
from app.withdrawals.models import SendingStop, Withdrawal
from app.withdrawals.service import movement
from app.withdrawals.states import SUBMIT, State

TRIED_AT_ONCE = 20
"""One of them is sent; some may turn out not to be fit for it."""
ALL, PAUSED, RESTORED, BROKEN = queries.ALL, "paused", "restored", "broken"


def pause(*, account: str = "", reason: str, actor: Actor) -> None:
    """Nothing more leaves this account (none named: the house) until `resume`. What has left is followed as ever."""
    with transaction():
        scope = _scope(account, actor)
        if not open_stop(scope, PAUSED, detail=reason, by=actor.display_name):
            raise Refused("已经停发了")
        audit.record(actor, "sending.stop", scope, why=reason)


def resume(*, account: str = "", actor: Actor) -> None:
    """What waited is sent now."""
    with transaction():
        scope = _scope(account, actor)
        if not close_stop(scope, PAUSED, by=actor.display_name):
            raise Refused("没有由人停发，不需要恢复", advice="由系统停发的，问题解决后自动恢复")
        audit.record(actor, "sending.resume", scope)


def let_go(account: str) -> None:
    """The channel takes withdrawals again: what waited for that is due. Only a few, where one of them is to try it first."""
    with transaction():
        found = channels.account(account)
        waiting = select(Withdrawal.number).where(Withdrawal.state == State.QUEUED, Withdrawal.account_id == found.id)
        if opening.now(found.id).is_trying:
            waiting = waiting.order_by(Withdrawal.id).limit(TRIED_AT_ONCE)
        jobs.hasten(SUBMIT, waiting)
        live_events.announce(movement.TOPIC, "")


def _scope(account: str, actor: Actor) -> str:
    if account:
        return channels.account(account).number
    if actor.channels is not None:
        raise Refused("全部渠道的停发与恢复，只能由不限渠道的人办理", advice="请在您自己的渠道账号上操作")
    return ALL


def open_stop(scope: str, reason: str, *, detail: str, by: str) -> bool:
    """Joins the caller's transaction. False: it stood already."""
    assert in_transaction()
    row = insert(SendingStop).values(
        scope=scope,
        account_id=None if scope == ALL else channels.account(scope).id,
        reason=reason,
        detail=detail[:300],
        opened_by=by[:60],
        opened_at=clock.now(),
        closed_by="",
    )
    opened = bool(changed(row.on_conflict_do_nothing()))
    if reason in _KINDS:
        _ring(reason)
    live_events.announce(movement.TOPIC, "")
    return opened


def held_stop(scope: str, reason: str) -> SendingStop | None:
    """The one that stands, locked until the transaction ends."""
    assert in_transaction()
    stand = (SendingStop.scope == scope, SendingStop.reason == reason, SendingStop.closed_at.is_(None))
    return db.session.scalars(select(SendingStop).where(*stand).with_for_update()).one_or_none()


def close_stop(scope: str, reason: str, *, by: str) -> bool:
    """Joins the caller's transaction; whatever waited is due again. False: there was none."""
    assert in_transaction()
    stand = (SendingStop.scope == scope, SendingStop.reason == reason, SendingStop.closed_at.is_(None))
    if not changed(update(SendingStop).where(*stand).values(closed_at=clock.now(), closed_by=by[:60])):
        return False
    waiting = select(Withdrawal.number).where(Withdrawal.state == State.QUEUED)
    if scope != ALL:
        waiting = waiting.where(Withdrawal.account_id == channels.account(scope).id)
    jobs.hasten(SUBMIT, waiting)
    db.session.flush()
    if reason in _KINDS:
        _hush(reason)
    live_events.announce(movement.TOPIC, "")
    return True


_KINDS: Mapping[str, str] = {BROKEN: "books", RESTORED: "restored"}
"""What people hear of: the stops of the house that no person has made."""
_OVER: Mapping[str, Text] = {
    BROKEN: gettext_noop("账目核对又通过了"),
    RESTORED: gettext_noop("都有渠道答复了，已恢复发送"),
}


def _ring(reason: str) -> None:
    if reason == BROKEN:
        said = gettext_noop("账目核对没有通过，已全部停发，请立即通知技术人员")
    else:
        left = queries.uncleared()
        said = Text("数据库是从备份恢复的，已全部停发：还有 %(left)s 笔发出过的没有渠道答复", left=left)
    bell.ring(_KINDS[reason], ALL, severity=Severity.SEVERE, said=said, path="/sending/")


def _hush(reason: str) -> None:
    bell.hush(_KINDS[reason], ALL, said=_OVER[reason])


def look() -> None:
    """While such a stop stands it rings, whatever somebody did to the alert; and not a minute longer."""
    with transaction():
        for reason in _KINDS:
            if held_stop(ALL, reason):
                _ring(reason)
            else:
                _hush(reason)
