"""The rows that stand before everything: a call that is about to be made, a callback that came. Their statements are written
once: hardly anything is done more often."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A callback that is to be put down."""

    account_id: int
    body_hash: str
    is_good: bool
    told: Mapping[str, object]

    @property
    def key(self) -> tuple[int, str]:
        return self.account_id, self.body_hash


def put(came: Sequence[Came], *, at: datetime) -> list[int]:
    """The ids of the callbacks' rows, in their order; the same body again is counted. Joins the caller's transaction.

    Some manners sign in a header: the same body may come badly signed first, and well signed after. The good one counts.
    """
    assert in_transaction()
    ids, times = dict[tuple[int, str], int](), Counter(it.key for it in came)
    # Of one body one row, and the good one; in one order for everybody.
    of_bodies = {it.key: it for it in sorted(came, key=lambda it: (it.key, it.is_good))}
    for is_good, same in groupby(sorted(of_bodies.values(), key=_good_and_key), key=lambda it: it.is_good):
        rows = [
            {
                "account_id": it.account_id,
                "body_hash": it.body_hash,
                "received_at": at,
                "times": times[it.key],
                **it.told,
            }
            for it in same
        ]
        taken = db.session.connection().execute(_taken(db.engine.dialect.name, is_good), rows)
        ids |= {(account_id, body_hash): int(its_id) for its_id, account_id, body_hash in taken}
    return [ids[it.key] for it in came]


def _good_and_key(came: Came) -> tuple[bool, tuple[int, str]]:
    return came.is_good, came.key


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
    given: dict[str, Any] = {
        name: bindparam(name) for name in ("account_id", "body_hash", "received_at", *_TOLD, "times")
    }
    row = insert(CallbackInbox).values(given)
    again = {"times": CallbackInbox.times + row.excluded.times}
    again |= {name: row.excluded[name] for name in _TOLD} if is_good else {}
    row = row.on_conflict_do_update(index_elements=["account_id", "body_hash"], set_=again)
    return row.returning(CallbackInbox.id, CallbackInbox.account_id, CallbackInbox.body_hash)
