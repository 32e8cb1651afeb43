"""How a channel speaks: its adapter, found by name. The one place that knows which are written and which are described.

`dolphin` is written in code; `template:wave` is what the template `wave` says now, `template:wave@3` what its third
version says. An account carries the version that its parameters were given for, so what was signed with it stays readable.
"""

from collections.abc import Sequence

from sqlalchemy import Select, select

from app.channels.adapters import ADAPTERS, abilities_of
from app.channels.adapters.templated import adapter_class
from app.channels.contract import Abilities, Adapter
from app.channels.models import ChannelTemplate
from app.kernel.errors import NotThere, Refused
from app.runtime.db import db

_DESCRIBED = "template:"


def name_of(template: str) -> str:
    """What a channel's `adapter` is that speaks by this template."""
    return f"{_DESCRIBED}{template}"


def template_of(name: str) -> str:
    """The code of the template behind a name; "" where the adapter is written in code."""
    return name.partition("@")[0].removeprefix(_DESCRIBED) if name.startswith(_DESCRIBED) else ""


def version_of(name: str) -> int:
    """0 where there are no versions, or none is named."""
    return int(name.partition("@")[2] or 0)


def pinned(name: str, version: int | None) -> str:
    """The same manner at this version."""
    base = name.partition("@")[0]
    return f"{base}@{version}" if version else base


def find(name: str) -> type[Adapter] | None:
    """None: there is no such adapter, or the template has never been activated."""
    code = template_of(name)
    if not code:
        return ADAPTERS.get(name)
    wanted = select(ChannelTemplate.version, ChannelTemplate.description).where(ChannelTemplate.code == code)
    version = version_of(name)
    which = ChannelTemplate.version == version if version else ChannelTemplate.state == "active"
    row = db.session.execute(wanted.where(which, ChannelTemplate.state != "draft")).one_or_none()
    return adapter_class(pinned(name, row.version), row.description) if row else None


def offered() -> dict[str, type[Adapter]]:
    """All that a new channel may speak by, by name: what is written in code, and the templates that are in use."""
    used = [name_of(row.code) for row in db.session.scalars(_of_state("active").order_by(ChannelTemplate.code))]
    return {**ADAPTERS, **{name: adapter(name) for name in used}}


def adapter(name: str) -> type[Adapter]:
    found = find(name)
    assert found is not None, f"a channel is opened with an adapter that there is, not {name!r}"
    return found


def abilities(name: str) -> Abilities:
    """What this channel can do, seen from its class alone. A service asks before it asks the gateway."""
    return abilities_of(adapter(name))


Version = ChannelTemplate


def templates() -> Sequence[ChannelTemplate]:
    """Of each template the version that is used, or else its draft; by code."""
    found = db.session.scalars(_of_state("active", "draft")).all()
    best = {row.code: row for row in sorted(found, key=lambda row: row.state == "active")}
    return [best[code] for code in sorted(best)]


def drafted() -> set[str]:
    """The codes of templates that have a draft."""
    return {row.code for row in db.session.scalars(_of_state("draft"))}


def versions(code: str) -> Sequence[ChannelTemplate]:
    """Newest first, the draft included; NotThere where there is none."""
    found = select(ChannelTemplate).where(ChannelTemplate.code == code).order_by(ChannelTemplate.version.desc())
    rows = db.session.scalars(found).all() if "\0" not in code else ()
    if not rows:
        raise NotThere(code)
    return rows


def version(code: str, number: int) -> ChannelTemplate:
    found = next((row for row in versions(code) if row.version == number), None)
    if found is None:
        raise NotThere(code)
    return found


def draft(code: str) -> ChannelTemplate | None:
    return db.session.scalars(_of_state("draft").where(ChannelTemplate.code == code)).one_or_none()


def held_draft(code: str) -> ChannelTemplate:
    """The draft, locked until the transaction ends; Refused where there is none."""
    held = _of_state("draft").where(ChannelTemplate.code == code).with_for_update()
    found = db.session.scalars(held.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise Refused("没有草稿，请先建立一份")
    return found


def _of_state(*states: str) -> Select[ChannelTemplate]:
    return select(ChannelTemplate).where(ChannelTemplate.state.in_(states))
