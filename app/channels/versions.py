"""The versions of an account's parameters, read. Nothing here writes."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ColumnElement, and_, bindparam, case, or_, select

from app.channels import manners, parameters, queries
from app.channels.models import Channel, ChannelAccount, ChannelCall, ChannelSetting
from app.channels.parameters import Line
from app.channels.rules.health import Sense, sense
from app.channels.states import State
from app.kernel import clock
from app.kernel.errors import NotThere, Refused, Text
from app.runtime import vault
from app.runtime.db import Instant, db

_ADOPTING = re.compile(r"template@([0-9]+)")


def active(account_id: int) -> ChannelSetting | None:
    """The version that new calls are signed with."""
    return _in(account_id, State.ACTIVE)


def ready(account_ids: Collection[int]) -> set[int]:
    """Those of these accounts that have parameters to sign with."""
    in_use = (ChannelSetting.account_id.in_(account_ids), ChannelSetting.state == State.ACTIVE)
    return set(db.session.scalars(select(ChannelSetting.account_id).where(*in_use)))


def draft(account_id: int) -> ChannelSetting | None:
    return _in(account_id, State.DRAFT)


def held_draft(account_id: int, edition: int) -> ChannelSetting:
    """The draft as it was seen, locked. Refused where there is none, or somebody changed it since."""
    its_own = select(ChannelSetting).where(ChannelSetting.account_id == account_id, ChannelSetting.state == State.DRAFT)
    found = db.session.scalars(its_own.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise Refused("没有草稿，可能刚被启用或放弃", advice="请刷新页面")
    if found.edition != edition:
        raise Refused("这份草稿刚刚被改过，您看到的不是最新的", advice="请看过最新内容后再改")
    return found


def version(account_id: int, number: int) -> ChannelSetting:
    """By its number within the account; NotThere otherwise."""
    its_own = (ChannelSetting.account_id == account_id, ChannelSetting.version == number)
    found = db.session.scalars(select(ChannelSetting).where(*its_own)).one_or_none()
    if found is None:
        raise NotThere(str(number))
    return found


def by_id(setting_id: int) -> ChannelSetting:
    return db.session.get_one(ChannelSetting, setting_id)


def counting(account_id: int) -> Sequence[int]:
    """Ids of the versions whose keys prove what comes from the channel: the active one, and those that overlap with it."""
    return db.session.scalars(_COUNTING, {"its_id": account_id, "its_now": clock.now()}).all()


@dataclass(frozen=True, slots=True)
class Door:
    """Where an account's channel posts to, whoever it is that posts: a signature is all that counts."""

    id: int
    number: str
    adapter: str
    counting: Sequence[int]


def doors(numbers: Collection[str]) -> Mapping[str, Door]:
    """Those of these accounts that there are, by number."""
    asked = {"its_numbers": [it for it in numbers if "\0" not in it], "its_now": clock.now()}
    found: dict[str, Door] = {}
    for number, rows in groupby(db.session.connection().execute(_DOORS, asked), key=lambda row: row.number):
        first, *others = rows  # the active version comes first
        manner = manners.pinned(first.adapter, first.template_version if first.state == State.ACTIVE else None)
        its_keys = [row.setting_id for row in (first, *others) if row.setting_id is not None]
        found[number] = Door(first.id, number, manner, its_keys)
    return found


def over(account_id: int, most: int) -> Sequence[ChannelSetting]:
    """The latest versions whose keys prove nothing any more."""
    past = ChannelSetting.state == State.RETIRED, ChannelSetting.overlap_until <= clock.now()
    its_own = select(ChannelSetting).where(ChannelSetting.account_id == account_id, *past)
    return db.session.scalars(its_own.order_by(ChannelSetting.version.desc()).limit(most)).all()


def ever_used(account_id: int) -> Sequence[int]:
    """Ids of all versions that were ever in use, newest first."""
    used = ChannelSetting.state.in_((State.ACTIVE, State.RETIRED))
    its_own = select(ChannelSetting.id).where(ChannelSetting.account_id == account_id, used)
    return db.session.scalars(its_own.order_by(ChannelSetting.version.desc())).all()


def to_ask_with(account_id: int, own: int | None, subject: str) -> int | None:
    """The version to sign a question with about something that was signed with `own`: the same while its keys count, for
    the channel answers with the pair of what it was asked with; the active one when they do not, when nothing was signed,
    and when the last question with it was in vain: its keys may never have been right.
    """
    if own is None:
        return queries.active_setting_id(account_id)
    found = db.session.execute(_TO_ASK_WITH, {"its_id": account_id, "its_now": clock.now(), "own": own}).one_or_none()
    if found is None:
        return None
    in_vain = found.state != State.ACTIVE and _was_in_vain(found.id, subject)
    return (queries.active_setting_id(account_id) if in_vain else None) or int(found.id)


def _was_in_vain(setting_id: int, subject: str) -> bool:
    """Was the last call about this, signed with this version, answered without sense? Silence says nothing about keys."""
    answered = ChannelCall.outcome.in_(("ok", "bad_signature", "unreadable"))
    mine = (ChannelCall.subject == subject, ChannelCall.setting_id == setting_id, answered)
    asked = select(ChannelCall.interface, ChannelCall.outcome, ChannelCall.seen).where(*mine)
    row = db.session.execute(asked.order_by(ChannelCall.id.desc()).limit(1)).one_or_none()
    return row is not None and sense(*row) != Sense.ANSWERED


def given(number: str, found: ChannelSetting) -> dict[str, str]:
    """The parameters of a version, open: for the gateway and for commands, never for a page. `number`: the account's."""
    row = f"{number}/{found.version}"
    opened: dict[str, str] = json.loads(vault.unseal(found.sealed, table="channel_setting", column="sealed", row=row))
    return opened


def adopting(template_version: int) -> str:
    """The reason of a version that is there because its account follows its template, as it is written down; see `why`."""
    return f"template@{template_version}"


def why(found: ChannelSetting) -> str:
    """The reason of a version: what somebody wrote, or a sentence of ours."""
    followed = _ADOPTING.fullmatch(found.why)
    return Text("改用模板第 %(version)s 版", version=followed[1]) if followed else found.why


def lines(account: queries.Account, found: ChannelSetting) -> Mapping[str, Line]:
    """A version as a page shows it, by the names of its parameters."""
    return parameters.lines(queries.adapter_class(account).settings, told(found), vault.fingerprint)


def told(found: ChannelSetting) -> dict[str, str]:
    """What may be known of a version: plain parameters, and fingerprints of the secret ones."""
    kept: dict[str, str] = json.loads(found.shown)
    return kept


def _in(account_id: int, state: State) -> ChannelSetting | None:
    its_own = select(ChannelSetting).where(ChannelSetting.account_id == account_id, ChannelSetting.state == state)
    return db.session.scalars(its_own).one_or_none()


# Built once: every callback and every question asks these.
_COUNTS: ColumnElement[bool] = or_(
    ChannelSetting.state == "active",
    and_(ChannelSetting.state == "retired", ChannelSetting.overlap_until > bindparam("its_now", type_=Instant())),
)
_ITS_OWN = select(ChannelSetting.id).where(ChannelSetting.account_id == bindparam("its_id"), _COUNTS)
_COUNTING = _ITS_OWN.order_by(ChannelSetting.state, ChannelSetting.version.desc())
_DOORS = (
    select(
        *(ChannelAccount.id, ChannelAccount.number, Channel.adapter),
        *(ChannelSetting.id.label("setting_id"), ChannelSetting.state, ChannelSetting.template_version),
    )
    .join(Channel, Channel.id == ChannelAccount.channel_id)
    .outerjoin(ChannelSetting, and_(ChannelSetting.account_id == ChannelAccount.id, _COUNTS))
    .where(ChannelAccount.number.in_(bindparam("its_numbers", expanding=True)))
    .order_by(ChannelAccount.number, ChannelSetting.state, ChannelSetting.version.desc())
)
_IS_OWN = case((ChannelSetting.id == bindparam("own"), 0), (ChannelSetting.state == "active", 1), else_=2)
_TO_ASK_WITH = _ITS_OWN.add_columns(ChannelSetting.state).order_by(_IS_OWN).limit(1)
