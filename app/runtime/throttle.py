"""How often something may be done: counted in the database, so that it holds for all processes and while Redis is away."""

from datetime import datetime, timedelta

from sqlalchemy import String, case, delete, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.limit import Limit
from app.runtime.db import Model, changed, db, in_transaction, insert, transaction


class Throttle(Model):
    """How often `name` was done since `since`, and until when it may not be done at all."""

    __tablename__ = "throttle"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime]
    shut_until: Mapped[datetime | None] = mapped_column(index=True)


class Shut(Exception):
    """Too often. `until` is when it may be tried again."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"shut until {until.isoformat()}")


def take(name: str, limit: Limit) -> bool:
    """Count one more try *before* it is made: a crowd of tries at once gets no more than the limit. Raises Shut.

    Answers whether this was the last try: unless it goes well and is forgotten, the next one is shut out.

    A transaction of its own: the try counts even when what follows fails.
    """
    assert not in_transaction(), "a try counts whatever becomes of it"
    with transaction():
        now = clock.now()
        fresh = insert(Throttle).values(name=name, count=0, since=now, shut_until=None)
        # Made or taken and locked in one statement: between two, the row can be forgotten by a try that went well.
        held = fresh.on_conflict_do_update(index_elements=[Throttle.name], set_={"count": Throttle.count})
        found = db.session.execute(held.returning(Throttle.count, Throttle.since, Throttle.shut_until))
        tries, begun, closed = found.one()
        shut_until = closed if closed and closed > now else None
        shut = None
        if shut_until is None:
            over = closed is not None or begun <= now - timedelta(seconds=limit.within_s)
            count = 1 if over else tries + 1
            shut = now + timedelta(seconds=limit.shut_s) if count >= limit.times else None
            db.session.execute(
                update(Throttle)
                .where(Throttle.name == name)
                .values(count=count, since=now if over else begun, shut_until=shut)
            )
    if shut_until is not None:
        raise Shut(shut_until)
    return shut is not None


def shut_until(name: str) -> datetime | None:
    """Until when it may not be done, or None."""
    found = db.session.scalar(select(Throttle.shut_until).where(Throttle.name == name))
    return found if found is not None and found > clock.now() else None


def all_shut() -> dict[str, datetime]:
    """Everything that may not be done now, and until when."""
    found = select(Throttle.name, Throttle.shut_until).where(Throttle.shut_until > clock.now())
    return {row.name: row.shut_until for row in db.session.execute(found)}


def forget(*names: str) -> None:
    """It went well, or somebody unlocked it: counting begins anew. Joins the caller's transaction."""
    assert in_transaction()
    db.session.execute(delete(Throttle).where(Throttle.name.in_(names)))


def give_back(name: str) -> None:
    """That try does not count. Joins the caller's transaction."""
    assert in_transaction()
    less = case((Throttle.count > 0, Throttle.count - 1), else_=0)
    db.session.execute(update(Throttle).where(Throttle.name == name).values(count=less, shut_until=None))


def sweep() -> int:
    """Counts that no longer count are thrown away, or names that do not exist would fill the table. How many went."""
    long_ago = clock.now() - timedelta(days=1)
    with transaction():
        over = or_(Throttle.shut_until.is_(None), Throttle.shut_until < clock.now())
        return changed(delete(Throttle).where(Throttle.since < long_ago, over))
