"""What channels say of their own totals: asked for, kept, and asked for again for days on which nobody did."""

from datetime import date, timedelta

from sqlalchemy import select, update

from app.alerts import bell
from app.alerts.bell import Severity
from app.auth import audit
from app.auth.identity import Actor
from app.channels import gateway, pulse, queries, rules
from app.channels.contract import Interface
from app.channels.models import ChannelAccount, DailyFigures
from app.channels.queries import Account
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.runtime import jobs, live_events
from app.runtime.db import db, insert, transaction

COLLECT = "app.collections.jobs.book"


def refresh(number: str, *, actor: Actor) -> None:
    """Ask the channel for its figures now (on demand)."""
    with transaction():
        account = queries.account(number)
        if queries.active_setting_id(account.id) is None:
            raise Refused("这个渠道账号还没有启用过参数", advice="请先填好参数草稿并启用")
        if not account.can.balance:
            raise Refused("该渠道没有余额与汇总接口")
        jobs.promise("app.channels.jobs.pull_figures", number)
        audit.record(actor, "channel.refresh", number)


def pull_all() -> None:
    """Put a pull of every enabled account's figures on the list."""
    with transaction():
        for account in queries.accounts():
            if account.usable and account.can.balance:
                jobs.promise("app.channels.jobs.pull_figures", account.number)


def pull_missed() -> None:
    """Put the days on the list on which nobody asked (the console was down): what came in then must be booked too."""
    today = clock.business_day()
    first = today - timedelta(days=rules.LOOK_BACK_DAYS)
    with transaction():
        accounts = [account for account in queries.accounts() if account.usable and account.can.totals]
        known = queries.figures_since([account.id for account in accounts], first)
        for account in accounts:
            for day in rules.missed([row.business_day for row in known[account.id]], today=today):
                jobs.promise("app.channels.jobs.pull_missed_day", f"{account.number}/{day}")


def pull_figures(number: str, day: date | None = None) -> None:
    """Ask the channel for its figures and keep them. A failure is kept too: the dashboard shows why they are old."""
    today = clock.business_day()
    day = day or today
    with transaction():
        account = queries.account(number)
        if not (account.can.totals if day != today else account.can.balance):
            return  # there is no such question: a balance is of this moment
        setting_id = queries.active_setting_id(account.id)
        assert setting_id is not None, f"{number} has no settings"
        call = gateway.announce(Interface.FIGURES, account_id=account.id, setting_id=setting_id, subject=number)
    try:
        told = gateway.figures(call, day)
    except gateway.NoAnswer as problem:
        if day == today:
            with transaction():
                _note_failure(account.id, str(problem)[:200])
                live_events.announce(rules.TOPIC, number)
        return
    with transaction():
        row = insert(DailyFigures).values(
            account_id=account.id,
            business_day=told.day,
            total=told.total,
            yesterday=told.yesterday,
            today=told.today,
            settled=told.settled,
            settleable=told.settleable,
            prefunded=told.prefunded,
            pulled_at=clock.now(),
        )
        columns = ("total", "yesterday", "today", "settled", "settleable", "prefunded")
        newer = {f"{name}_minor": row.excluded[f"{name}_minor"] for name in columns} | {
            "pulled_at": row.excluded.pulled_at
        }
        keys = [DailyFigures.account_id, DailyFigures.business_day]
        db.session.execute(row.on_conflict_do_update(index_elements=keys, set_=newer))
        if told.day != clock.business_day():
            pulse.forget_past(number)
        if day == today:
            _note_failure(account.id, "")
        jobs.promise(COLLECT, number)
        live_events.announce(rules.TOPIC, number)


def look_at_figures() -> None:
    """Whose figures could not be read for ten minutes, people are told; and when they are read again."""
    with transaction():
        asked = {account.number: account for account in queries.accounts() if account.usable and account.can.balance}
        ids = [account.id for account in asked.values()]
        opened = select(ChannelAccount.id, ChannelAccount.created_at).where(ChannelAccount.id.in_(ids))
        since = {row[0]: row[1] for row in db.session.execute(opened)}
        since |= {account_id: row.pulled_at for account_id, row in queries.latest_figures(ids).items()}
        limit = clock.later(-rules.UNREAD_AFTER_S)
        late = [number for number, account in sorted(asked.items()) if since[account.id] < limit]
        for number in late:
            _ring(asked[number])
        bell.hush_others("figures", but=late, said=Text("数据又读到了，或不再需要读取"))


def _ring(account: Account) -> None:
    why = account.figures_failure or Text("没有向渠道问过")
    told = {"account": account.title, "count": rules.UNREAD_AFTER_S // 60, "why": why}
    bell.ring(
        "figures",
        account.number,
        severity=Severity.WARNING,
        said=Text("“%(account)s”的数据超过 %(count)s 分钟没有读到：%(why)s", **told),
        path=f"/channels/{account.number}",
        channel=account.channel_code,
    )


def _note_failure(account_id: int, reason: str) -> None:
    values = {"figures_failed_at": clock.now() if reason else None, "figures_failure": reason}
    db.session.execute(update(ChannelAccount).where(ChannelAccount.id == account_id).values(**values))
