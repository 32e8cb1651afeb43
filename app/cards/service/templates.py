"""绑定模版: every change is made to a draft; using it is a deed of its own."""

from collections.abc import Callable, Sequence

from sqlalchemy import func, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries, rules
from app.cards.models import CardTemplate
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.cells import Column
from app.kernel.errors import NotThere, Refused
from app.runtime.db import changed, db, transaction


def draft(channel: str, *, like: str = "", actor: Actor) -> None:
    """Begin a draft from what is used now, or from what another channel uses. Refused while there is one."""
    with transaction():
        target = channels.channel(channel)
        source = channels.channel(like) if like else target
        if queries.draft(target.id) is not None:
            raise Refused("已有一份草稿，请先启用或放弃它")
        _insert(target.id, queries.template(source.id).columns, actor)
        audit.record(actor, "template.draft", channel, after={"like": like} if like else None)


def put_column(channel: str, column: Column, *, instead_of: str = "", edition: int, actor: Actor) -> None:
    """Add a column to the draft, or put it in another's place."""
    column = rules.require_column(column)

    def change(columns: Sequence[Column]) -> list[Column]:
        keys = [one.key for one in columns]
        if instead_of and instead_of not in keys:
            raise NotThere(instead_of)
        if column.key != instead_of and column.key in keys:
            raise Refused("键 %(key)s 已经有了", key=column.key)
        if not instead_of and len(columns) >= rules.COLUMNS_MOST:
            raise Refused("最多 %(count)d 列", count=rules.COLUMNS_MOST)
        return rules.placed(columns, column, instead_of=instead_of)

    _change(channel, change, edition=edition, actor=actor)


def move_column(channel: str, key: str, *, step: int, edition: int, actor: Actor) -> None:
    _change(channel, lambda columns: rules.moved(_with(columns, key), key, step), edition=edition, actor=actor)


def drop_column(channel: str, key: str, *, edition: int, actor: Actor) -> None:
    _change(
        channel,
        lambda columns: [column for column in _with(columns, key) if column.key != key],
        edition=edition,
        actor=actor,
    )


def discard(channel: str, *, actor: Actor) -> None:
    """The draft goes; what is used stays as it is."""
    with transaction():
        found = queries.held_draft(channels.channel(channel).id)
        db.session.delete(found)
        audit.record(actor, "template.discard", channel)


def activate(channel: str, *, edition: int, note: str, actor: Actor) -> int:
    """New forms and sheets follow the draft from now on. Returns its version. Refused while something is wrong with it."""
    with transaction():
        found = queries.held_draft(channels.channel(channel).id)
        _require_edition(found, edition)
        columns = rules.unpacked(found.columns)
        if flaws := rules.flaws(columns):
            raise Refused("这份草稿还不能启用：%(why)s", why=flaws[0])
        before = queries.template(found.channel_id)
        used = CardTemplate.state == "active"
        db.session.execute(
            update(CardTemplate).where(CardTemplate.channel_id == found.channel_id, used).values(state="retired")
        )
        now = clock.now()
        found.state, found.note, found.activated_by, found.activated_at = "active", note, actor.display_name, now
        db.session.flush()
        audit.record(
            actor,
            "template.activate",
            channel,
            before={"version": before.version, "columns": [column.title for column in before.columns]},
            after={"version": found.version, "columns": [column.title for column in columns]},
            why=note,
        )
        return found.version


def _change(channel: str, change: Callable[[Sequence[Column]], list[Column]], *, edition: int, actor: Actor) -> None:
    with transaction():
        found = queries.held_draft(channels.channel(channel).id)
        _require_edition(found, edition)
        columns = change(rules.unpacked(found.columns))
        mine = update(CardTemplate).where(CardTemplate.id == found.id, CardTemplate.edition == edition)
        values = {"columns": rules.packed(columns), "changed_by": actor.display_name, "changed_at": clock.now()}
        if not changed(mine.values(edition=edition + 1, **values)):
            raise _stale()
        audit.record(actor, "template.change", channel, after={"columns": [column.title for column in columns]})


def _require_edition(found: CardTemplate, edition: int) -> None:
    if found.edition != edition:
        raise _stale()


def _stale() -> Refused:
    return Refused("这份草稿刚刚被改过，您看到的不是最新的", advice="请看过最新内容后再改")


def _with(columns: Sequence[Column], key: str) -> Sequence[Column]:
    if key not in [column.key for column in columns]:
        raise NotThere(key)
    return columns


def _insert(channel_id: int, columns: Sequence[Column], actor: Actor) -> None:
    newest = select(func.max(CardTemplate.version)).where(CardTemplate.channel_id == channel_id)
    version = (db.session.scalar(newest) or 0) + 1
    db.session.add(
        CardTemplate(
            channel_id=channel_id, version=version, state="draft", columns=rules.packed(columns),
            made_by=actor.display_name,
        )
    )  # fmt: skip
    db.session.flush()
