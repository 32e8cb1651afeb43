"""Keyset pages against plain slicing of a list: the same rows, both ways, from anywhere."""

from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Select, insert, select

from app.kernel import clock
from app.runtime import listing as lists
from app.runtime.db import db, transaction
from app.runtime.jobs import Job
from app.runtime.listing import Listing, listing

ROWS = 130
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Asked = dict[str, str]


@pytest.fixture
def rows(app: Flask) -> list[int]:
    """Rows with gaps between their keys; `attempts` is 0, 1, 2 in turn. Their keys, newest first."""
    add(range(1, ROWS + 1))
    return sorted((number * 7 for number in range(1, ROWS + 1)), reverse=True)


def add(numbers: range) -> None:
    with transaction():
        db.session.execute(
            insert(Job),
            [
                {
                    "id": number * 7,
                    "kind": "k",
                    "subject": "s",
                    "line": "none",
                    "dedup_key": str(number),
                    "due_at": clock.now(),
                    "attempts": number % 3,
                    "last_error": "",
                }
                for number in numbers
            ],
        )


def shown(asked: Asked, *attempts: int, rising: bool = False) -> Listing:
    statement: Select[Any] = select(Job.id, Job.attempts).where(Job.attempts.in_(attempts or (0, 1, 2)))
    kept = {"state": asked.get("state", "")}
    return listing(statement, key=Job.id.expression, asked=asked, kept=kept, rising=rising)


page = shown


def ids(found: Listing) -> list[int]:
    return [row.id for row in found.rows]


def follow(url: str) -> Asked:
    assert url.startswith("?")
    return dict(parse_qsl(url[1:]))


@quick
@given(size=st.sampled_from(lists.PAGE_SIZES), attempts=st.sets(st.integers(0, 3)), rising=st.booleans())
def test_walking_down_and_up_again_reads_every_row_once(
    rows: list[int], size: int, attempts: set[int], rising: bool
) -> None:
    page = partial(shown, rising=rising)
    wanted = [row for row in sorted(rows, reverse=not rising) if (row // 7) % 3 in (attempts or {0, 1, 2})]
    slices = [wanted[first : first + size] for first in range(0, len(wanted), size)] or [[]]
    asked: Asked = {"size": str(size)}
    for number, expected in enumerate(slices):
        found = page(asked, *attempts)
        assert ids(found) == expected
        assert (found.total, found.total_is_floor) == (len(wanted), False)
        assert bool(found.next_url) == (number < len(slices) - 1)
        assert bool(found.previous_url) == bool(found.first_url) == (number > 0)
        if number:
            assert ids(page(follow(found.previous_url), *attempts)) == slices[number - 1]
            assert ids(page(follow(found.first_url), *attempts)) == slices[0]
        if found.next_url:
            asked = follow(found.next_url)
    while found.previous_url:
        found = page(follow(found.previous_url), *attempts)
        number -= 1
        assert ids(found) == slices[number]
    assert number == 0


@quick
@given(
    size=st.sampled_from(lists.PAGE_SIZES),
    key=st.integers(0, (ROWS + 2) * 7),
    way=st.sampled_from(["before", "after"]),
    rising=st.booleans(),
)
def test_from_any_key_a_page_is_a_slice_and_its_links_lead_on(
    rows: list[int], size: int, key: int, way: str, rising: bool
) -> None:
    page, rows = partial(shown, rising=rising), sorted(rows, reverse=not rising)
    found = page({way: str(key), "size": str(size)})
    beyond = [row for row in rows if (row < key if way == "before" else row > key)]
    if (way == "after") == rising:  # on, down the page
        assert ids(found) == beyond[:size]
    else:
        assert ids(found) == (beyond[-size:] if len(beyond) >= size else rows[:size])
    if found.rows:
        first, last = rows.index(found.rows[0].id), rows.index(found.rows[-1].id)
        assert bool(found.next_url) == (last < len(rows) - 1)
        if found.next_url:
            assert ids(page(follow(found.next_url))) == rows[last + 1 : last + 1 + size]
        if found.previous_url and first >= size:
            assert ids(page(follow(found.previous_url))) == rows[first - size : first]
    else:
        assert found.first_url, "nobody is left on an empty page"


@pytest.mark.parametrize(
    "asked",
    [
        {"before": "x"},
        {"before": "-1"},
        {"before": "1e9"},
        {"before": "９９"},
        {"before": "9" * 30},
        {"before": ""},
        {"size": "7"},
        {"size": "0"},
        {"size": "100000"},
        {"size": "50; DROP TABLE job"},
    ],
)
def test_nonsense_is_page_one(rows: list[int], asked: Asked) -> None:
    assert ids(page(asked)) == rows[:50]


def test_rows_that_come_meanwhile_move_nothing(rows: list[int]) -> None:
    first = page({"size": "50"})
    add(range(ROWS + 1, ROWS + 11))
    second = page(follow(first.next_url))
    assert ids(second) == rows[50:100]
    back = page(follow(second.previous_url))
    assert ids(back) == rows[:50] and back.previous_url
    assert ids(page(follow(back.previous_url)))[:10] == [number * 7 for number in range(ROWS + 10, ROWS, -1)]


def test_links_keep_the_filters_and_the_size(rows: list[int]) -> None:
    found = page({"size": "20", "state": "a&b=c", "before": str(rows[30])})
    for url in (found.next_url, found.previous_url, found.first_url):
        assert follow(url)["state"] == "a&b=c" and follow(url)["size"] == "20"
    assert [follow(url) for _size, url in found.sizes] == [
        {"state": "a&b=c", "size": str(size)} for size in lists.PAGE_SIZES
    ]


def test_counting_stops_at_a_limit(rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "COUNT_LIMIT", 100)
    found = page({})
    assert (found.total, found.total_is_floor) == (100, True)
    monkeypatch.setattr(lists, "COUNT_LIMIT", ROWS)
    found = page({})
    assert (found.total, found.total_is_floor) == (ROWS, False)
