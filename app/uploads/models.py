"""An uploaded sheet: what is known of it, its bytes until it was read, and its rows in sealed blocks.

Bytes and rows are sealed with a key of the upload's own, which is sealed with the house's field key: losing that one small
text makes everything else unreadable for good, in every backup too (crypto-erasure).
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model
from app.uploads.states import UPLOAD


class Upload(Model):
    """`purpose` names the room above and its work; `form_id` the template it was made for, in that room's words."""

    __tablename__ = "upload"
    __table_args__ = (
        Index("ix_upload_account", "account_id", "id"),
        Index("ix_upload_content", "account_id", "content_index"),
        Index("ix_upload_erase", "erase_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    purpose: Mapped[str] = mapped_column(String(20))
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    form_id: Mapped[int]
    form_key: Mapped[str] = mapped_column(String(36), unique=True)
    filename: Mapped[str] = mapped_column(String(120))
    size: Mapped[int]
    content_index: Mapped[str] = mapped_column(String(64))
    """A keyed fingerprint of the bytes: the same file again is told."""
    state: Mapped[str] = mapped_column(String(12), default=UPLOAD.initial)
    key_sealed: Mapped[str] = mapped_column(Text, default="")
    trouble: Mapped[str] = mapped_column(Text, default="")
    """JSON: why the file is unfit, as a sentence and an advice."""
    meta: Mapped[str] = mapped_column(Text, default="{}")
    """JSON: what the reader told of the file (format, sheet, encoding, hidden rows …) and its header."""
    mapping: Mapped[str] = mapped_column(Text, default="{}")
    """JSON: key of a template's column → column of the file (from 0). Empty: to be found by the titles."""
    decisions: Mapped[str] = mapped_column(Text, default="{}")
    tally: Mapped[str] = mapped_column(Text, default="{}")
    rows_read: Mapped[int] = mapped_column(default=0)
    maker_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    maker: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    checked_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    erase_at: Mapped[datetime]


class UploadBlock(Model):
    """Some hundred rows. `flawed` is JSON without personal data: [row, status, group, [faults]] of rows to look at."""

    __tablename__ = "upload_block"
    __table_args__ = (UniqueConstraint("upload_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"))
    number: Mapped[int]
    first_row: Mapped[int]
    last_row: Mapped[int]
    row_count: Mapped[int]
    flawed: Mapped[str] = mapped_column(Text, default="[]")
    indexes: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """Blind indexes of its rows, 32 bytes each, in their order; zeros where a row has none."""
    body: Mapped[bytes] = mapped_column(LargeBinary)


class UploadPart(Model):
    """A piece of a file that belongs to an upload: the uploaded one, or a result to take along."""

    __tablename__ = "upload_part"
    __table_args__ = (UniqueConstraint("upload_id", "file", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"))
    file: Mapped[str] = mapped_column(String(20))
    number: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
