"""自动停发: nothing new is sent to a channel that gives no sense any more, until it does again. Every verb joins its caller's
transaction.

    learn    calls are over: is it time to stop, or did the one that tried succeed?
                                                                        (nothing)  → stopped
                                                                        trying     → over, or stopped again
    hear     the channel answered something harmless, or did not        stopped    → trying, or is asked again later
    take     one withdrawal is sent to see whether it works             of many that would, one gets the place
    lift     a person knows better                                      any        → over

Questions about what has left go on all the while, and so do callbacks. It is a row and no counter in Redis or in a process:
all workers see the same one, it survives them, and people can read why. A call with sense costs it nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, bindparam, literal, select, update

from app.alerts import bell
from app.channels.contract import Interface
from app.channels.models import Channel, ChannelAccount, ChannelCall, ChannelPause, Maintenance
from app.channels.rules import TOPIC
from app.channels.rules.health import (
    HARMLESS,
    PROBE_WAITS_S,
    RECENT_S,
    SENDS,
    SENDS_LOOKED_AT,
    Ended,
    Pause,
    Sense,
    cool_s,
    half_nonsense,
    row_of_nonsense,
)
from app.kernel import clock
from app.kernel.errors import Text, gettext_noop
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, in_transaction, insert

ASK = "app.channels.jobs.ask_paused"
LET_GO = "app.withdrawals.jobs.let_go"
COUNT = "app.channels.jobs.count_calls"
"""Now, and not within fifteen seconds: the figures that people look at beside a new pause hold what led to it."""
_C, _P = ChannelCall, ChannelPause
_AGAIN = gettext_noop("试发的一笔没有得到有效应答")


class Learnt(NamedTuple):
    """A call that is over, and of which account it was."""

    account_id: int
    ended: Ended


def learn(calls: Iterable[Learnt]) -> None:
    """These calls are over, and their rows say so."""
    assert in_transaction()
    told = [it for it in calls if it.ended.interface not in HARMLESS]
    for account_id in sorted({it.account_id for it in told if it.ended.sense != Sense.ANSWERED}):
        weigh(account_id)
    sends = {(it.account_id, it.ended.subject): it.ended for it in told if it.ended.interface in SENDS}
    if sends:
        tried = _tries(sorted({account_id for account_id, _subject in sends}))
        for pause, number in db.session.execute(tried).all():
            if (pause.account_id, pause.probe) in sends:
                _judge(pause, number, sends[pause.account_id, pause.probe])


def weigh(account_id: int) -> None:
    """The last call of this account ended without sense. Announced maintenance explains it."""
    known = db.session.execute(_KNOWN, {"its_id": account_id, "its_now": clock.now()}).one()
    if not known.pause_after or known.pause_id is not None or known.maintained:
        return
    latest = _latest(account_id, known.pause_after)
    why = row_of_nonsense(latest, known.pause_after)
    if why is None and latest and latest[0].interface in SENDS:
        why = half_nonsense(_latest(account_id, SENDS_LOOKED_AT, *SENDS))
    if why is not None:
        _stop(account_id, known, why)


def standing(account_id: int) -> ChannelPause | None:
    """The pause of this account, if there is one, locked until the transaction ends."""
    assert in_transaction()
    found = select(_P).where(_P.account_id == account_id, _P.closed_at.is_(None)).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def hear(pause: ChannelPause, number: str, *, answered: bool) -> float | None:
    """The channel was asked something harmless. Seconds until it is asked again; None: it answered, and one may be sent."""
    asked = pause.asked + 1
    if not answered:
        wait = cool_s(asked)
        _change(pause, asked=asked, ask_at=clock.later(wait))
        live_events.announce(TOPIC, number)
        return wait
    _change(pause, asked=asked, state=Pause.TRYING, probe="", probe_at=None)
    jobs.promise(LET_GO, number)
    live_events.announce(TOPIC, number)
    return None


def take(account_id: int, subject: str) -> bool:
    """May this one be sent to see whether it works? Of many that ask, one gets the place; another one, when it says nothing."""
    assert in_transaction()
    silent = clock.now() - timedelta(seconds=PROBE_WAITS_S)
    mine = (_P.account_id == account_id, _P.closed_at.is_(None), _P.state == Pause.TRYING)
    free = (_P.probe == "") | (_P.probe == subject) | (_P.probe_at < silent)
    return bool(changed(update(_P).where(*mine, free).values(probe=subject, probe_at=clock.now())))


def hurry(account_id: int, number: str) -> bool:
    """Ask the channel now: something was repaired. False: nothing is paused."""
    pause = standing(account_id)
    if pause is None or pause.state != Pause.STOPPED:
        return False
    _change(pause, ask_at=clock.now())
    jobs.promise(ASK, number)
    return True


def lift(account_id: int, number: str, *, by: str, why: str) -> bool:
    """A person ends it. False: there was none."""
    pause = standing(account_id)
    if pause is None:
        return False
    _end(pause, number, by=by, why=why)
    return True


def _judge(pause: ChannelPause, number: str, ended: Ended) -> None:
    """The call of the one that was sent to see is over: all may leave, or nothing again. `number`: the account's."""
    if ended.sense == Sense.ANSWERED:
        _end(pause, number, by="", why="")
        return
    ask_at = clock.later(cool_s(pause.asked))
    _change(pause, state=Pause.STOPPED, ask_at=ask_at, probe="", probe_at=None, why=_AGAIN.kept())
    _ask_at(number, ask_at)
    live_events.announce(TOPIC, number)


def _stop(account_id: int, known: Row[*tuple[Any, ...]], why: Text) -> None:
    number, title = known.number, f"{known.channel_name} · {known.account_name}"
    now, ask_at = clock.now(), clock.later(cool_s(0))
    row = insert(_P).values(
        account_id=account_id,
        state=Pause.STOPPED,
        why=why.kept(300),
        opened_at=now,
        asked=0,
        ask_at=ask_at,
        probe="",
        closed_by="",
        closing="",
    )
    if changed(row.on_conflict_do_nothing()):
        _ask_at(number, ask_at)
        jobs.promise(COUNT)
        said = Text("%(title)s 没有正常应答，已自动停发：新的提现等它恢复后再发送", title=title)
        bell.ring(
            "pause", number, severity=bell.Severity.SEVERE, said=said, path=page_of(number), channel=known.channel_code
        )
        live_events.announce(TOPIC, number)


def page_of(number: str) -> str:
    """Where people see how this account does."""
    return f"/channels/{number}/health"


def _ask_at(number: str, at: datetime) -> None:
    jobs.promise(ASK, number, after_s=max(0.0, (at - clock.now()).total_seconds()))


def _end(pause: ChannelPause, number: str, *, by: str, why: str) -> None:
    _change(pause, closed_at=clock.now(), closed_by=by[:60], closing=why[:200])
    jobs.promise(LET_GO, number)
    bell.hush("pause", number, said=gettext_noop("由人恢复发送") if by else gettext_noop("渠道恢复应答，已恢复发送"))
    live_events.announce(TOPIC, number)


def _change(pause: ChannelPause, **new: object) -> None:
    """`standing` holds its row: nobody else has changed it since it was read."""
    changed(update(_P).where(_P.id == pause.id).values(**new).execution_options(synchronize_session=False))


def _latest(account_id: int, most: int, *interfaces: Interface) -> list[Ended]:
    """Calls that are over, newest first."""
    found = _ENDED.where(_C.account_id == account_id, _C.outcome != "open", _C.at >= clock.later(-RECENT_S))
    which = _C.interface.in_(list(interfaces)) if interfaces else _C.interface.not_in(list(HARMLESS))
    return [Ended(*row) for row in db.session.execute(found.where(which).order_by(_C.id.desc()).limit(most))]


def _tries(account_ids: Sequence[int]) -> Select[ChannelPause, str]:
    """Those of these accounts that are tried just now, with their numbers, locked."""
    trying = (_P.account_id.in_(account_ids), _P.closed_at.is_(None), _P.state == Pause.TRYING)
    found = select(_P, ChannelAccount.number).join(ChannelAccount, ChannelAccount.id == _P.account_id)
    return found.where(*trying).with_for_update(of=_P).execution_options(populate_existing=True)


_ENDED = select(_C.interface, _C.subject, _C.outcome, _C.seen)
_NOW = bindparam("its_now", type_=Maintenance.ends_at.type)
_MAINTAINED = (
    select(literal(1))
    .where(Maintenance.channel_id == Channel.id, Maintenance.called_off_at.is_(None))
    .where(Maintenance.begins_at <= _NOW, Maintenance.ends_at > _NOW)
    .correlate(Channel)
    .exists()
)
_KNOWN = (
    select(
        Channel.pause_after,
        Channel.code.label("channel_code"),
        Channel.name.label("channel_name"),
        ChannelAccount.name.label("account_name"),
        ChannelAccount.number,
        _P.id.label("pause_id"),
        _MAINTAINED.label("maintained"),
    )
    .select_from(ChannelAccount)
    .join(Channel, Channel.id == ChannelAccount.channel_id)
    .outerjoin(_P, (_P.account_id == ChannelAccount.id) & _P.closed_at.is_(None))
    .where(ChannelAccount.id == bindparam("its_id"))
)
