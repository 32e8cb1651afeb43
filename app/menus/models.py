"""The table of the menu."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.runtime.db import Key, Model


class MenuEntry(Model):
    """A line of the menu: a page, or a group of pages. What a page asks of its reader is the page's own to say."""

    __tablename__ = "menu_entry"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("menu_entry.id"), index=True)
    position: Mapped[int]
    page: Mapped[str | None] = mapped_column(String(60), unique=True)
    title_zh: Mapped[str] = mapped_column(String(40))
    title_en: Mapped[str] = mapped_column(String(40))
    icon: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(1), default="")
    visible: Mapped[bool] = mapped_column(default=True)
