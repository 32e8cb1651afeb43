"""What commands about accounts and about their parameters do alike to a version. Joins their transaction."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from app.auth.identity import Actor
from app.channels import manners, parameters, queries, versions
from app.channels.models import ChannelSetting
from app.channels.queries import Account
from app.channels.states import SETTING, State
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime import vault
from app.runtime.db import changed, db, in_transaction, insert


def insert_draft(
    account: Account, given: Mapping[str, str], *, based_on: int | None, actor: Actor | str
) -> ChannelSetting:
    """The account's draft from now on. Refused where it has one."""
    return _insert(account, given, State.DRAFT, actor, based_on=based_on)


def rewrite(account: Account, found: ChannelSetting, given: Mapping[str, str], actor: Actor) -> None:
    """The draft says this from now on."""
    mine = update(ChannelSetting).where(ChannelSetting.id == found.id, ChannelSetting.edition == found.edition)
    kept = _kept(account, found.version, given)
    values = {"edition": found.edition + 1, "changed_by": _name(actor), "changed_at": clock.now(), **kept}
    if not changed(mine.values(values)):
        raise _too_late()


def renumber(account: Account, merchant_no: str, actor: Actor) -> None:
    """The draft carries the account's new number."""
    found = versions.draft(account.id)
    if found is not None:
        given = versions.given(account.number, found)
        rewrite(account, found, given | {parameters.ITS_NUMBER: merchant_no}, actor)


def put_in_force(
    account: Account, given: Mapping[str, str], *, why: str, overlap_s: int, actor: Actor | str
) -> ChannelSetting:
    """A version of these parameters is made and in use at once, whatever somebody drafts: the house's own set-up."""
    kind = queries.adapter_class(account)
    declared = {it.name: parameters.tidy(given[it.name]) for it in kind.settings if it.name in given}
    before, now = versions.active(account.id), clock.now()
    if before is not None:
        _retire(before, now, overlap_s)
    told = {"based_on": before.version if before else None, "why": why}
    return _insert(account, declared, State.ACTIVE, actor, activated_at=now, activated_by=_name(actor), **told)


def activate(account: Account, found: ChannelSetting, *, overlap_s: int, why: str, actor: Actor | str) -> None:
    """The draft is in use, and the version before it retires: its keys go on counting for so long."""
    assert overlap_s >= 0
    now, before = clock.now(), versions.active(account.id)
    if before is not None:
        _retire(before, now, overlap_s)
    speaks = manners.version_of(queries.adapter_class(account).code)  # the account may have followed its template since
    move(found, "activate", activated_at=now, activated_by=_name(actor), why=why, template_version=speaks)


def move(found: ChannelSetting, verb: str, **values: object) -> None:
    """The one place that writes the state of a version. Refused where the table has no such edge, or somebody was faster."""
    target = SETTING.move(found.state, verb).target
    mine = update(ChannelSetting).where(ChannelSetting.id == found.id, ChannelSetting.state == found.state)
    if not changed(mine.where(ChannelSetting.edition == found.edition).values(state=target, **values)):
        raise _too_late()


def _retire(found: ChannelSetting, now: datetime, overlap_s: int) -> None:
    move(found, "retire", retired_at=now, overlap_until=now + timedelta(seconds=overlap_s))
    if overlap_s == 0:  # a key that leaked may be in earlier versions too
        older = (ChannelSetting.account_id == found.account_id, ChannelSetting.overlap_until > now)
        db.session.execute(update(ChannelSetting).where(*older).values(overlap_until=now))


def _insert(
    account: Account, given: Mapping[str, str], state: State, actor: Actor | str, **more: object
) -> ChannelSetting:
    assert in_transaction()
    newest = select(func.max(ChannelSetting.version)).where(ChannelSetting.account_id == account.id)
    version = (db.session.scalar(newest) or 0) + 1
    told = {"account_id": account.id, "version": version, "state": state, "edition": 1, "created_by": _name(actor)}
    row = insert(ChannelSetting).values(**told, **more, **_kept(account, version, given))
    if not changed(row.on_conflict_do_nothing()):
        raise Refused("已有一份参数草稿", advice="请先启用或放弃它")
    return versions.version(account.id, version)


def _kept(account: Account, version: int, given: Mapping[str, str]) -> dict[str, object]:
    kind, row = queries.adapter_class(account), f"{account.number}/{version}"
    return {
        "template_version": manners.version_of(kind.code),
        "sealed": vault.seal(json.dumps(given), table="channel_setting", column="sealed", row=row),
        "shown": json.dumps(parameters.shown(kind.settings, given, vault.fingerprint)),
    }


def _name(actor: Actor | str) -> str:
    return actor if isinstance(actor, str) else actor.display_name


def _too_late() -> Refused:
    return Refused("这一版参数刚刚被别人改过", advice="请刷新页面，看过最新内容后再做")
