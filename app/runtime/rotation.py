"""Key rotation (SECURITY 25): whatever an older field key sealed is sealed anew with the newest one.

In small transactions, and only rows that do not carry the newest key's id: killed at any moment it simply goes on, and the
console may run beside it, as long as every process of it can open the newest key's seals already.
"""

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.runtime import vault
from app.runtime.db import db, transaction

ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True, eq=False)
class SealedColumn:
    """A column of seals, and what binds each of them to its row (the `row` that it was sealed with)."""

    column: InstrumentedAttribute[Any]
    row: ColumnElement[str]

    @property
    def table(self) -> Table:
        return cast(Table, self.column.class_.__table__)

    @property
    def place(self) -> tuple[str, str]:
        return self.table.name, self.column.name


@dataclass(slots=True)
class Rotated:
    """How it went with one column: rows sealed anew, and rows that none of our keys opens (left as they are)."""

    count: int = 0
    shut: list[str] = field(default_factory=list)


def rotate(sealed: SealedColumn) -> Rotated:
    """Seal anew what an older key sealed. Each row keeps its place, so a seal that was moved here is not made good."""
    (key,) = sealed.table.primary_key.columns
    table, column = sealed.place
    write = update(sealed.table).where(key == bindparam("its_key")).values({column: bindparam("sealed_anew")})
    older = select(key, sealed.row.label("its_row"), sealed.column).where(is_older(sealed))
    older = older.order_by(key).limit(ROWS_AT_ONCE)
    told, page = Rotated(), older
    while True:
        with transaction():
            rows = db.session.execute(page.with_for_update()).all()
            anew = []
            for its_key, row, text in rows:
                try:
                    plain = vault.unseal(text, table=table, column=column, row=row)
                except vault.Sealed:
                    told.shut.append(row)
                    continue
                again = vault.seal(plain, table=table, column=column, row=row)
                anew.append({"its_key": its_key, "sealed_anew": again})
            if anew:
                db.session.connection().execute(write, anew)
        told.count += len(anew)
        if not rows:
            return told
        page = older.where(key > rows[-1][0])


def left(sealed: SealedColumn) -> int:
    """How many rows an older key sealed: those that a process with yesterday's keys wrote meanwhile, or nobody can open."""
    return db.session.scalar(select(func.count()).select_from(sealed.table).where(is_older(sealed))) or 0


def is_older(sealed: SealedColumn) -> ColumnElement[bool]:
    """Sealed, and not with the newest key."""
    newest = sealed.column.startswith(f"{vault.newest_key()}:", autoescape=True)
    return and_(sealed.column.is_not(None), sealed.column != "", ~newest)
