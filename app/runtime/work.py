"""Work that is done on many rows at once. What they intend is written together, and what they found out is; in between each
goes on an errand of its own, with no transaction open, and a slow one keeps nobody waiting.

An answer is what becomes of a row: None, it is done; `jobs.Again`; an exception, which is that row's alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

import structlog

from app.runtime.db import Afterwards, transaction

E = TypeVar("E")
F = TypeVar("F")
K = TypeVar("K")
R = TypeVar("R")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun(Generic[E]):
    """Of each subject its errand, or its answer already."""

    errands: Mapping[str, E]
    answers: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Together(Generic[E, F]):
    """A kind of job, in the place of a function of one subject. What `begin` or `end` raises is the fault of all of them: for
    what is one row's own there is `all_or_each`.
    """

    begin: Callable[[Sequence[str]], Begun[E]]
    """Commits what is intended."""
    errand: Callable[[E], F]
    """Of one subject, in a thread of its own."""
    end: Callable[[Mapping[str, F]], Mapping[str, object]]
    """Commits what the errands found, by their subjects. The answers."""


class Row(Protocol):
    """Of one kind and subject there is one row."""

    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...


W = TypeVar("W", bound=Row)


def begin(rows: Iterable[W]) -> tuple[list[tuple[W, Any]], list[tuple[W, object]]]:
    """The errands of these rows, and the answers of those that need none."""
    errands, answers = list[tuple[W, Any]](), list[tuple[W, object]]()
    for kind, some in _by_kind(rows):
        begun = _attempt(lambda kind=kind, some=some: _work_of(kind).begin(list(some)))  # type: ignore[misc]
        if isinstance(begun, Exception):
            begun = Begun({}, dict.fromkeys(some, begun))
        errands += [(some[subject], errand) for subject, errand in begun.errands.items()]
        answers += [(some[subject], answer) for subject, answer in begun.answers.items()]
    return errands, answers


def carry(row: Row, errand: Any) -> Any:
    """Go on one errand: what it finds, or what went wrong."""
    return _attempt(lambda: _work_of(row.kind).errand(errand))


def end(found: Sequence[tuple[W, Any]]) -> list[tuple[W, object]]:
    """The answers of rows whose errands found this."""
    answers: list[tuple[W, object]] = [(row, it) for row, it in found if isinstance(it, Exception)]
    things = {(row.kind, row.subject): it for row, it in found if not isinstance(it, Exception)}
    for kind, some in _by_kind(row for row, it in found if not isinstance(it, Exception)):
        told = {subject: things[kind, subject] for subject in some}
        ended = _attempt(lambda kind=kind, told=told: _work_of(kind).end(told))  # type: ignore[misc]
        answers += [(row, ended if isinstance(ended, Exception) else ended[subject]) for subject, row in some.items()]
    return answers


def all_or_each(
    wanted: Iterable[K], deed: Callable[[Sequence[K]], Mapping[K, R]], *, left_for: Afterwards | None = None
) -> dict[K, R | Exception]:
    """Done in one transaction for all of these; where that fails, in one for each: the fault of one is nobody else's.

    Of each what it came to, or what went wrong with it. `left_for`: see `transaction`.
    """

    def done(some: Sequence[K]) -> dict[K, R]:
        with transaction(left_for):
            return dict(deed(some))

    them = list(wanted)
    found = _attempt(lambda: done(them)) if them else {}
    if not isinstance(found, Exception):
        return {**found}
    if len(them) == 1:
        return {them[0]: found}
    log.warning("each_alone", count=len(them), problem=type(found).__name__)
    return {it: result for one in them for it, result in all_or_each([one], deed, left_for=left_for).items()}


def _work_of(kind: str) -> Together[Any, Any]:
    module, _, name = kind.rpartition(".")
    found = getattr(import_module(module), name)
    return found if isinstance(found, Together) else _of_each(found)


def _of_each(deed: Callable[..., object]) -> Together[str, object]:
    """A function of one subject: all of it is the errand, and what it returns is the answer."""
    return Together(
        begin=lambda subjects: Begun({subject: subject for subject in subjects}, {}),
        errand=lambda subject: deed(*([subject] if subject else [])),
        end=lambda answers: answers,
    )


def _by_kind(rows: Iterable[W]) -> list[tuple[str, dict[str, W]]]:
    kinds: dict[str, dict[str, W]] = {}
    for row in rows:
        kinds.setdefault(row.kind, {})[row.subject] = row
    return list(kinds.items())


def _attempt(deed: Callable[[], R]) -> R | Exception:
    try:
        return deed()
    except Exception as problem:  # noqa: BLE001 (an answer like others: it is logged and written down with its row)
        return problem
