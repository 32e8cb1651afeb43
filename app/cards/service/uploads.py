"""批量绑卡, until it is confirmed: take a sheet in, have it checked, keep what its owner decides about it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries, rules
from app.cards.models import Card
from app.cards.queries import runs
from app.cards.states import State
from app.channels import claims
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.cells import Column
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.limit import Limit
from app.runtime import jobs, throttle
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.uploads import checking, intake
from app.uploads import queries as uploads
from app.uploads.models import Upload
from app.uploads.states import State as UploadState

PURPOSE = "cards"
CHECK = "app.cards.jobs.check"
LONGEST = 20 * 1024 * 1024
"""Bytes of a sheet."""
UPLOADS = Limit(60, within_s=3600, shut_s=3600)
"""How often one person may upload."""
BOUND = gettext_noop("已绑定在该渠道账号上")
EXAMPLE = gettext_noop("这是模版里的示例，请删除这一行")


def receive(*, account: str, filename: str, content: bytes, fence: int, form_key: str, actor: Actor) -> str:
    """Take a sheet in for the account that the actor holds. Returns the upload's reference; the same form, the same one."""
    if not content:
        raise Refused("这个文件是空的", advice="请选择填好的表格")
    if len(content) > LONGEST:
        raise Refused("文件太大：最多 20 MB", advice="请拆成几个文件分别上传")
    try:
        throttle.take(f"upload:{actor.operator_id}", UPLOADS)
    except throttle.Shut as shut:
        raise Refused("上传的次数太多，请于 %(until)s 后再试", until=shut.until) from None
    with transaction():
        held = channels.account(account)
        if made := _made_before(form_key, held.id, content):
            return made
        channel_rules.require_enabled(channel=held.channel_enabled, account=held.enabled, name=held.title)
        claims.require(held.id, fence=fence, actor=actor)
        if made := _made_before(form_key, held.id, content):
            return made
        reference = intake.receive(
            purpose=PURPOSE,
            account_id=held.id,
            form_id=queries.template(held.channel_id).id,
            form_key=form_key,
            filename=filename,
            content=content,
            actor=actor,
        )
        audit.record(actor, "upload.receive", reference, after={"account": account, "bytes": len(content)})
        jobs.promise(CHECK, reference, line=Line.SHEETS)
    return reference


def _made_before(form_key: str, account_id: int, content: bytes) -> str | None:
    """The reference of what this form sent already. Somebody who went back and chose another file is not shown the old one."""
    made = uploads.by_form_key(form_key)
    if made is None:
        return None
    if (made.account_id, made.content_index) != (account_id, intake.content_index(content)):
        raise Refused("这张表单已经提交过，改动后的内容没有提交", advice="请重新打开“上传表格”，再选择文件")
    return made.reference


def check(reference: str) -> None:
    """The worker's part: read the sheet and judge its rows."""
    upload = uploads.upload(reference)
    columns = queries.template_by_id(upload.form_id).columns
    checking.check(
        reference,
        checking.Plan(
            columns=columns,
            index_key=rules.NUMBER,
            index=queries.indexer(),
            known=_Known(upload.account_id, columns),
        ),
    )


class _Known:
    """What is known of numbers already: bound to the account, or in another sheet that is being worked on."""

    def __init__(self, account_id: int, columns: Sequence[Column]) -> None:
        self.account_id = account_id
        index = queries.indexer()
        self.examples = {index(column.example) for column in columns if column.key == rules.NUMBER and column.example}
        self.elsewhere: dict[bytes, str] = {}
        for upload_id, run in runs.uploads_under_way(account_id).items():
            self.elsewhere |= dict.fromkeys(uploads.indexes([upload_id]), run)
        self.elsewhere.pop(checking.NO_INDEX, None)

    def __call__(self, indexes: Sequence[bytes]) -> Mapping[bytes, Text]:
        if not indexes:
            return {}
        bound = select(Card.number_index).where(
            Card.account_id == self.account_id,
            Card.number_index.in_([index.hex() for index in indexes]),
            Card.state.in_((State.BINDING, State.BOUND, State.UNBINDING)),
        )
        found: dict[bytes, Text] = {bytes.fromhex(index): BOUND for index in db.session.scalars(bound)}
        found |= dict.fromkeys(self.examples.intersection(indexes), EXAMPLE)
        for index in indexes:
            if index not in found and (run := self.elsewhere.get(index)):
                found[index] = Text("在另一批未完成的绑卡里（%(run)s）", run=run)
        return found


def map_columns(reference: str, mapping: Mapping[str, int], *, fence: int, actor: Actor) -> None:
    """The file's columns are these, as its owner says. Everything is checked anew."""
    with transaction():
        upload = _mine(reference, fence=fence, actor=actor)
        columns = queries.template_by_id(upload.form_id).columns
        missing = [column for column in columns if column.required and column.key not in mapping]
        if missing:
            raise Refused("还没有指定“%(title)s”是哪一列", title=missing[0].title)
        if len(set(mapping.values())) != len(mapping):
            raise Refused("同一列不能对应两项")
        intake.look_again(upload, dict(mapping))
        jobs.promise(CHECK, reference, line=Line.SHEETS)


def accept(reference: str, patterns: Sequence[str], *, fence: int, actor: Actor) -> None:
    """Let the doctor's proposals of these kinds be done, wherever they occur."""
    with transaction():
        upload = _mine(reference, fence=fence, actor=actor)
        known = uploads.tally(upload).patterns
        if unknown := [pattern for pattern in patterns if pattern not in known]:
            raise Refused("没有这样的修改建议：%(pattern)s", pattern=unknown[0][:40])
        intake.accept(upload, patterns)
        audit.record(actor, "upload.accept", reference, after={"patterns": list(patterns)})


def withdraw(reference: str, patterns: Sequence[str], *, fence: int, actor: Actor) -> None:
    with transaction():
        intake.withdraw(_mine(reference, fence=fence, actor=actor), patterns)
        audit.record(actor, "upload.withdraw", reference, after={"patterns": list(patterns)})


def accept_row(reference: str, row: int, *, fence: int, actor: Actor) -> None:
    with transaction():
        intake.accept_row(_mine(reference, fence=fence, actor=actor), row)
        audit.record(actor, "upload.accept", reference, after={"row": row})


def withdraw_row(reference: str, row: int, *, fence: int, actor: Actor) -> None:
    with transaction():
        intake.withdraw_row(_mine(reference, fence=fence, actor=actor), row)
        audit.record(actor, "upload.withdraw", reference, after={"row": row})


def discard(reference: str, *, fence: int, actor: Actor) -> None:
    """It is not wanted: its contents are gone at once."""
    with transaction():
        intake.discard(_mine(reference, fence=fence, actor=actor))
        audit.record(actor, "upload.discard", reference)


def erase_old() -> None:
    """Uploads whose time is over lose their contents for good. The clock asks for it every hour."""
    due = select(Upload.reference).where(Upload.erase_at < clock.now(), Upload.state != UploadState.ERASED)
    for reference in db.session.scalars(due.order_by(Upload.id).limit(200)).all():
        with transaction():
            upload = uploads.held(reference)
            run = runs.run_of(upload.id)
            if run is not None and run.state in runs.UNDER_WAY:
                continue  # still needed
            intake.erase(upload)
            audit.record("clock", "upload.erase", reference)


def _mine(reference: str, *, fence: int, actor: Actor) -> Upload:
    """The upload, locked; only whoever holds its account changes anything."""
    upload = uploads.held(reference)
    claims.require(upload.account_id, fence=fence, actor=actor)
    return upload
