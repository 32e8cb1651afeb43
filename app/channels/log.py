"""What was said to channels and what they told us: found again by any number, and forgotten when it is time."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Update,
    case,
    cast,
    exists,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.channels import intake, queries
from app.channels.contract import RawCallback
from app.channels.models import CallbackInbox, ChannelAccount, ChannelCall
from app.channels.rules import DROPPED, LONGEST_TEXT, OUTCOMES
from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.kernel.errors import NotThere
from app.runtime.db import db, in_transaction
from app.runtime.jobs import Job
from app.runtime.listing import Listing, listing

FILTERS = ("number", "account", "interface", "outcome", "from", "to")
WRONG = "wrong"
"""Every way in which a call or callback can go wrong, as one filter."""
_AT_ONCE = 500
_FOREIGN_LETTERS = re.compile(r"[^\x00-\x7f]{2,}")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_C, _I = ChannelCall, CallbackInbox
Table = type[ChannelCall] | type[CallbackInbox]


def calls(asked: Mapping[str, str]) -> Listing:
    """All calls that the person at the screen may see, newest first. Raises Malformed where a filter cannot be read."""
    columns = (
        *(_C.id, _C.account_id, _C.at, _C.interface, _C.subject, _C.outcome, _C.duration_ms, _C.http_status),
        *(_C.seen, _C.word, _C.message, _C.channel_number),
    )
    conditions = [*_conditions(asked, _C, _C.subject, _C.at, "outcome NOT IN ('open', 'ok')")]
    if asked.get("interface"):
        conditions.append(_C.interface == asked["interface"])
    return _page(select(*columns).where(*conditions), _C, asked)


def callbacks(asked: Mapping[str, str]) -> Listing:
    """All callbacks, the same way: taken ones and refused ones."""
    columns = (
        *(_I.id, _I.account_id, _I.received_at, _I.times, _I.outcome, _I.number, _I.seen, _I.word, _I.message),
        _I.channel_number,
    )
    conditions = _conditions(asked, _I, _I.number, _I.received_at, "outcome <> 'taken'")
    return _page(select(*columns).where(*conditions), _I, asked)


def callback(inbox_id: int) -> CallbackInbox:
    """By its id; NotThere otherwise, and for whom its account is foreign."""
    found = db.session.get(_I, inbox_id)
    if found is None:
        raise NotThere(str(inbox_id))
    queries.require_reach(found.account_id, str(inbox_id))
    return found


def said_in(row: CallbackInbox) -> tuple[str, str]:
    """Headers and body of a callback for people: what could be a card or a name is masked. "" where they are gone."""
    if not row.sealed:
        return "", ""
    raw = intake.unseal(queries.account_by_id(row.account_id).number, row.body_hash, row.sealed)
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(raw.headers.items()))
    return _covered(headers), _covered(_in_lines(raw))


def _in_lines(raw: RawCallback) -> str:
    """What was written in escapes is written out: a name must not hide behind %E5 or \\u5f20."""
    body = raw.body.decode(errors="backslashreplace")
    kind = raw.content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return "\n".join(map(unquote_plus, body.split("&")))
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return html.unescape(body)


def _covered(words: str) -> str:
    """Whom it names is not known here: of every Chinese word only the first character is shown. A byte that no screen shows
    is written as an escape, like those that are no text at all.
    """
    covered = _FOREIGN_LETTERS.sub(lambda found: f"{found[0][0]}**", mask_runs(words))
    return _UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", covered)[:LONGEST_TEXT]


def _conditions(
    asked: Mapping[str, str],
    table: Table,
    number: InstrumentedAttribute[str],
    time: InstrumentedAttribute[Any],
    wrong: str,
) -> list[ColumnElement[bool]]:
    found = [queries.within_reach(table.account_id)]
    wanted = asked.get("number", "").strip()
    if wanted and (ours := queries.ids_of_merchant(wanted)):
        found.append(table.account_id.in_(ours))
    elif wanted:
        numbered: ColumnElement[bool] = literal_column("channel_number <> ''")
        theirs = select(table.id).where(table.channel_number == wanted, numbered)
        # By key: of two conditions side by side SQLite would rather read the whole table, newest first.
        found.append(table.id.in_(union_all(select(table.id).where(number == wanted), theirs)))
    if asked.get("account"):
        its_id = select(ChannelAccount.id).where(ChannelAccount.number == asked["account"])
        found.append(table.account_id == its_id.scalar_subquery())
    if outcome := asked.get("outcome"):
        if outcome not in ("open", "ok", "taken"):
            # The same words as the index's own: only then may it be used. By key, for the same reason; they are few.
            its = [outcome] if outcome != WRONG else OUTCOMES
            found.append(table.id.in_(select(table.id).where(table.outcome.in_(its), literal_column(wrong))))
        else:
            found.append(table.outcome == outcome)
    if asked.get("from"):
        found.append(time >= clock.day_bounds(clock.parse_day(asked["from"]))[0])
    if asked.get("to"):
        found.append(time < clock.day_bounds(clock.parse_day(asked["to"]))[1])
    return found


def _page(statement: Select[*tuple[Any, ...]], table: Table, asked: Mapping[str, str]) -> Listing:
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(statement, key=table.id.expression, asked=asked, kept=kept)


def drop_bodies(subjects: Sequence[str]) -> None:
    """What was said and heard about these goes, word for word; that it was said, when and how it ended stays."""
    assert in_transaction()
    for some in (subjects[at : at + _AT_ONCE] for at in range(0, len(subjects), _AT_ONCE)):
        db.session.execute(without_body(ChannelCall.subject.in_(some), said_anything()))
        mine = update(CallbackInbox).where(CallbackInbox.number.in_(some), ~is_unread())
        db.session.execute(mine.values(sealed="", message="").execution_options(synchronize_session=False))


def is_unread() -> ColumnElement[bool]:
    """Of callbacks whose job is still to be done: nobody knows yet what they mean."""
    mine = Job.dedup_key == f"{intake.READ_CALLBACK}:" + cast(CallbackInbox.id, String)
    return exists().where(mine, Job.done_at.is_(None))


def said_anything() -> ColumnElement[bool]:
    """Of calls whose words are still there."""
    return or_(*(column.not_in(("", DROPPED)) for column in (ChannelCall.request, ChannelCall.reply)))


def without_body(*which: ColumnElement[bool]) -> Update:
    """The change that takes the words of these calls away and says so in their place."""
    answered = case((ChannelCall.reply == "", ""), else_=str(DROPPED))
    gone = {"request": str(DROPPED), "signed_text": "", "reply": answered}
    return update(ChannelCall).where(*which).values(**gone).execution_options(synchronize_session=False)
