"""上传台: what people do with a sheet until it is confirmed, the same for every room that takes sheets.

A room above has one `Desk`. Its commands open a transaction of their own, like `checking`, and only whoever holds the
account does anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.auth import audit
from app.auth.identity import Actor
from app.channels import claims
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.cells import Column
from app.kernel.errors import NotThere, Refused
from app.kernel.limit import Limit
from app.runtime import jobs, throttle
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.uploads import intake, queries
from app.uploads.models import Upload
from app.uploads.states import State

LONGEST = 20 * 1024 * 1024
"""Bytes of a sheet."""
UPLOADS = Limit(60, within_s=3600, shut_s=3600)
"""How often one person may upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The commands of one room. `check`: its job that looks at a sheet; `form_of` a channel: what its sheets are read by now
    (0: the room knows), `columns_of` such a form."""

    purpose: str
    check: str
    form_of: Callable[[int], int]
    columns_of: Callable[[int], Sequence[Column]]

    def upload(self, reference: str) -> Upload:
        """By its reference; NotThere also when it is another room's."""
        return self._ours(queries.upload(reference))

    def receive(self, *, account: str, filename: str, content: bytes, fence: int, form_key: str, actor: Actor) -> str:
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
            if made := self._made_before(form_key, held.id, content):
                return made
            channel_rules.require_enabled(channel=held.channel_enabled, account=held.enabled, name=held.title)
            claims.require(held.id, fence=fence, actor=actor)
            if made := self._made_before(form_key, held.id, content):
                return made
            reference = intake.receive(
                purpose=self.purpose,
                account_id=held.id,
                form_id=self.form_of(held.channel_id),
                form_key=form_key,
                filename=filename,
                content=content,
                actor=actor,
            )
            audit.record(actor, "upload.receive", reference, after={"account": account, "bytes": len(content)})
            jobs.promise(self.check, reference, line=Line.SHEETS)
        return reference

    def _made_before(self, form_key: str, account_id: int, content: bytes) -> str | None:
        """What this form sent already. Somebody who went back and chose another file is not shown the old one."""
        made = queries.by_form_key(form_key)
        if made is None:
            return None
        sent = (self.purpose, account_id, intake.content_index(content))
        if (made.purpose, made.account_id, made.content_index) != sent:
            raise Refused("这张表单已经提交过，改动后的内容没有提交", advice="请重新打开“上传表格”，再选择文件")
        return made.reference

    def map_columns(self, reference: str, mapping: Mapping[str, int], *, fence: int, actor: Actor) -> None:
        """The file's columns are these, as its owner says. Everything is checked anew."""
        with transaction():
            upload = self._mine(reference, fence=fence, actor=actor)
            columns = self.columns_of(upload.form_id)
            missing = [column for column in columns if column.required and column.key not in mapping]
            if missing:
                raise Refused("还没有指定“%(title)s”是哪一列", title=missing[0].title)
            if len(set(mapping.values())) != len(mapping):
                raise Refused("同一列不能对应两项")
            intake.look_again(upload, dict(mapping))
            jobs.promise(self.check, reference, line=Line.SHEETS)

    def accept(self, reference: str, patterns: Sequence[str], *, fence: int, actor: Actor) -> None:
        """Let the doctor's proposals of these kinds be done, wherever they occur."""
        with transaction():
            upload = self._mine(reference, fence=fence, actor=actor)
            known = queries.tally(upload).patterns
            if unknown := [pattern for pattern in patterns if pattern not in known]:
                raise Refused("没有这样的修改建议：%(pattern)s", pattern=unknown[0][:40])
            intake.accept(upload, patterns)
            audit.record(actor, "upload.accept", reference, after={"patterns": list(patterns)})

    def withdraw(self, reference: str, patterns: Sequence[str], *, fence: int, actor: Actor) -> None:
        with transaction():
            intake.withdraw(self._mine(reference, fence=fence, actor=actor), patterns)
            audit.record(actor, "upload.withdraw", reference, after={"patterns": list(patterns)})

    def accept_row(self, reference: str, row: int, *, fence: int, actor: Actor) -> None:
        with transaction():
            intake.accept_row(self._mine(reference, fence=fence, actor=actor), row)
            audit.record(actor, "upload.accept", reference, after={"row": row})

    def withdraw_row(self, reference: str, row: int, *, fence: int, actor: Actor) -> None:
        with transaction():
            intake.withdraw_row(self._mine(reference, fence=fence, actor=actor), row)
            audit.record(actor, "upload.withdraw", reference, after={"row": row})

    def discard(self, reference: str, *, fence: int, actor: Actor) -> None:
        """It is not wanted: its contents are gone at once."""
        with transaction():
            intake.discard(self._mine(reference, fence=fence, actor=actor))
            audit.record(actor, "upload.discard", reference)

    def held(self, reference: str) -> Upload:
        """The upload, locked until the transaction ends."""
        return self._ours(queries.held(reference))

    def erase_old(self, is_needed: Callable[[int], bool]) -> None:
        """Uploads of the room whose time is over lose their contents for good, but for those that it still works on."""
        due = select(Upload.reference).where(
            Upload.purpose == self.purpose, Upload.erase_at < clock.now(), Upload.state != State.ERASED
        )
        for reference in db.session.scalars(due.order_by(Upload.id).limit(200)).all():
            with transaction():
                upload = queries.held(reference)
                if is_needed(upload.id):
                    continue
                intake.erase(upload)
                audit.record("clock", "upload.erase", reference)

    def _mine(self, reference: str, *, fence: int, actor: Actor) -> Upload:
        """The upload, locked; only whoever holds its account changes anything."""
        upload = self.held(reference)
        claims.require(upload.account_id, fence=fence, actor=actor)
        return upload

    def _ours(self, upload: Upload) -> Upload:
        if upload.purpose != self.purpose:
            raise NotThere(upload.reference)
        return upload
