"""Channels, their accounts and parameters: opened, changed, put into and out of use."""

import json
from collections.abc import Mapping

from sqlalchemy import func, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import manners, queries, rules
from app.channels.models import Channel, ChannelAccount, ChannelSetting
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.runtime import jobs, live_events, vault
from app.runtime.db import db, transaction


def open_channel(*, code: str, name: str, adapter: str, actor: Actor | str) -> None:
    """A third party we pay through from now on."""
    with transaction():
        kind = manners.find(adapter)
        if kind is None:
            raise Refused("没有名为“%(adapter)s”的渠道适配器", adapter=adapter)
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
        live_events.announce(rules.TOPIC, number)
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
        live_events.announce(rules.TOPIC, number)


def _add_setting(account_id: int, number: str, adapter: str, settings: Mapping[str, str], actor: Actor | str) -> None:
    kind = manners.adapter(adapter)
    given = {setting.name: settings[setting.name] for setting in kind.settings}
    before = select(func.coalesce(func.max(ChannelSetting.version), 0)).where(ChannelSetting.account_id == account_id)
    version = (db.session.scalar(before) or 0) + 1
    db.session.execute(update(ChannelSetting).where(ChannelSetting.account_id == account_id).values(active=False))
    shown = {
        setting.name: vault.fingerprint(given[setting.name]) if setting.secret else given[setting.name]
        for setting in kind.settings
    }
    place = {"table": "channel_setting", "column": "sealed", "row": f"{number}/{version}"}
    db.session.add(
        ChannelSetting(
            account_id=account_id,
            version=version,
            active=True,
            template_version=manners.version_of(kind.code),
            sealed=vault.seal(json.dumps(given), **place),
            shown=json.dumps(shown),
            created_by=actor if isinstance(actor, str) else actor.username,
        )
    )
    db.session.flush()
