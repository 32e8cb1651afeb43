"""How a person likes a list: searches kept under a name, and which columns in which order."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model

_DEFAULT = text("is_default")


class SavedView(Model):
    """A search under a name. `page`: the endpoint of the list; `query`: its query string, without anybody's name or card."""

    __tablename__ = "saved_view"
    __table_args__ = (
        UniqueConstraint("operator_id", "page", "name"),
        Index(
            "uq_saved_view_default",
            "operator_id",
            "page",
            unique=True,
            postgresql_where=_DEFAULT,
            sqlite_where=_DEFAULT,
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    page: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(20))
    query: Mapped[str] = mapped_column(String(500))
    is_default: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(default=clock.now)


class ListColumns(Model):
    """The columns that a person chose for a list, in their order: a JSON list of keys."""

    __tablename__ = "list_columns"

    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), primary_key=True)
    page: Mapped[str] = mapped_column(String(40), primary_key=True)
    columns: Mapped[str] = mapped_column(Text)
