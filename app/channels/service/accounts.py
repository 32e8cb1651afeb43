"""Channels, their accounts and parameters: opened, changed, put into and out of use."""

from collections.abc import Mapping

from sqlalchemy import select, update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import breaker, manners, parameters, queries, rules, versions
from app.channels.models import Channel, ChannelAccount
from app.channels.service import drafting
from app.kernel.errors import Refused
from app.kernel.hours import WHOLE_DAY
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, insert, transaction


def open_channel(*, code: str, name: str, adapter: str, actor: Actor | str) -> None:
    """A third party we pay through from now on."""
    with transaction():
        if manners.find(adapter) is None:
            raise Refused("没有名为“%(adapter)s”的渠道适配器", adapter=adapter)
        if db.session.scalar(select(Channel.id).where(Channel.code == code)):
            raise Refused("渠道编码“%(code)s”已存在", code=code)
        db.session.add(Channel(code=code, name=name, adapter=adapter))
        audit.record(actor, "channel.open", code, after={"name": name, "adapter": adapter})


def change_channel(code: str, *, name: str, pause_after: int, enabled: bool, actor: Actor) -> None:
    """What a channel is called, when it is paused by itself, and whether anything new goes through it."""
    given = {"name": name, "pause_after": pause_after, "enabled": enabled}
    with transaction():
        found = queries.channel(code)
        before = {known: getattr(found, known) for known in given}
        db.session.execute(update(Channel).where(Channel.id == found.id).values(**given))
        audit.record(actor, "channel.change", code, before=before, after=given)
        live_events.announce(rules.TOPIC)


def open_account(
    *,
    channel: str,
    name: str,
    single_limit: Money,
    fee_fixed: Money,
    fee_rate_ppm: int,
    actor: Actor | str,
    settings: Mapping[str, str] | None = None,
    merchant_no: str = "",
    number: str = "",
    bind_per_s: int = 20,
    send_per_s: int = 0,
    opens: int = 0,
    closes: int = WHOLE_DAY,
    open_days: str = "1234567",
    weight: int = 100,
    day_amount: Money | None = None,
    day_count: int | None = None,
) -> str:
    """An account of ours at a channel. Returns its number.

    With its parameters it is in use at once: the house's own set-up. Without them it waits, disabled, with a draft to fill in.
    """
    number = number or new_number("C")
    merchant_no = settings[parameters.ITS_NUMBER] if settings else merchant_no
    with transaction():
        found = queries.channel(channel) if isinstance(actor, Actor) else queries.find(channel)
        if found is None:
            raise Refused("没有编码为“%(code)s”的渠道", code=channel)
        row = insert(ChannelAccount).values(
            number=number,
            channel_id=found.id,
            name=name,
            merchant_no=merchant_no,
            enabled=settings is not None,
            single_limit=single_limit,
            day_amount=day_amount,
            day_count=day_count,
            fee_fixed=fee_fixed,
            fee_rate_ppm=fee_rate_ppm,
            bind_per_s=bind_per_s,
            send_per_s=send_per_s,
            opens=opens,
            closes=closes,
            open_days=open_days,
            weight=weight,
        )
        if not changed(row.on_conflict_do_nothing(index_elements=["channel_id", "merchant_no"])):
            raise _taken(merchant_no)
        audit.record(
            actor,
            "channel.open-account",
            number,
            after={
                **{"channel": channel, "name": name, "merchant_no": merchant_no},
                **_said(single_limit=single_limit, day_amount=day_amount, day_count=day_count, fee_fixed=fee_fixed),
            },
        )
        account = queries.account(number)
        kind = queries.adapter_class(account)
        if settings:
            drafting.put_in_force(account, settings, why="", overlap_s=0, actor=actor)
            jobs.promise("app.channels.jobs.pull_figures", number)
        else:
            drafting.insert_draft(account, parameters.first(kind.settings, merchant_no), based_on=None, actor=actor)
        live_events.announce(rules.TOPIC, number)
    return number


def change_account(
    number: str,
    *,
    name: str,
    merchant_no: str,
    single_limit: Money,
    day_amount: Money | None,
    day_count: int | None,
    fee_fixed: Money,
    fee_rate_ppm: int,
    bind_per_s: int,
    send_per_s: int,
    opens: int,
    closes: int,
    open_days: str,
    weight: int,
    why: str,
    actor: Actor,
) -> None:
    """Name, limits, fees, rates, hours and weight: they count from the next withdrawal on. The number that the channel knows
    us by changes only as long as no version was ever in use: afterwards another number is another account."""
    given: dict[str, object] = {
        "name": name,
        "merchant_no": merchant_no,
        "single_limit": single_limit,
        "day_amount": day_amount,
        "day_count": day_count,
        "fee_fixed": fee_fixed,
        "fee_rate_ppm": fee_rate_ppm,
        "bind_per_s": bind_per_s,
        "send_per_s": send_per_s,
        "opens": opens,
        "closes": closes,
        "open_days": open_days,
        "weight": weight,
    }
    with transaction():
        account = queries.account(number)
        if merchant_no != account.merchant_no:
            if versions.ever_used(account.id):
                raise Refused("参数启用过以后不能再改商户号", advice="另一个商户号就是另一个渠道账号，请新建")
            mine = select(ChannelAccount.id).where(
                ChannelAccount.channel_id == account.channel_id, ChannelAccount.merchant_no == merchant_no
            )
            if db.session.scalar(mine):
                raise _taken(merchant_no)
            drafting.renumber(account, merchant_no, actor)
        old = {name: getattr(account, name) for name in given}
        db.session.execute(update(ChannelAccount).where(ChannelAccount.id == account.id).values(**given))
        differing = [name for name in given if given[name] != old[name]]
        if not {"opens", "closes", "open_days"}.isdisjoint(differing):
            jobs.promise(breaker.LET_GO, number)
        audit.record(
            actor,
            "channel.change-account",
            number,
            before={name: _plain(old[name]) for name in differing},
            after={name: _plain(given[name]) for name in differing},
            why=why,
        )
        live_events.announce(rules.TOPIC, number)


def set_enabled(number: str, *, enabled: bool, actor: Actor | str, why: str = "") -> None:
    """启用 / 停用: a disabled account takes no new work; what is under way is followed to its end."""
    with transaction():
        account = queries.account(number)
        if enabled and queries.active_setting_id(account.id) is None:
            raise Refused("这个渠道账号还没有启用过参数", advice="请先填好参数草稿并启用")
        db.session.execute(update(ChannelAccount).where(ChannelAccount.id == account.id).values(enabled=enabled))
        audit.record(actor, "channel.enable" if enabled else "channel.disable", number, why=why)
        live_events.announce(rules.TOPIC, number)


def _taken(merchant_no: str) -> Refused:
    return Refused("这个渠道下已有商户号为“%(merchant_no)s”的账号", merchant_no=merchant_no)


def _said(**terms: object) -> dict[str, str]:
    """For the audit log: what is not limited is not told."""
    return {name: _plain(value) for name, value in terms.items() if value is not None}


def _plain(value: object) -> str:
    return "" if value is None else str(value)
