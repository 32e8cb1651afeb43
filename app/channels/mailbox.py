"""What channels tell us unasked: proved over its raw bytes, put away as it came, and read again from there."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from hashlib import sha256

import structlog

from app.channels import intake, queries, speaking, versions
from app.channels.contract import Adapter, BadSignature, Observation, RawCallback, Unreadable
from app.channels.models import CallbackInbox
from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.runtime.db import db, in_transaction

log = structlog.get_logger(__name__)


def take(came: Sequence[tuple[versions.Door, RawCallback]]) -> list[tuple[int, bool]]:
    """Verify callbacks of accounts over their raw bytes and put them into the inbox. Joins the caller's transaction.

    Of each the inbox row's id and whether it was accepted. Key and algorithm come from our settings alone: the active
    version and, while their keys overlap with it, those before it.
    """
    assert in_transaction()
    adapter = cache(speaking.adapter)  # one account's come together
    rows = [_proved(door, raw, adapter) for door, raw in came]
    ids = intake.put(rows, at=clock.now())
    return [(inbox_id, row.is_good) for inbox_id, row in zip(ids, rows, strict=True)]


def _proved(door: versions.Door, raw: RawCallback, adapter: Callable[[int], Adapter]) -> intake.Came:
    body_hash = sha256(raw.body).hexdigest()
    seen: Observation | None = None
    proved_by: int | None = None
    reason, outcome = "", "unreadable"
    for setting_id in door.counting:
        try:
            seen = adapter(setting_id).read_callback(raw)
            outcome, proved_by = "taken", setting_id
            break
        except BadSignature as problem:
            reason, outcome = problem.reason, "bad_signature"
        except Unreadable as problem:
            reason = problem.reason
    if outcome == "bad_signature":
        reason = _keys_that_are_over(door, raw) or reason
    told = {
        "setting_id": proved_by,
        "sealed": intake.seal(door.number, body_hash, raw),
        "outcome": outcome,
        "number": seen.number[:64] if seen else "",
        "seen": str(seen.seen) if seen else "",
        "word": mask_runs(seen.word)[:60] if seen else "",
        "message": mask_runs(seen.message if seen else reason)[:300],
        "channel_number": mask_runs(seen.channel_number)[:64] if seen else "",
    }
    return intake.Came(account_id=door.id, body_hash=body_hash, is_good=seen is not None, told=told)


def _keys_that_are_over(door: versions.Door, raw: RawCallback) -> str:
    """Why it is refused, where it is signed with keys of ours that count no more; "" where it is not."""
    for setting in versions.over(door.id, most=2):
        with suppress(Unreadable):
            speaking.adapter(setting.id).read_callback(raw)
            log.warning("callback_signed_with_retired_keys", account=door.number, version=setting.version)
            return BadSignature("签名用的是已失效的密钥", f"v{setting.version}").reason
    return ""


def read(inbox_id: int) -> Observation:
    """What an accepted callback says, read again from its sealed bytes."""
    row = db.session.get_one(CallbackInbox, inbox_id)
    account = queries.account_by_id(row.account_id)
    raw = intake.unseal(account.number, row.body_hash, row.sealed)
    # It was proved when it came, and stays so whatever became of that version since. Older rows do not say which it was.
    for setting_id in [row.setting_id] if row.setting_id else versions.ever_used(account.id):
        try:
            seen = speaking.adapter(setting_id).read_callback(raw)
        except Unreadable:
            continue
        return replace(seen, word=mask_runs(seen.word), message=mask_runs(seen.message))
    raise Unreadable("回调的签名现在验不过")
