"""An export: what was asked, how far it is, and its bytes in sealed parts.

What was asked and what was written are sealed with a key of the export's own, which is sealed with the house's field key:
losing that one small text makes everything else unreadable for good, in every backup too (crypto-erasure).
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.exports.states import EXPORT
from app.kernel import clock
from app.runtime.db import Key, Model


class Export(Model):
    """`kind` names the room above and its list. `question`: its filter, sealed, for it may name a person."""

    __tablename__ = "export"
    __table_args__ = (Index("ix_export_operator", "operator_id", "id"), Index("ix_export_erase", "erase_at"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    format: Mapped[str] = mapped_column(String(4))
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    language: Mapped[str] = mapped_column(String(2))
    reach: Mapped[str] = mapped_column(Text, default="")
    """JSON: the codes of the channels whose rows are in it; "": all."""
    question: Mapped[bytes] = mapped_column(LargeBinary)
    key_sealed: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default=EXPORT.initial)
    total: Mapped[int | None]
    rows: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(default=0)
    parts: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[str] = mapped_column(Text, default="")
    """JSON: where the next part goes on, in the words of whoever writes."""
    trouble: Mapped[str] = mapped_column(Text, default="")
    """JSON: why there is none, as a sentence and its values."""
    downloads: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    erase_at: Mapped[datetime]


class ExportPart(Model):
    """A piece of the file."""

    __tablename__ = "export_part"
    __table_args__ = (UniqueConstraint("export_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    export_id: Mapped[int] = mapped_column(ForeignKey("export.id"))
    number: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
