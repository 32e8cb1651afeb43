"""上传: take a sheet in, keep what people decide about it, close it. Joins the caller's transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from sqlalchemy import delete, insert, update

from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.kernel.errors import Refused, Text
from app.kernel.numbers import new_number
from app.runtime import live_events, vault
from app.runtime.db import changed, db, in_transaction
from app.uploads import queries, rules
from app.uploads.models import Upload, UploadBlock, UploadPart
from app.uploads.states import UPLOAD

TOPIC = "uploads"
PART_BYTES = 1024 * 1024


def receive(
    *, purpose: str, account_id: int, form_id: int, form_key: str, filename: str, content: bytes, actor: Actor
) -> str:
    """Keep the file, sealed, until it was read and confirmed or thrown away. Returns the upload's reference."""
    assert in_transaction()
    reference, key = new_number("U"), vault.DataKey.new()
    upload = Upload(
        reference=reference,
        purpose=purpose,
        account_id=account_id,
        form_id=form_id,
        form_key=form_key,
        filename=mask_runs(filename)[-120:],
        size=len(content),
        content_index=content_index(content),
        key_sealed=key.sealed(table="upload", column="key_sealed", row=reference),
        maker_id=actor.operator_id,
        maker=actor.display_name,
        erase_at=clock.now() + timedelta(days=rules.KEEP_OPEN_DAYS),
    )
    db.session.add(upload)
    db.session.flush()
    pieces = (content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES))
    keep_file(upload, queries.FILE, pieces)
    return reference


def content_index(content: bytes) -> str:
    """A keyed fingerprint of a file's bytes."""
    return vault.blind_index(content.hex(), purpose="upload")


def keep_file(upload: Upload, name: str, pieces: Iterable[bytes]) -> None:
    """Put a file of this name into the upload, instead of the one it had."""
    assert in_transaction()
    key = queries.key_of(upload)
    db.session.execute(delete(UploadPart).where(UploadPart.upload_id == upload.id, UploadPart.file == name))
    for number, piece in enumerate(pieces):
        body = key.seal(piece, place=queries.place_of_part(upload.reference, name, number))
        db.session.execute(insert(UploadPart).values(upload_id=upload.id, file=name, number=number, body=body))


def look_again(upload: Upload, mapping: dict[str, int]) -> None:
    """The columns are these: everything is judged anew, and nothing is accepted any more."""
    move(upload, "again", mapping=json.dumps(mapping), decisions="{}", tally="{}", rows_read=0)


def accept(upload: Upload, patterns: Sequence[str]) -> None:
    """These repairs, wherever the sheet needs them."""
    _decide(upload, lambda decisions: decisions.patterns.update(patterns))


def withdraw(upload: Upload, patterns: Sequence[str]) -> None:
    """Not these repairs, after all."""
    _decide(upload, lambda decisions: decisions.patterns.difference_update(patterns))


def accept_row(upload: Upload, row: int) -> None:
    """Everything that is on offer for this one row."""
    found = queries.rows(upload, [row])
    if not found or found[0].verdict.faults or not found[0].verdict.fixes:
        raise Refused("第 %(row)d 行没有可采纳的修改", row=row)
    patterns = [fix.pattern for fix in found[0].verdict.fixes]
    _decide(upload, lambda decisions: decisions.rows.update({row: patterns}))


def withdraw_row(upload: Upload, row: int) -> None:
    _decide(upload, lambda decisions: decisions.rows.pop(row, None))


def _decide(upload: Upload, change: Callable[[rules.Decisions], object]) -> None:
    assert in_transaction()
    if upload.state != "checked":
        raise Refused("这次上传已提交或已关闭，不能再改")
    decisions = queries.decisions(upload)
    change(decisions)
    upload.decisions = json.dumps(decisions.as_json(), ensure_ascii=False)
    live_events.announce(TOPIC, upload.reference)


def confirm(upload: Upload, *, seen: int) -> int:
    """It counts from now on, once. `seen`: how many rows were on the button. Returns how many are left out."""
    tally, decisions = queries.tally(upload), queries.decisions(upload)
    good = tally.good(decisions)
    if good != seen:
        raise Refused("可提交的行数刚刚变了：现在是 %(good)d 行", good=good, advice="请核对后再提交")
    if not good:
        raise Refused("没有可以提交的行", advice="请改正文件后重新上传")
    move(upload, "confirm", closed_at=clock.now(), erase_at=clock.now() + timedelta(days=rules.KEEP_DAYS))
    db.session.execute(
        delete(UploadPart).where(UploadPart.upload_id == upload.id, UploadPart.file == queries.FILE)
    )  # its rows are in the blocks; the file has done its work
    return tally.rows - good


def discard(upload: Upload) -> None:
    """Nobody wants it. Its contents go at once."""
    move(upload, "discard", closed_at=clock.now())
    _forget(upload)


def erase(upload: Upload) -> None:
    """Its time is over: the key goes, and with it everything that was sealed with it, in backups too."""
    move(upload, "erase")
    _forget(upload)


def _forget(upload: Upload) -> None:
    for table in (UploadPart, UploadBlock):
        db.session.execute(delete(table).where(table.upload_id == upload.id))
    gone = {"key_sealed": "", "tally": "{}", "meta": "{}", "mapping": "{}", "decisions": "{}", "trouble": ""}
    db.session.execute(update(Upload).where(Upload.id == upload.id).values(**gone))


def move(upload: Upload, verb: str, **values: object) -> None:
    """The only line in the room that changes upload.state."""
    assert in_transaction()
    step = UPLOAD.move(upload.state, verb)
    db.session.flush()
    hit = changed(
        update(Upload).where(Upload.id == upload.id, Upload.state == upload.state).values(state=step.target, **values)
    )
    if not hit:
        raise Refused("这次上传的状态刚刚变了，请刷新后再试")
    live_events.announce(TOPIC, upload.reference)


def sentence(text: Text) -> list[object]:
    """A sentence as JSON keeps it."""
    return [
        text.template,
        {name: str(value) if isinstance(value, Text) else value for name, value in text.values.items()},
    ]
