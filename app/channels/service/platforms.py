"""第三方平台账号: added, changed, given new passwords, shown to whoever sits there, removed. One transaction each."""

import secrets
from collections.abc import Callable, Sequence

from sqlalchemy import delete, func, select

from app.auth import audit
from app.auth.identity import Actor
from app.channels import claims, platforms, queries, rules
from app.channels.models import ChannelAccount, PlatformAccount, PlatformLink
from app.channels.queries import Account
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.kernel.limit import Limit
from app.kernel.numbers import new_number
from app.runtime import live_events, throttle, vault
from app.runtime.db import db, transaction

REVEALS = Limit(20, within_s=3600, shut_s=3600)
"""How many passwords one person may look at."""
_READABLE = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"


def new_password() -> str:
    """A random one of sixteen letters and digits, of each kind at least one, as most third parties want it."""
    while True:
        made = "".join(secrets.choice(_READABLE) for _ in range(16))
        if any(it.isdigit() for it in made) and any(it.islower() for it in made) and any(it.isupper() for it in made):
            return made


def add(
    *, channel: str, login_name: str, address: str, password: str, accounts: Sequence[str], note: str, actor: Actor
) -> str:
    """A platform account with its password and the channel accounts that are looked after there. Its reference."""
    reference = new_number("P")
    with transaction():
        found = queries.channel(channel)
        _require_free(found.id, login_name)
        place = PlatformAccount(
            reference=reference,
            channel_id=found.id,
            login_name=login_name,
            address=address,
            password_sealed=_sealed(password, reference),
            password_at=clock.now(),
            note=note,
            made_by=actor.display_name,
        )
        db.session.add(place)
        db.session.flush()
        names = _link(place, _held_accounts(accounts))
        audit.record(
            actor, "platform.add", reference, after={"channel": channel, "login": login_name, "accounts": names}
        )
        live_events.announce(rules.TOPIC, reference)
    return reference


def change(reference: str, *, login_name: str, address: str, accounts: Sequence[str], note: str, actor: Actor) -> None:
    """Everything but the password."""
    with transaction():
        wanted = _held_accounts(accounts)
        place = _kept(reference)
        if login_name != place.login_name:
            _require_free(place.channel_id, login_name)
        linked = _names(platforms.accounts_of([place.id])[place.id])
        before = {"login": place.login_name, "site": place.address, "note": place.note, "accounts": linked}
        place.login_name, place.address, place.note = login_name, address, note
        after = {"login": login_name, "site": address, "note": note, "accounts": _link(place, wanted)}
        audit.record(actor, "platform.change", reference, before=before, after=after)
        live_events.announce(rules.TOPIC, reference)


def reset_password(reference: str, *, password: str, reason: str, actor: Actor) -> None:
    """The one that the third party knows from now on. What it was before is gone."""
    with transaction():
        place = _kept(reference)
        place.password_sealed, place.password_at = _sealed(password, reference), clock.now()
        audit.record(actor, "platform.reset-password", reference, why=reason)
        live_events.announce(rules.TOPIC, reference)


def reveal(reference: str, *, reason: str, actor: Actor) -> str:
    """The password, told once to whoever sits there: the holder of one of its accounts. Counted, and written down."""
    try:
        throttle.take(f"reveal-platform:{actor.operator_id}", REVEALS)
    except throttle.Shut as shut:
        raise Refused("查看平台账号密码的次数太多，请于 %(until)s 后再试", until=shut.until) from None
    with transaction():
        place = platforms.platform(reference)
        if place.removed_at is not None:
            raise Refused("这个平台账号已删除")
        mine = [it for it in platforms.seats([place.id])[place.id] if it.session_id == actor.session_id]
        if not mine:
            raise Refused("只有领取了其渠道账号的人能查看密码", advice="请先在渠道看板领取它关联的渠道账号")
        claims.require(mine[0].account_id, fence=mine[0].fence, actor=actor)
        audit.record(actor, "platform.reveal", reference, why=reason)
        return vault.unseal(
            place.password_sealed, table="platform_account", column="password_sealed", row=place.reference
        )


def remove(reference: str, *, why: str, above: Callable[[Sequence[Account]], Text | None], actor: Actor) -> None:
    """No longer used: its password and its links are gone, its history stays.

    Refused while somebody sits there. `above(accounts)`: what the room above knows to be open on its channel accounts, in
    words; it is asked in this same transaction.
    """
    with transaction():
        place = _kept(reference)
        accounts = platforms.accounts_of([place.id])[place.id]
        if seated := platforms.seats([place.id])[place.id]:
            raise Refused(
                "%(holder)s 正在使用这个平台账号，不能删除", holder=seated[0].holder, advice="请等对方释放后再删除"
            )
        if open_work := above(accounts):
            raise Refused.saying(open_work, Text("请等这些办完，或先取消关联，再删除"))
        db.session.execute(delete(PlatformLink).where(PlatformLink.platform_id == place.id))
        place.removed_at, place.password_sealed = clock.now(), ""
        audit.record(actor, "platform.remove", reference, before={"login": place.login_name}, why=why)
        live_events.announce(rules.TOPIC, reference)


def _kept(reference: str) -> PlatformAccount:
    place = platforms.held(reference)
    if place.removed_at is not None:
        raise Refused("这个平台账号已删除")
    return place


def _require_free(channel_id: int, login_name: str) -> None:
    p = PlatformAccount
    same = select(func.count()).where(p.channel_id == channel_id, p.login_name == login_name, p.removed_at.is_(None))
    if db.session.scalar(same):
        raise Refused("该渠道已有登录名为“%(login)s”的平台账号", login=login_name)


def _held_accounts(numbers: Sequence[str]) -> list[Account]:
    """These channel accounts, locked before the place where they are looked after, as by whoever claims one: nobody slips
    in while the seats are counted."""
    wanted = [queries.account(number) for number in numbers]
    locked = select(ChannelAccount.id).where(ChannelAccount.id.in_([account.id for account in wanted]))
    db.session.execute(locked.order_by(ChannelAccount.id).with_for_update()).all()
    return wanted


def _link(place: PlatformAccount, wanted: Sequence[Account]) -> list[str]:
    """These accounts are looked after there from now on, and no others. Their numbers."""
    if any(account.channel_id != place.channel_id for account in wanted):
        raise Refused("只能关联同一渠道的渠道账号")
    ids = [account.id for account in wanted]
    if elsewhere := platforms.linked_elsewhere(ids, but=place.id):
        title = next(account.name for account in wanted if account.id == elsewhere[0][0])
        raise Refused("“%(account)s”已关联到平台账号“%(login)s”", account=title, login=elsewhere[0][1])
    if len({held.operator_id for held in queries.holders(ids).values()}) > 1:
        raise Refused("这些渠道账号正由不同的人领取，不能共用一个平台账号", advice="请等其中一人释放后再关联")
    db.session.execute(delete(PlatformLink).where(PlatformLink.platform_id == place.id))
    db.session.flush()
    db.session.add_all(PlatformLink(account_id=account_id, platform_id=place.id) for account_id in ids)
    db.session.flush()
    return _names(wanted)


def _names(accounts: Sequence[Account]) -> list[str]:
    return sorted(account.number for account in accounts)


def _sealed(password: str, reference: str) -> str:
    return vault.seal(password, table="platform_account", column="password_sealed", row=reference)
