"""Points in time, as SQLite keeps them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects.sqlite import DATETIME, dialect

from app.runtime.db import Instant


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        datetime(2026, 11, 21, 9, 30, 0, 7, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 999999, tzinfo=timezone(timedelta(hours=8))),
        datetime(987, 1, 2, tzinfo=UTC),
    ],
)
def test_an_instant_is_written_as_sqlalchemy_writes_it(at: datetime) -> None:
    ours, theirs = Instant().bind_processor(dialect()), DATETIME().bind_processor(dialect())
    assert ours is not None and theirs is not None
    assert ours(at) == theirs(at.astimezone(UTC).replace(tzinfo=None))


def test_nothing_is_nothing_and_a_time_without_a_zone_is_a_mistake() -> None:
    write = Instant().bind_processor(dialect())
    assert write is not None and write(None) is None
    with pytest.raises(AssertionError, match="without a zone"):
        write(datetime(2026, 11, 21))
