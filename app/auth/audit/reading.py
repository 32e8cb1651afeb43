"""Finding records. Nothing here writes."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select

from app.auth.audit.words import DEEDS, MACHINES
from app.auth.models import AuditRecord, Operator
from app.kernel import clock
from app.kernel.errors import Malformed, NotThere
from app.runtime.db import db, let_go
from app.runtime.listing import Listing, listing
from app.runtime.page import say

FILTERS = ("who", "what", "subject", "from", "to", "address")
DISORDER = timedelta(hours=3)
"""How far the times of two records may stand against their numbers: clocks are set back, slow commands commit late."""
_ROWS_AT_ONCE = 1000
Page = tuple[Sequence[Row[*tuple[Any, ...]]], dict[str, str]]
"""Some records, and what the people in them are called."""
_R = AuditRecord
_COLUMNS = (
    _R.seq, _R.at, _R.actor, _R.action, _R.subject, _R.before, _R.after, _R.why, _R.address, _R.session_id, _R.hash,
)  # fmt: skip


def page(asked: Mapping[str, str]) -> Listing:
    """The list, newest first. Raises Malformed where a filter cannot be read."""
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(select(*_COLUMNS).where(*_conditions(asked)), key=_R.seq.expression, asked=asked, kept=kept)


def count(asked: Mapping[str, str], *, upto: int, limit: int) -> int:
    """How many the filters find among the first `upto`, at most `limit`."""
    found = select(_R.seq).where(*_conditions(asked), _R.seq <= upto).limit(limit).subquery()
    return db.session.scalar(select(func.count()).select_from(found)) or 0


def pages(asked: Mapping[str, str], *, upto: int) -> Iterator[Page]:
    """All that the filters find among the first `upto`, newest first, with the names of who acts.

    Between two pages no connection is held: whoever reads slowly keeps nobody waiting.
    """
    conditions, before = _conditions(asked), upto + 1
    while True:
        some = select(*_COLUMNS).where(*conditions, _R.seq < before).order_by(_R.seq.desc()).limit(_ROWS_AT_ONCE)
        rows = db.session.execute(some).all()
        known = names({row.actor for row in rows})
        let_go()
        if not rows:
            return
        yield rows, known
        before = rows[-1].seq


def one(seq: int) -> AuditRecord:
    """By its number; NotThere otherwise."""
    found = db.session.get(_R, seq) if seq < 2**63 else None
    if found is None:
        raise NotThere(str(seq))
    return found


def about(subject: str, limit: int = 50) -> Sequence[Row[*tuple[Any, ...]]]:
    """The newest records about one thing, for its own page."""
    return db.session.execute(select(*_COLUMNS).where(_R.subject == subject).order_by(_R.seq.desc()).limit(limit)).all()


def last(action: str) -> AuditRecord | None:
    """The newest record of this action."""
    return db.session.scalar(select(_R).where(_R.action == action).order_by(_R.seq.desc()).limit(1))


def names(usernames: Collection[str]) -> dict[str, str]:
    """What these people are called, by their usernames; who is no person is left out."""
    found = select(Operator.username, Operator.display_name).where(Operator.username.in_(usernames))
    return {username: name for username, name in db.session.execute(found)}  # noqa: C416 (dict() cannot read rows with types)


def _conditions(asked: Mapping[str, str]) -> list[ColumnElement[bool]]:
    given = {name: asked.get(name, "").strip() for name in FILTERS}
    if any("\0" in text for text in given.values()):
        raise Malformed("筛选条件里有不能识别的字符")
    found: list[ColumnElement[bool]] = []
    if given["who"]:
        found.append(_R.actor.in_(_actors(given["who"])))
    if given["what"]:
        found.append(_R.action.in_(_actions(given["what"])))
    if given["subject"]:
        found.append(_R.subject == given["subject"])
    if given["address"]:
        found.append(_R.address == given["address"])
    if given["from"]:
        start, _ = clock.day_bounds(clock.parse_day(given["from"]))
        found += [_R.at >= start, _R.seq >= _first_at(start - DISORDER)]
    if given["to"]:
        _, end = clock.day_bounds(clock.parse_day(given["to"]))
        found += [_R.at < end, _R.seq < _first_at(end + DISORDER)]
    return found


def _actors(text: str) -> list[str]:
    """Who goes by this: a username, a name, or what the page calls a part of the machine."""
    machines = [word for word, said in MACHINES.items() if text in (said, say(said))]
    people = select(Operator.username).where(or_(Operator.display_name == text, Operator.username == text.lower()))
    return [text, *machines, *db.session.scalars(people)]


def _actions(text: str) -> list[str]:
    """One action, or all of a group. By name: only so do the indexes serve both engines."""
    group = [action for actions in DEEDS.values() for action in actions if action.startswith(f"{text}.")]
    return group or [text]


def _first_at(moment: datetime) -> int:
    """The number at which this moment lies. Times have no index, but grow with the numbers: a few looks find it."""
    end = db.session.scalar(select(func.max(_R.seq))) or 0
    return 1 + bisect_left(range(1, end + 1), moment, key=_at)


def _at(seq: int) -> datetime:
    """The time of this record, or of the next one that is there."""
    found = db.session.scalar(select(_R.at).where(_R.seq >= seq).order_by(_R.seq).limit(1))
    assert found is not None
    return found
