"""The send journal: what is about to leave for a channel, appended and fsynced outside the database (RELIABILITY I-14).

A database that was restored from a backup does not know what was sent after it; the journal does. One file a day, one
line a send: number, account, attempt, time, and sealed what is needed to enter it again. Nothing is sent that is not in it.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app.config import config
from app.kernel import clock

_BLOCK = 64 * 1024
KEEP_DAYS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One send. `sealed` opens only at its place (`vault`; its row is the number)."""

    number: str
    account: str
    attempt: int
    at: str  # ISO 8601, UTC
    sealed: str

    @property
    def sent_at(self) -> datetime:
        return datetime.fromisoformat(self.at)


def append(*lines: Line) -> None:
    """They are on the disk when this returns; OSError, and then none of them may leave."""
    if not lines:
        return
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"sends-{clock.now():%Y%m%d}.jsonl"
    new = not path.exists()
    # A line break in front too: what a crash left of the line before must not swallow this one.
    data = "".join(f"\n{json.dumps(asdict(line), separators=(',', ':'))}\n" for line in lines).encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.write(handle, data) != len(data):
            raise OSError("the send journal took half a line")
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        _sync_folder(folder)


def backwards() -> Iterator[Line]:
    """All lines, the newest first. What a crash left half-written is passed over: it was never sent."""
    for path in sorted(_folder().glob("sends-*.jsonl"), reverse=True):
        for text in _lines_backwards(path):
            try:
                yield Line(**json.loads(text))
            except (ValueError, TypeError):
                continue


def forget_old() -> None:
    """Files older than KEEP_DAYS go: no backup that old is restored, and payees are named in them."""
    oldest = clock.now().date() - timedelta(days=KEEP_DAYS)
    for path in _folder().glob("sends-*.jsonl"):
        if _day(path) < oldest:
            path.unlink(missing_ok=True)


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file, the last one first, a block at a time."""
    with path.open("rb") as file:
        end, rest = file.seek(0, os.SEEK_END), b""
        while end:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            lines = (file.read(end - begin) + rest).split(b"\n")
            rest, end = lines[0], begin
            yield from (line for line in reversed(lines[1:]) if line)
        if rest:
            yield rest


def _day(path: Path) -> date:
    try:
        return datetime.strptime(path.stem.removeprefix("sends-"), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return date.max  # not ours: it stays


def _folder() -> Path:
    return config().journal_folder


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
