"""The versions of the rulebook. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from app.kernel.errors import NotThere, Refused
from app.runtime.db import db
from app.withdrawals.models import RulebookVersion, Withdrawal
from app.withdrawals.rules import rulebook
from app.withdrawals.rules.rulebook import Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A rulebook with its number. Version 0 without an id: nobody has activated one, so the built-in rules apply."""

    id: int | None
    version: int
    book: Rulebook
    note: str = ""
    activated_by: str = ""
    activated_at: datetime | None = None


BUILT_IN = Version(id=None, version=0, book=rulebook.BUILT_IN)


def in_force() -> Version:
    """What withdrawals are made by now."""
    row = db.session.scalars(select(RulebookVersion).where(RulebookVersion.state == "active")).one_or_none()
    return _version(row) if row else BUILT_IN


def version(number: int) -> Version:
    """A version by its number, once it was activated; 0 is the built-in one. NotThere otherwise."""
    if number == 0:
        return BUILT_IN
    found = select(RulebookVersion).where(RulebookVersion.version == number, RulebookVersion.state != "draft")
    row = db.session.scalars(found).one_or_none()
    if row is None:
        raise NotThere(str(number))
    return _version(row)


def checkers(withdrawal: Withdrawal) -> int:
    """How many other people must check it (0, 1, 2), by the version that it was admitted under."""
    row = db.session.get_one(RulebookVersion, withdrawal.rulebook_id) if withdrawal.rulebook_id else None
    book = _version(row).book if row else rulebook.BUILT_IN
    return book.checkers(withdrawal.amount, made_at=withdrawal.made_at)


def versions() -> Sequence[RulebookVersion]:
    """Those that were ever in force, the newest first."""
    found = select(RulebookVersion).where(RulebookVersion.state != "draft")
    return db.session.scalars(found.order_by(RulebookVersion.version.desc())).all()


def draft() -> RulebookVersion | None:
    """The version that is being worked on, if there is one."""
    return db.session.scalars(_draft()).one_or_none()


def require_draft() -> RulebookVersion:
    """The draft; Refused where there is none."""
    return _required(draft())


def held_draft() -> RulebookVersion:
    """The draft, locked until the transaction ends; Refused where there is none."""
    held = _draft().with_for_update().execution_options(populate_existing=True)
    return _required(db.session.scalars(held).one_or_none())


def _draft() -> Select[RulebookVersion]:
    return select(RulebookVersion).where(RulebookVersion.state == "draft")


def _required(found: RulebookVersion | None) -> RulebookVersion:
    if found is None:
        raise Refused("没有规则草稿", advice="请先建立草稿")
    return found


def _version(row: RulebookVersion) -> Version:
    return Version(
        id=row.id,
        version=row.version,
        book=rulebook.unpacked(row.body),
        note=row.note,
        activated_by=row.activated_by,
        activated_at=row.activated_at,
    )
