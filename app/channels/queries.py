"""Reading channels. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select, true
from sqlalchemy.orm import InstrumentedAttribute

from app.auth import identity
from app.channels import manners
from app.channels.contract import Abilities, Adapter, Interface
from app.channels.models import (
    CallbackInbox,
    Channel,
    ChannelAccount,
    ChannelCall,
    ChannelSetting,
    Claim,
    DailyFigures,
    PlatformLink,
    UnsignedHandover,
)
from app.channels.rules import asking, reason
from app.kernel.errors import NotThere
from app.kernel.money import Money
from app.runtime.db import db, lease_now
from app.runtime.listing import Listing, listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A channel account with its channel, as a plain value."""

    id: int
    channel_id: int
    number: str
    name: str
    merchant_no: str
    enabled: bool
    channel_enabled: bool
    channel_code: str
    channel_name: str
    adapter: str
    """A template's name carries the version that the account's parameters were given for; see `manners`."""
    single_limit: Money
    day_amount: Money | None
    day_count: int | None
    fee_fixed: Money
    fee_rate_ppm: int
    chosen: asking.Chosen
    """What people have set for its channel beside what its adapter says; `asking` is what holds."""
    bind_per_s: int
    send_per_s: int
    opens: int
    closes: int
    open_days: str
    weight: int
    figures_failed_at: datetime | None
    figures_failure: str

    @property
    def usable(self) -> bool:
        return self.enabled and self.channel_enabled

    @property
    def title(self) -> str:
        return f"{self.channel_name} · {self.name}"

    @property
    def can(self) -> Abilities:
        """What one may ask of its channel."""
        return manners.abilities(self.adapter)

    @property
    def asking(self) -> asking.Asking:
        """How often its channel is asked, how long it may hesitate, and what becomes of its fee."""
        return self.chosen.over(asking.own(manners.adapter(self.adapter)))

    @property
    def verified(self) -> bool:
        """Was its adapter proved against the channel itself?"""
        return manners.adapter(self.adapter).verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who holds an account now."""

    account_id: int
    operator_id: int
    session_id: int
    holder: str
    fence: int
    taken_at: datetime
    lease_until: datetime


def account(number: str) -> Account:
    """By its number; NotThere otherwise."""
    if "\0" in number:
        raise NotThere(number)  # PostgreSQL would not even look
    wanted = _ACCOUNT_OF_NUMBER if identity.channels() is None else _accounts().where(_ITS_NUMBER)
    row = db.session.execute(wanted, {"its_number": number}).one_or_none()
    if row is None:
        raise NotThere(number)
    return _account(row)


def find(code: str) -> Channel | None:
    """A channel by its code."""
    return db.session.scalars(select(Channel).where(Channel.code == code)).one_or_none()


def channel(code: str) -> Channel:
    """By its code; NotThere otherwise, and for whom it is foreign."""
    codes = identity.channels()
    found = find(code) if "\0" not in code and (codes is None or code in codes) else None
    if found is None:
        raise NotThere(code)
    return found


def channels() -> Sequence[Channel]:
    """Every channel that the person at the screen may see, by name."""
    codes = identity.channels()
    found = select(Channel).order_by(Channel.name)
    return db.session.scalars(found if codes is None else found.where(Channel.code.in_(codes))).all()


def channel_by_id(channel_id: int) -> Channel:
    """What something within reach belongs to."""
    found = db.session.get(Channel, channel_id)
    assert found is not None, "no channel is ever deleted"
    return found


def account_by_id(account_id: int) -> Account:
    wanted = _ACCOUNT if identity.channels() is None else _accounts().where(_ITS_ID)
    row = db.session.execute(wanted, {"its_id": account_id}).one_or_none()
    if row is None:
        raise NotThere(str(account_id))
    return _account(row)


def within_reach(column: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """For queries of any room: only rows of accounts whose channel the person at the screen may see (SECURITY 19).

    `column` holds the account's id. Everything, where nobody is at the screen or they are not limited.
    """
    codes = identity.channels()
    if codes is None:
        return true()
    inside = select(ChannelAccount.id).join(Channel, Channel.id == ChannelAccount.channel_id)
    return column.in_(inside.where(Channel.code.in_(codes)))


def require_reach(account_id: int, name: str) -> None:
    """NotThere when the person at the screen may not see this account: what is foreign does not exist for them."""
    codes = identity.channels()
    if codes is not None and db.session.scalar(_accounts().where(ChannelAccount.id == account_id)) is None:
        raise NotThere(name)


def all_channels() -> list[tuple[str, str]]:
    """Code and name of every channel there is, to choose from."""
    return [
        (code, name) for code, name in db.session.execute(select(Channel.code, Channel.name).order_by(Channel.name))
    ]


def accounts() -> list[Account]:
    """All accounts, grouped by channel."""
    return [_account(row) for row in db.session.execute(_accounts().order_by(Channel.name, ChannelAccount.name))]


def ids_of_merchant(merchant_no: str) -> Sequence[int]:
    """The ids of the accounts that channels know by this number; two channels may give the same one."""
    return db.session.scalars(select(ChannelAccount.id).where(ChannelAccount.merchant_no == merchant_no)).all()


def active_setting_id(account_id: int) -> int | None:
    """The version that new calls are signed with."""
    return db.session.scalar(_ACTIVE_SETTING, {"its_id": account_id})


def deduplicates(adapter: str) -> bool:
    """Does this channel pay one order number at most once, whatever we send?"""
    return manners.adapter(adapter).deduplicates


def knows_word(adapter: str, word: str) -> bool:
    """Does the adapter know what this word of an order means? It knows none of the codes that prove nothing."""
    known = manners.adapter(adapter)
    return any(word in getattr(known, table, ()) for table in ("words", "submit_codes", "query_codes"))


def adapter_class(account: Account) -> type[Adapter]:
    """How this account's channel speaks: the one place that knows."""
    return manners.adapter(account.adapter)


def settings_of(account_id: int) -> Sequence[ChannelSetting]:
    """All versions, newest first."""
    found = (
        select(ChannelSetting).where(ChannelSetting.account_id == account_id).order_by(ChannelSetting.version.desc())
    )
    return db.session.scalars(found).all()


def holder(account_id: int) -> Held | None:
    """Whoever holds the account at this moment; an expired lease is nobody."""
    return holders([account_id]).get(account_id)


def holders(account_ids: Sequence[int]) -> dict[int, Held]:
    found = db.session.execute(
        select(
            Claim.account_id,
            Claim.operator_id,
            Claim.session_id,
            Claim.holder,
            Claim.fence,
            Claim.taken_at,
            Claim.lease_until,
        ).where(Claim.account_id.in_(account_ids), Claim.released_at.is_(None), Claim.lease_until > lease_now())
    )
    return {row.account_id: Held(**row._mapping) for row in found}


def held_by(operator_id: int) -> list[Account]:
    """The accounts this person holds now."""
    mine = select(Claim.account_id).where(
        Claim.operator_id == operator_id, Claim.released_at.is_(None), Claim.lease_until > lease_now()
    )
    return [_account(row) for row in db.session.execute(_accounts().where(ChannelAccount.id.in_(mine)))]


def claims_of(account_id: int, limit: int = 20) -> Sequence[Claim]:
    """The latest claims of an account, newest first."""
    found = select(Claim).where(Claim.account_id == account_id).order_by(Claim.id.desc()).limit(limit)
    return db.session.scalars(found).all()


def unsigned_handover(account_id: int) -> UnsignedHandover | None:
    """What was handed over with this account and waits for a signature."""
    return db.session.get(UnsignedHandover, account_id, populate_existing=True)


def unsigned_handovers() -> Sequence[UnsignedHandover]:
    """All that wait, of accounts within reach, the oldest first."""
    u = UnsignedHandover
    return db.session.scalars(select(u).where(within_reach(u.account_id)).order_by(u.since, u.account_id)).all()


def latest_figures(account_ids: Sequence[int]) -> dict[int, DailyFigures]:
    """The newest row of each account."""
    newest = (
        select(DailyFigures.account_id, func.max(DailyFigures.business_day).label("day"))
        .where(DailyFigures.account_id.in_(account_ids))
        .group_by(DailyFigures.account_id)
        .subquery()
    )
    found = select(DailyFigures).join(
        newest, (DailyFigures.account_id == newest.c.account_id) & (DailyFigures.business_day == newest.c.day)
    )
    return {row.account_id: row for row in db.session.scalars(found)}


def figures_since(account_ids: Sequence[int], first: date) -> dict[int, list[DailyFigures]]:
    """The days from `first` on, oldest first, by account."""
    found: dict[int, list[DailyFigures]] = {account_id: [] for account_id in account_ids}
    rows = (
        select(DailyFigures)
        .where(DailyFigures.account_id.in_(account_ids), DailyFigures.business_day >= first)
        .order_by(DailyFigures.business_day)
    )
    for row in db.session.scalars(rows):
        found[row.account_id].append(row)
    return found


def calls_about(subject: str, limit: int = 200) -> Sequence[ChannelCall]:
    """The latest calls made for one thing, oldest first."""
    found = select(ChannelCall).where(ChannelCall.subject == subject).order_by(ChannelCall.id.desc()).limit(limit)
    return db.session.scalars(found).all()[::-1]


def was_answered(number: str, *, since: datetime) -> bool:
    """Was a question about this order, asked since then, answered with a valid signature, and with a word about it?"""
    asked = (ChannelCall.subject == number, ChannelCall.interface == str(Interface.QUERY), ChannelCall.at >= since)
    found = select(ChannelCall.id).where(*asked, ChannelCall.outcome == "ok", ChannelCall.seen != "").limit(1)
    return db.session.scalar(found) is not None


def callbacks_about(number: str, limit: int = 50) -> Sequence[CallbackInbox]:
    """All callbacks that came for one order, oldest first."""
    found = select(CallbackInbox).where(CallbackInbox.number == number).order_by(CallbackInbox.id).limit(limit)
    return db.session.scalars(found).all()


def account_of_callback(inbox_id: int) -> int:
    """The id of the account that a callback came for."""
    found = db.session.scalar(select(CallbackInbox.account_id).where(CallbackInbox.id == inbox_id))
    assert found is not None, "a callback job follows its inbox row"
    return found


def call(call_id: int) -> ChannelCall:
    found = db.session.get(ChannelCall, call_id)
    if found is None:
        raise NotThere(str(call_id))
    return found


def calls(account_id: int, asked: Mapping[str, str], kept: Mapping[str, str]) -> Listing:
    """The call log of an account, newest first."""
    c = ChannelCall
    columns = (c.id, c.at, c.interface, c.subject, c.outcome, c.duration_ms, c.http_status, c.seen, c.word, c.message)
    return listing(select(*columns).where(c.account_id == account_id), key=c.id.expression, asked=asked, kept=kept)


def problems() -> list[str]:
    """Broken promises of this room, for `paydesk check`."""
    doubled = db.session.execute(
        select(Claim.account_id).where(Claim.released_at.is_(None)).group_by(Claim.account_id).having(func.count() > 1)
    )
    ahead = db.session.execute(
        select(Claim.id)
        .join(ChannelAccount, ChannelAccount.id == Claim.account_id)
        .where(Claim.fence > ChannelAccount.fence)
    )
    in_use = select(ChannelSetting.account_id).where(ChannelSetting.state == "active")
    mute = db.session.scalars(
        select(ChannelAccount.number).where(ChannelAccount.enabled, ChannelAccount.id.not_in(in_use))
    )
    crowded = db.session.execute(
        select(PlatformLink.platform_id)
        .join(Claim, Claim.account_id == PlatformLink.account_id)
        .where(Claim.released_at.is_(None), Claim.lease_until > lease_now())
        .group_by(PlatformLink.platform_id)
        .having(func.count(Claim.operator_id.distinct()) > 1)
    )
    return [
        *(f"account {row.account_id} has two holders" for row in doubled),
        *(f"claim {row.id} has a fence that its account never gave" for row in ahead),
        *(f"account {number} is enabled and has no parameters in use" for number in mute),
        *(f"at platform account {row.platform_id} sit two people" for row in crowded),
    ]


_A, _C = ChannelAccount, Channel
_ACCOUNTS = select(
    *(_A.id, _A.channel_id, _A.number, _A.name, _A.merchant_no, _A.enabled),
    *(_C.enabled.label("channel_enabled"), _C.code.label("channel_code"), _C.name.label("channel_name"), _C.adapter),
    *(_A.single_limit, _A.day_amount, _A.day_count, _A.fee_fixed, _A.fee_rate_ppm),
    *(_C.query_waits_s, _C.return_waits_s, _C.resend_window_s, _C.return_refunds_fee),
    *(_A.bind_per_s, _A.send_per_s, _A.opens, _A.closes, _A.open_days, _A.weight),
    *(_A.figures_failed_at, _A.figures_failure),
    ChannelSetting.template_version,
).join(Channel, Channel.id == ChannelAccount.channel_id)
_ACCOUNTS = _ACCOUNTS.outerjoin(
    ChannelSetting, (ChannelSetting.account_id == ChannelAccount.id) & (ChannelSetting.state == "active")
)
# Built once: every step of every order asks these.
_ITS_ID = ChannelAccount.id == bindparam("its_id")
_ITS_NUMBER = ChannelAccount.number == bindparam("its_number")
_ACCOUNT = _ACCOUNTS.where(_ITS_ID)
_ACCOUNT_OF_NUMBER = _ACCOUNTS.where(_ITS_NUMBER)
_ACTIVE_SETTING = select(ChannelSetting.id).where(
    ChannelSetting.account_id == bindparam("its_id"), ChannelSetting.state == "active"
)


def _accounts() -> Select[*tuple[Any, ...]]:
    codes = identity.channels()
    return _ACCOUNTS if codes is None else _ACCOUNTS.where(Channel.code.in_(codes))


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    told = {name: value for name, value in row._mapping.items() if name not in _CHOSEN}
    told |= {"figures_failure": reason(row.figures_failure), "chosen": asking.chosen(row)}
    return Account(**told | {"adapter": manners.pinned(row.adapter, told.pop("template_version"))})


_CHOSEN = frozenset(asking.stored(asking.Chosen()))
