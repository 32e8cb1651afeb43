"""Everything that can be done to channels and their accounts. Each command is one transaction."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Executable, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.auth import audit
from app.auth.identity import Actor
from app.auth.models import OperatorSession
from app.channels import claims, gateway, pulse, queries, rules
from app.channels.adapters import ADAPTERS
from app.channels.contract import Interface, RawCallback
from app.channels.models import CallbackInbox, Channel, ChannelAccount, ChannelCall, ChannelSetting, DailyFigures
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.runtime import jobs, live_events, vault
from app.runtime.db import Model, changed, db, insert, transaction

TOPIC = "channels"
COLLECT = "app.collections.jobs.book"
ROWS_AT_ONCE = 500


def claim(number: str, *, actor: Actor) -> None:
    """领取: hold this account from now on."""
    with transaction():
        account = queries.account(number)
        rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        fence = claims.take(account.id, actor)
        audit.record(actor, "claim.take", number, after={"fence": fence})
        live_events.announce(TOPIC, number)


def renew(number: str, *, fence: int, actor: Actor) -> bool:
    """The holder's page is still open. False when the claim is no longer theirs."""
    with transaction():
        return claims.renew(queries.account(number).id, fence=fence, actor=actor)


def release(number: str, *, actor: Actor) -> None:
    """释放: give the account back."""
    _give_back(number, actor=actor, ending="released")


def finish(number: str, *, note: str, actor: Actor) -> None:
    """完成: give the account back with a note for whoever comes next."""
    _give_back(number, actor=actor, ending="finished", note=note)


def force_release(number: str, *, reason: str, actor: Actor) -> str:
    """强制释放: a supervisor ends somebody's claim. Returns the former holder's name."""
    with transaction():
        account = queries.account(number)
        holder = claims.take_away(account.id, actor=actor, reason=reason)
        if holder is None:
            raise Refused("该渠道账号现在没有人领取")
        audit.record(actor, "claim.force-release", number, before={"holder": holder}, why=reason)
        live_events.announce(TOPIC, number)
        return holder


def session_started(_sender: object, *, operator_id: int, session_id: int) -> None:
    """The same person signed in anew: their claims go with them. Joins the sign-in's transaction."""
    claims.adopt(operator_id=operator_id, session_id=session_id)


def session_ended(_sender: object, *, operator_id: int, reason: str, **_more: object) -> None:
    """The person left: their claims end, unless they only moved to another browser. Joins that transaction."""
    if reason != "displaced" and claims.drop_all(operator_id=operator_id, by=reason):
        live_events.announce(TOPIC)


def refresh(number: str, *, actor: Actor) -> None:
    """Ask the channel for its figures now (on demand)."""
    with transaction():
        queries.account(number)
        jobs.promise("app.channels.jobs.pull_figures", number)
        audit.record(actor, "channel.refresh", number)


def pull_all() -> None:
    """Put a pull of every enabled account's figures on the list."""
    with transaction():
        for account in queries.accounts():
            if account.usable:
                jobs.promise("app.channels.jobs.pull_figures", account.number)


def pull_missed() -> None:
    """Put the days on the list on which nobody asked (the console was down): what came in then must be booked too."""
    today = clock.business_day()
    first = today - timedelta(days=rules.LOOK_BACK_DAYS)
    with transaction():
        accounts = [account for account in queries.accounts() if account.usable]
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
        setting_id = queries.active_setting_id(account.id)
        assert setting_id is not None, f"{number} has no settings"
        call = gateway.announce(Interface.FIGURES, account_id=account.id, setting_id=setting_id, subject=number)
    try:
        told = gateway.figures(call, day)
    except gateway.NoAnswer as problem:
        if day == today:
            with transaction():
                _note_failure(account.id, str(problem)[:200])
                live_events.announce(TOPIC, number)
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
            pulled_at=clock.now(),
        )
        columns = ("total", "yesterday", "today", "settled", "settleable")
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
        live_events.announce(TOPIC, number)


def take_callback(number: str, raw: RawCallback) -> tuple[bool, str]:
    """Into the inbox first, then a job that reads it. Returns whether it was accepted, and the channel's own word."""
    with transaction():
        account = queries.account(number)
        inbox_id, accepted = gateway.take_callback(account, raw)
        if accepted:
            jobs.promise(gateway.READ_CALLBACK, str(inbox_id))
    return accepted, gateway.answer_word(account)


def open_channel(*, code: str, name: str, adapter: str, actor: Actor | str) -> None:
    """A third party we pay through from now on."""
    kind = ADAPTERS.get(adapter)
    if kind is None:
        raise Refused("没有名为“%(adapter)s”的渠道适配器", adapter=adapter)
    with transaction():
        if db.session.scalar(select(Channel.id).where(Channel.code == code)):
            raise Refused("渠道编码“%(code)s”已存在", code=code)
        db.session.add(
            Channel(
                code=code,
                name=name,
                adapter=adapter,
                query_waits_s=",".join(map(str, kind.query_waits_s)),
                resend_window_s=kind.resend_window_s,
                return_waits_s=",".join(map(str, kind.return_waits_s)),
                return_refunds_fee=kind.return_refunds_fee,
            )
        )
        audit.record(actor, "channel.open", code, after={"name": name, "adapter": adapter})


def open_account(
    *,
    channel: str,
    name: str,
    settings: Mapping[str, str],
    single_limit: Money,
    fee_fixed: Money,
    fee_rate_ppm: int,
    actor: Actor | str,
    number: str = "",
    bind_per_s: int = 20,
) -> str:
    """An account of ours at a channel, with its first setting version. Returns its number."""
    number = number or new_number("C")
    with transaction():
        found = db.session.scalars(select(Channel).where(Channel.code == channel)).one_or_none()
        if found is None:
            raise Refused("没有编码为“%(code)s”的渠道", code=channel)
        account = ChannelAccount(
            number=number,
            channel_id=found.id,
            name=name,
            merchant_no=settings["merchant_no"],
            single_limit=single_limit,
            fee_fixed=fee_fixed,
            fee_rate_ppm=fee_rate_ppm,
            bind_per_s=bind_per_s,
        )
        db.session.add(account)
        db.session.flush()
        _add_setting(account.id, number, found.adapter, settings, actor)
        audit.record(actor, "channel.open-account", number, after={"channel": channel, "name": name})
        jobs.promise("app.channels.jobs.pull_figures", number)
        live_events.announce(TOPIC, number)
    return number


def change_settings(number: str, settings: Mapping[str, str], *, actor: Actor | str) -> None:
    """A new version of an account's parameters; the one before stays readable for what was signed with it."""
    with transaction():
        account = queries.account(number)
        _add_setting(account.id, number, account.adapter, settings, actor)
        audit.record(actor, "channel.change-settings", number)


def set_enabled(number: str, *, enabled: bool, actor: Actor | str) -> None:
    """启用 / 停用: a disabled account takes no new work; what is under way is followed to its end."""
    with transaction():
        account = queries.account(number)
        db.session.execute(update(ChannelAccount).where(ChannelAccount.id == account.id).values(enabled=enabled))
        audit.record(actor, "channel.enable" if enabled else "channel.disable", number)
        live_events.announce(TOPIC, number)


def drop_old_calls(before: datetime, *, only_count: bool = False) -> int:
    """The words of calls made before then. How many calls."""
    old = (ChannelCall.at < before, gateway.said_anything())
    return _retire(ChannelCall.id, old, gateway.without_body, before, only_count)


def drop_old_callbacks(before: datetime, *, only_count: bool = False) -> int:
    """The bodies of callbacks that came before then, but for those that nobody has read yet. How many."""
    old = (CallbackInbox.received_at < before, CallbackInbox.sealed != "", ~gateway.is_unread())
    empty = update(CallbackInbox).values(sealed="").execution_options(synchronize_session=False)
    return _retire(CallbackInbox.id, old, empty.where, before, only_count)


def drop_old_sessions(before: datetime, *, only_count: bool = False) -> int:
    """Sessions that ended before then and that no row speaks of. How many.

    Here and not in auth, as claims speak of them. Audit records tell who and from where by themselves: they may outlive them.
    """
    spoken_of = [
        column
        for table in Model.metadata.sorted_tables
        for column in table.columns
        if column.name == "session_id"
        or any(key.column.table.name == "operator_session" for key in column.foreign_keys)
        if not table.info.get("append_only")
    ]
    old = (
        OperatorSession.ended_at < before,
        *(OperatorSession.id.not_in(select(column).where(column.is_not(None))) for column in spoken_of),
    )
    gone = delete(OperatorSession).execution_options(synchronize_session=False)
    return _retire(OperatorSession.id, old, gone.where, before, only_count)


def _retire(
    key: InstrumentedAttribute[int],
    old: Sequence[ColumnElement[bool]],
    change: Callable[..., Executable],
    before: datetime,
    only_count: bool,
) -> int:
    """A few hundred rows a transaction, each with its audit record: killed at any moment, the next run goes on."""
    if only_count:
        return db.session.scalar(select(func.count(key)).where(*old)) or 0
    table, done, last = str(key.class_.__tablename__), 0, 0
    while True:
        with transaction():
            some = select(key).where(*old, key > last).order_by(key).limit(ROWS_AT_ONCE)
            ids = db.session.scalars(some).all()
            if not ids:
                return done
            count = changed(change(key.in_(ids), *old))
            audit.record("retention", "retention.delete", table, after={"before": before.isoformat(), "rows": count})
        done, last = done + count, ids[-1]


def _give_back(number: str, *, actor: Actor, ending: str, note: str = "") -> None:
    with transaction():
        account = queries.account(number)
        if not claims.give_back(account.id, actor=actor, ending=ending, note=note):
            raise Refused("您现在没有领取该渠道账号", advice="页面可能已过期，请刷新")
        audit.record(actor, f"claim.{'finish' if ending == 'finished' else 'release'}", number, why=note)
        live_events.announce(TOPIC, number)


def _add_setting(account_id: int, number: str, adapter: str, settings: Mapping[str, str], actor: Actor | str) -> None:
    given = {setting.name: settings[setting.name] for setting in ADAPTERS[adapter].settings}
    before = select(func.coalesce(func.max(ChannelSetting.version), 0)).where(ChannelSetting.account_id == account_id)
    version = (db.session.scalar(before) or 0) + 1
    db.session.execute(update(ChannelSetting).where(ChannelSetting.account_id == account_id).values(active=False))
    shown = {
        setting.name: vault.fingerprint(given[setting.name]) if setting.secret else given[setting.name]
        for setting in ADAPTERS[adapter].settings
    }
    place = {"table": "channel_setting", "column": "sealed", "row": f"{number}/{version}"}
    db.session.add(
        ChannelSetting(
            account_id=account_id,
            version=version,
            active=True,
            sealed=vault.seal(json.dumps(given), **place),
            shown=json.dumps(shown),
            created_by=actor if isinstance(actor, str) else actor.username,
        )
    )
    db.session.flush()


def _note_failure(account_id: int, reason: str) -> None:
    values = {"figures_failed_at": clock.now() if reason else None, "figures_failure": reason}
    db.session.execute(update(ChannelAccount).where(ChannelAccount.id == account_id).values(**values))
