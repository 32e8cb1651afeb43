"""The rows that stand before everything: a call that is about to be made, a callback that came. Their statements are written
once: hardly anything is done more often."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, update

from app.channels.contract import RawCallback
from app.channels.models import CallbackInbox, ChannelCall
from app.runtime import vault
from app.runtime.db import db, in_transaction, insert, table_of

_CALLS = table_of(ChannelCall)
_ANNOUNCE = _CALLS.insert().returning(_CALLS.c.id, sort_by_parameter_order=True)
_UNHEARD = dict.fromkeys(("seen", "word", "message", "channel_number", "request", "signed_text", "reply"), "")
_UNHEARD["outcome"] = "open"
_COMPLETE = update(_CALLS).where(_CALLS.c.id == bindparam("its_id"))
"""What is set is what is given."""
READ_CALLBACK = "app.withdrawals.jobs.read_callback"
_TOLD = ("setting_id", "sealed", "outcome", "number", "seen", "word", "message", "channel_number")


def announce(calls: Sequence[Mapping[str, object]], *, at: datetime) -> list[int]:
    """The ids of the calls' rows, in their order. Each with account_id, setting_id, interface and subject. Joins the caller's
    transaction.
    """
    assert in_transaction()
    announced = db.session.connection().execute(_ANNOUNCE, [{**call, **_UNHEARD, "at": at} for call in calls])
    return list(announced.scalars())


def complete(told: Mapping[int, Mapping[str, object]]) -> None:
    """What became of calls, by their rows' ids. Joins the caller's transaction."""
    assert in_transaction()
    # One order for everybody; together goes what is told in the same columns.
    for _, same in groupby(sorted(told.items(), key=_columns_and_id), key=lambda it: sorted(it[1])):
        db.session.connection().execute(_COMPLETE, [{"its_id": call_id, **it} for call_id, it in same])


def _columns_and_id(told: tuple[int, Mapping[str, object]]) -> tuple[list[str], int]:
    return sorted(told[1]), told[0]


def put(*, account_id: int, body_hash: str, at: datetime, told: Mapping[str, object], is_good: bool) -> int:
    """The id of the callback's row; the same body again is counted. Joins the caller's transaction.

    Some manners sign in a header: the same body may come badly signed first, and well signed after. The good one counts.
    """
    assert in_transaction()
    given = {"account_id": account_id, "body_hash": body_hash, "received_at": at, **told}
    taken = db.session.connection().execute(_taken(db.engine.dialect.name, is_good), given)
    return int(taken.scalar_one())


def seal(number: str, body_hash: str, raw: RawCallback) -> str:
    """A callback's bytes as they are kept. `number`: of its account."""
    plain = json.dumps({"body": raw.body.hex(), "content_type": raw.content_type, "headers": dict(raw.headers)})
    return vault.seal(plain, table="callback_inbox", column="sealed", row=f"{number}/{body_hash}")


def unseal(number: str, body_hash: str, sealed: str) -> RawCallback:
    """The same bytes again."""
    plain = vault.unseal(sealed, table="callback_inbox", column="sealed", row=f"{number}/{body_hash}")
    found = json.loads(plain)
    return RawCallback(body=bytes.fromhex(found["body"]), content_type=found["content_type"], headers=found["headers"])


@cache
def _taken(_dialect: str, is_good: bool) -> Any:
    given: dict[str, Any] = {name: bindparam(name) for name in ("account_id", "body_hash", "received_at", *_TOLD)}
    row = insert(CallbackInbox).values(given | {"times": 1})
    again = {"times": CallbackInbox.times + 1} | ({name: row.excluded[name] for name in _TOLD} if is_good else {})
    row = row.on_conflict_do_update(index_elements=["account_id", "body_hash"], set_=again)
    return row.returning(CallbackInbox.id)
