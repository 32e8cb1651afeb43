"""Reads that are dear and may be a little old, kept in Redis. Whatever lies here can be read again from its tables: losing
all of it costs time, never data.

Nothing that decides about money, claims, rights or sessions is read from here. A Redis that is away, or a value that
nobody understands, is no error: the thing is read from its tables, as if there were no cache.

A value is kept only while its lease holds. Whoever finds nothing puts a lease in the key's place, reads the tables, and
swaps the lease for the value. `forget` takes away either of them: what was read before a change is not kept after it.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import uuid4

import structlog
from flask import current_app
from redis.exceptions import RedisError

from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.kernel.errors import Text
from app.runtime.log import masked
from app.runtime.queue import redis, tell

V = TypeVar("V")
log = structlog.get_logger(__name__)

ROOT = "cache:"
LEASE_S = 10
"""Who reads longer than this keeps nothing."""
REST_S = 5.0
"""How long pages leave a Redis alone that did not answer: one of them waited for it, not all."""
LARGEST_BYTES = 256 * 1024
LOOK_LIMIT = 50_000
"""How many keys are looked at for the page about them."""

_AT_A_TIME = 1000
_LEASE_MARK = b"?"
_NAME = re.compile(r"[a-z][a-z-]*")
_PART = r"[A-Za-z0-9_.-]{1,64}"
_AT = re.compile(rb'\{"at":([0-9]{1,13}),')

# Replaces what still is as it was seen ("" for nothing, and for what is no text at all); says which keys were hit.
_SWAP = """
local hit = {}
for place, key in ipairs(KEYS) do
  local now = redis.pcall('GET', key)
  if type(now) ~= 'string' then now = '' end
  if now == ARGV[2 * place] then redis.call('SET', key, ARGV[2 * place + 1], 'EX', ARGV[1]); hit[#hit + 1] = place end
end
return hit
"""
# The size of each value in bytes, and how it begins.
_MEASURE = """
local found = {}
for place, key in ipairs(KEYS) do
  local size = redis.pcall('STRLEN', key)
  if type(size) ~= 'number' then found[#found + 1] = {0, ''}
  else found[#found + 1] = {size, redis.call('GETRANGE', key, 0, 31)} end
end
return found
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cached(Generic[V]):
    """What is kept, where, how long, and whom to ask about it. `declare` it beside the query that reads the tables."""

    room: str
    name: str
    key: str
    """The last part of the pattern, with a `{word}` for everything that differs: `{number}`."""
    age_s: int
    title: Text
    owner: Text
    pack: Callable[[V], Any]
    """The value as JSON knows it."""
    unpack: Callable[[Any], V]
    """And back. Raises ValueError, TypeError or LookupError for whatever `pack` would not write today."""

    @property
    def pattern(self) -> str:
        return f"{self.room}:{self.name}:{self.key}"

    @property
    def prefix(self) -> str:
        """What all of its keys begin with, as `entries` and `clear` take it."""
        return f"{self.room}:{self.name}:"

    def get(self, key: str, compute: Callable[[], V]) -> V:
        """The value kept under this key, at most `age_s` old, or what `compute` reads now."""
        return self.get_many([key], lambda _missing: {key: compute()})[key]

    def get_many(self, keys: Sequence[str], compute: Callable[[Sequence[str]], Mapping[str, V]]) -> dict[str, V]:
        """The same for many keys, asked for at once; `compute` reads those that are missing, at once."""
        if not keys:
            return {}
        fit = [key for key in keys if self._shape.fullmatch(key) and shown(key) == key]
        lying = _quietly(lambda: self._fetch(fit), None) if fit else None
        if lying is None:
            return dict(compute(keys))
        found = {key: value for key, raw in lying.items() for value in self._read(raw)}
        missing = [key for key in keys if key not in found]
        if missing:
            nobody: dict[str, bytes] = {}
            leases = _quietly(lambda: self._lease({key: lying[key] for key in missing if key in lying}), nobody)
            read = compute(missing)
            _quietly(lambda: self._keep(leases, read), None)
            found |= read
        return found

    def forget(self, *keys: str) -> None:
        """They change: after this transaction they are read anew. To be said before the event that tells pages to look."""
        tell("UNLINK", *map(self._where, keys))  # where Redis is away it is wrong until its age is over

    def _where(self, key: str) -> str:
        return f"{ROOT}{self.prefix}{key}"

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{\w+\\\}", lambda _word: _PART, re.escape(self.key)))

    def _fetch(self, keys: Sequence[str]) -> dict[str, bytes]:
        lying: Sequence[Any] = redis().mget([self._where(key) for key in keys])
        return {key: raw or b"" for key, raw in zip(keys, lying, strict=True)}

    def _read(self, raw: bytes) -> Iterator[V]:
        """The value, if it is one of today's shape and not too old."""
        if not raw or raw.startswith(_LEASE_MARK):
            return
        try:
            told = json.loads(raw)
            age_ms = _now_ms() - told["at"]
            value = self.unpack(told["value"])
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return
        if 0 <= age_ms < self.age_s * 1000:
            yield value

    def _lease(self, lying: Mapping[str, bytes]) -> dict[str, bytes]:
        """Announce that these are being read: key → our lease. What somebody else reads already is theirs to keep."""
        mark = _LEASE_MARK + uuid4().bytes
        free = {key: (raw, mark) for key, raw in lying.items() if not raw.startswith(_LEASE_MARK)}
        return dict.fromkeys(self._swap(free, LEASE_S), mark)

    def _keep(self, leases: Mapping[str, bytes], values: Mapping[str, V]) -> None:
        packed = {key: self._written(values[key]) for key in leases if key in values}
        self._swap({key: (leases[key], text) for key, text in packed.items() if text}, self.age_s)

    def _written(self, value: V) -> bytes:
        """The value with its time; nothing at all for what must not lie here, or is too large to."""
        packed = self.pack(value)
        text = json.dumps(packed, ensure_ascii=False)
        if json.dumps(masked("", packed), ensure_ascii=False) != text:
            log.error("cache_refused", cache=self.pattern, why="it looks like a secret or a card number")
            return b""
        written = f'{{"at":{_now_ms()},"value":{text}}}'.encode()
        return written if len(written) <= LARGEST_BYTES else b""

    def _swap(self, wanted: Mapping[str, tuple[bytes, bytes]], ttl_s: int) -> list[str]:
        """Set each key that still is as it was seen: key → (seen, new). Which ones."""
        if not wanted:
            return []
        keys, pairs = list(wanted), [part for pair in wanted.values() for part in pair]
        hit: Any = redis().eval(_SWAP, len(keys), *map(self._where, keys), str(ttl_s), *pairs)
        return [keys[place - 1] for place in hit]


_declared: dict[str, Cached[Any]] = {}


def declare(cached: Cached[V]) -> Cached[V]:
    """Put it on the list of what is cached. Two of one pattern are a mistake that stops the import."""
    assert _NAME.fullmatch(cached.room) and _NAME.fullmatch(cached.name), f"{cached.pattern}: small letters only"
    assert cached.prefix not in _declared, f"{cached.pattern} is declared twice"
    assert cached.age_s > 0, f"{cached.pattern} needs an age limit"
    _declared[cached.prefix] = cached
    return cached


def declared() -> list[Cached[Any]]:
    """Everything that is cached, by room and name."""
    return [_declared[prefix] for prefix in sorted(_declared)]


def whole(value: Any) -> int:
    """For `unpack`: this is a whole number. TypeError otherwise."""
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


# -- for the page about them. These three say so when Redis is away: RedisError. -----------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One key (without its root). `at` is None for a value that is not ours."""

    key: str
    size: int
    at: datetime | None


def entries(prefix: str = "") -> list[Entry]:
    """What lies under a prefix (a room, a cache, everything), by key; up to LOOK_LIMIT of them. Leases are not values."""
    found = []
    for keys in _scan(prefix):
        told: Any = redis().eval(_MEASURE, len(keys), *keys)
        for key, (size, beginning) in zip(keys, told, strict=True):
            if size and not beginning.startswith(_LEASE_MARK):
                found.append(Entry(key.decode(errors="replace").removeprefix(ROOT), size, stored_at(beginning)))
        if len(found) >= LOOK_LIMIT:
            break
    return sorted(found[:LOOK_LIMIT], key=lambda entry: entry.key)


def shown(key: str) -> str:
    """A key as people may see it: what is digits only and could be a card is masked."""
    return ":".join(part if any(map(str.isalpha, part)) else mask_runs(part) for part in key.split(":"))


def stored_at(raw: bytes) -> datetime | None:
    """When this value was kept; None when it is not ours."""
    at = _AT.match(raw)
    return datetime.fromtimestamp(int(at[1]) / 1000, UTC) if at else None


def peek(key: str) -> bytes | None:
    """What lies under a key, as it lies there; None when there is nothing, or nothing yet."""
    (raw,) = redis().mget([ROOT + key])  # GET would stumble over what is no text at all
    return raw if isinstance(raw, bytes) and not raw.startswith(_LEASE_MARK) else None


def clear(prefix: str = "", *, only: str | None = None) -> int:
    """Throw away what lies under a prefix, or `only` one key. How many there were."""
    if only is not None:
        return int(redis().unlink(ROOT + only))
    return sum(int(redis().unlink(*keys)) for keys in _scan(prefix))


def _scan(prefix: str) -> Iterator[list[bytes]]:
    """Keys under a prefix, each once, some at a time. KEYS would stop everybody else meanwhile."""
    seen: set[bytes] = set()
    cursor = 0
    while True:
        told: Any = redis().scan(cursor, match=f"{ROOT}{prefix}*", count=_AT_A_TIME)
        cursor, keys = told
        new = [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(new)
        if new:
            yield new
        if not cursor:
            return


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


def _quietly(ask: Callable[[], V], without: V) -> V:
    """Ask Redis; `without` when it is away. After it failed it is left alone for a while."""
    rest = current_app.extensions.setdefault("cache.rest", {"until": 0.0})
    if time.monotonic() < rest["until"]:
        return without
    try:
        return ask()
    except RedisError as problem:
        rest["until"] = time.monotonic() + REST_S
        log.warning("cache_away", problem=type(problem).__name__)
        return without
