"""Reading templates. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from app.cards import rules
from app.cards.models import CardTemplate
from app.channels import queries as channels
from app.channels.manners import abilities
from app.kernel.cells import Column
from app.kernel.errors import Refused
from app.kernel.payee import Payee
from app.runtime.db import db


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The columns in use. Version 0, id 0: nobody has designed one, so the house's default applies."""

    id: int
    version: int
    columns: tuple[Column, ...]
    activated_by: str = ""
    activated_at: datetime | None = None


BUILT_IN = Template(id=0, version=0, columns=rules.DEFAULT)
OF_PAYEES = Template(id=-1, version=0, columns=rules.OF_PAYEES)


def template(channel_id: int) -> Template:
    """What this channel's cards are bound by now."""
    found = select(CardTemplate).where(CardTemplate.channel_id == channel_id, CardTemplate.state == "active")
    row = db.session.scalars(found).one_or_none()
    return _template(row) if row else BUILT_IN


def sheet_template(channel_id: int) -> Template:
    """What the sheets of this channel are read by now: its template, or where it pays to more than bank cards, the house's."""
    kinds = abilities(channels.channel_by_id(channel_id).adapter).pays_to
    return template(channel_id) if kinds <= {Payee.BANK_CARD} else OF_PAYEES


def template_by_id(template_id: int) -> Template:
    """A version that something was made by; 0 is the house's default."""
    if template_id == OF_PAYEES.id:
        return OF_PAYEES
    return _template(db.session.get_one(CardTemplate, template_id)) if template_id else BUILT_IN


def draft(channel_id: int) -> CardTemplate | None:
    """The version that is being worked on, if there is one."""
    return db.session.scalars(_draft(channel_id)).one_or_none()


def held_draft(channel_id: int) -> CardTemplate:
    """The draft, locked until the transaction ends; Refused where there is none."""
    held = _draft(channel_id).with_for_update().execution_options(populate_existing=True)
    return _required(db.session.scalars(held).one_or_none())


def require_draft(channel_id: int) -> CardTemplate:
    """The draft; Refused where there is none."""
    return _required(draft(channel_id))


def versions(channel_id: int) -> Sequence[CardTemplate]:
    """Newest first, the draft included."""
    found = select(CardTemplate).where(CardTemplate.channel_id == channel_id)
    return db.session.scalars(found.order_by(CardTemplate.version.desc())).all()


def in_use() -> dict[int, Template]:
    """By the channel's id; a channel that is not in it uses the default."""
    found = select(CardTemplate).where(CardTemplate.state == "active")
    return {row.channel_id: _template(row) for row in db.session.scalars(found)}


def _template(row: CardTemplate) -> Template:
    return Template(
        id=row.id,
        version=row.version,
        columns=rules.unpacked(row.columns),
        activated_by=row.activated_by,
        activated_at=row.activated_at,
    )


def _draft(channel_id: int) -> Select[CardTemplate]:
    return select(CardTemplate).where(CardTemplate.channel_id == channel_id, CardTemplate.state == "draft")


def _required(found: CardTemplate | None) -> CardTemplate:
    if found is None:
        raise Refused("没有草稿可改，请先建立草稿")
    return found
