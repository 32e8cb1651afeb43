"""What the dashboard shows, gathered from the small rows of the rooms below; what lies in the cache; who is alive."""

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.auth import identity
from app.auth.identity import Actor
from app.channels import health, pulse, vacancy
from app.channels import queries as channels
from app.channels.models import DailyFigures
from app.channels.rules import STALE_AFTER_S
from app.collections import queries as collections
from app.collections.queries import Purse
from app.collections.rules import Standing
from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.kernel.errors import NotThere, Refused
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import ZERO, Money
from app.ledger import queries as ledger
from app.runtime import cache, jobs
from app.runtime.cache import Cached
from app.runtime.listing import Listing
from app.runtime.log import masked
from app.runtime.page import say
from app.runtime.queue import Line
from app.withdrawals import queries as withdrawals
from app.withdrawals.rules import Pressing

SPARK_DAYS = 14
ALIVE_WITHIN_S = 30
KEYS_A_PAGE = 50
LONGEST_SHOWN = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One channel account on the dashboard."""

    account: channels.Account
    figures: DailyFigures | None
    holder: channels.Held | None
    vacancy: vacancy.Vacancy | None
    health: health.Health
    available: Money
    prefunded: Money | None
    """What the channel says is left of what we paid in, or our book where it does not say; None: it keeps no such balance."""
    in_transit: tuple[int, Money]
    stale: bool
    differs: bool
    """Does what the channel reports as settleable contradict our ledger (beyond what is on its way)?"""
    prefunded_differs: bool
    spark: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    rows: list[Row]
    today: Money
    yesterday: Money
    settleable: Money
    in_transit: tuple[int, Money]
    unknown: withdrawals.Unknown
    review: int


def dashboard(name: str = "", *, reader: Actor) -> Dashboard:
    """All accounts whose channel or account name contains `name`, grouped by channel, as `reader` finds them."""
    wanted = name.strip().lower()
    accounts = [it for it in channels.accounts() if wanted in it.title.lower() or wanted in it.channel_code.lower()]
    ids = [account.id for account in accounts]
    now = clock.now()
    figures, holders, vacancies = channels.latest_figures(ids), channels.holders(ids), vacancy.of(ids, reader)
    trend, doing = pulse.trend(accounts, figures, days=SPARK_DAYS), health.of(accounts)
    transit = withdrawals.in_transit(ids)
    balances = ledger.balances_of([account.number for account in accounts])
    standings = collections.standings([Purse(it, funds) for it in accounts for funds in FUNDS if funds in it.can.funds])
    rows = []
    for account in accounts:
        told = figures.get(account.id)
        ours = balances[account.number]
        stale = told is None or (now - told.pulled_at).total_seconds() > STALE_AFTER_S
        rows.append(
            Row(
                account=account,
                figures=told,
                holder=holders.get(account.id),
                vacancy=vacancies.get(account.id),
                health=doing[account.id],
                available=ours.available,
                prefunded=_prefunded(account, ours, told),
                in_transit=transit.get(account.id, (0, ZERO)),
                stale=stale,
                differs=_differs(standings, account, Funds.COLLECTED),
                prefunded_differs=_differs(standings, account, Funds.PREFUNDED),
                spark=trend[account.id],
            )
        )
    told_rows = [row.figures for row in rows if row.figures]
    return Dashboard(
        rows=rows,
        today=sum((it.today for it in told_rows), ZERO),
        yesterday=sum((it.yesterday for it in told_rows), ZERO),
        settleable=sum((it.settleable for it in told_rows), ZERO),
        in_transit=(sum(row.in_transit[0] for row in rows), sum((row.in_transit[1] for row in rows), ZERO)),
        unknown=withdrawals.unknown(),
        review=withdrawals.waiting_for_review(),
    )


def _prefunded(account: channels.Account, ours: ledger.Balances, told: DailyFigures | None) -> Money | None:
    if Funds.PREFUNDED not in account.can.funds:
        return None
    return ours.prefunded if told is None or told.prefunded is None else told.prefunded


def _differs(
    standings: Mapping[Purse, tuple[Standing, datetime | None]], account: channels.Account, funds: Funds
) -> bool:
    found = standings.get(Purse(account, funds))
    return found is not None and found[0].reported is not None and bool(found[0].gap)


def disputed() -> Money:
    """Of withdrawals of which the channel says something else than our book, and nobody has decided: what is not certain to
    be where the book says it is."""
    mine = {account.id for account in channels.accounts()}
    pressed = withdrawals.pressing_work(Pressing.DIFFERS)
    return sum((it.amount for account_id, it in pressed.items() if account_id in mine), ZERO)


def alive() -> dict[str, bool]:
    """Is the database there, and did each kind of process give a sign of life lately?"""
    now, limit = clock.now(), timedelta(seconds=ALIVE_WITHIN_S)
    names = ("clock", *(f"worker:{line}" for line in Line))
    try:
        beats = {name: jobs.last_beat(name) for name in names}
    except SQLAlchemyError:
        return dict.fromkeys(("database", *names), False)
    return {"database": True} | {name: beat is not None and abs(now - beat) < limit for name, beat in beats.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRow:
    """One declared cache and what lies in it; `count` is None when Redis is away."""

    cached: Cached[Any]
    count: int | None = None
    size: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    rows: list[CacheRow]
    away: bool
    count: int
    """Of all keys there are, whatever was searched."""
    strangers: int
    """Keys that no declared cache knows: an earlier version left them."""
    is_floor: bool


def caches(text: str = "") -> Caches:
    """All declared caches whose title, pattern or owner contains `text` (as this reader sees them)."""
    entries, away = _entries("")
    known = {row.prefix: row for row in cache.declared()}
    lying: dict[str, list[cache.Entry]] = {prefix: [] for prefix in known}
    for entry in entries:
        lying.setdefault(_prefix(entry.key), []).append(entry)
    wanted = text.strip().lower()
    rows = [
        _row(it, None if away else lying[prefix])
        for prefix, it in known.items()
        if wanted in f"{say(it.title)} {it.pattern} {say(it.owner)}".lower()
    ]
    strangers = sum(len(there) for prefix, there in lying.items() if prefix not in known)
    return Caches(
        rows=rows, away=away, count=len(entries), strangers=strangers, is_floor=len(entries) >= cache.LOOK_LIMIT
    )


def cached(room: str, name: str) -> Cached[Any]:
    """A declared cache; NotThere otherwise."""
    found = next((it for it in cache.declared() if (it.room, it.name) == (room, name)), None)
    if found is None:
        raise NotThere(f"{room}:{name}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a cache, without the cache's own part; `shown` is what people may see of it."""

    key: str
    shown: str
    size: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What lies in one cache: all of it, and one page of the keys that were searched."""

    row: CacheRow
    listing: Listing
    away: bool


def keys(of: Cached[Any], asked: Mapping[str, str]) -> Keys:
    """The keys that contain `q`, fifty from `from` on, in their own order: it stays the same while they come and go."""
    _require_all_channels()
    entries, away = _entries(of.prefix)
    wanted = asked.get("q", "").strip().lower()
    everything = [(entry.key.removeprefix(of.prefix), entry) for entry in entries]
    found = [(key, entry) for key, entry in everything if wanted in key.lower()]
    first = bisect_left(found, asked.get("from", ""), key=lambda it: it[0])
    kept = {"q": wanted} if wanted else {}

    def url(place: int) -> str:
        return "?" + urlencode({**kept, "from": found[place][0]} if place else kept)

    following = first + KEYS_A_PAGE
    listing = Listing(
        rows=[Key(key=key, shown=cache.shown(key), size=it.size, at=it.at) for key, it in found[first:following]],
        size=KEYS_A_PAGE,
        total=len(found),
        total_is_floor=len(entries) >= cache.LOOK_LIMIT,
        sizes=[(KEYS_A_PAGE, url(0))],
        first_url=url(0) if first else "",
        previous_url=url(max(first - KEYS_A_PAGE, 0)) if first else "",
        next_url=url(following) if following < len(found) else "",
    )
    return Keys(row=_row(of, None if away else entries), listing=listing, away=away)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What lies under one key, fit to be shown; `text` is None when there is nothing (any more)."""

    key: str
    shown: str
    away: bool = False
    text: str | None = None
    size: int = 0
    at: datetime | None = None
    until: datetime | None = None


def look(of: Cached[Any], key: str) -> Look:
    """What lies under this key of this cache at the moment."""
    _require_all_channels()
    shown = cache.shown(key)
    try:
        raw = cache.peek(of.prefix + key)
    except RedisError:
        return Look(key=key, shown=shown, away=True)
    if raw is None:
        return Look(key=key, shown=shown)
    at = cache.stored_at(raw)
    until = at + timedelta(seconds=of.age_s) if at else None
    return Look(key=key, shown=shown, text=_text(raw)[:LONGEST_SHOWN], size=len(raw), at=at, until=until)


def _require_all_channels() -> None:
    """Keys and values are of all channels: who is limited to some of them sees how many there are, and nothing more."""
    if identity.channels() is not None:
        raise Refused("您只负责部分渠道，缓存里有所有渠道的内容，不能查看")


def _text(raw: bytes) -> str:
    """A value in lines, with whatever could be a card or a secret masked; one that is not ours as the text it is."""
    try:
        value = json.loads(raw)["value"]
        return mask_runs(_in_lines(masked("", value)))
    except (ValueError, TypeError, LookupError, RecursionError):
        return mask_runs(raw.decode(errors="replace"))


def _in_lines(value: Any) -> str:
    """JSON for people: of a list each thing on a line of its own."""
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return "[" + ",".join(f"\n  {json.dumps(one, ensure_ascii=False)}" for one in value) + "\n]"


def _entries(prefix: str) -> tuple[list[cache.Entry], bool]:
    """What lies there, and whether Redis is away."""
    try:
        return cache.entries(prefix), False
    except RedisError:
        return [], True


def _prefix(key: str) -> str:
    return ":".join(key.split(":", 2)[:2]) + ":"


def _row(of: Cached[Any], entries: list[cache.Entry] | None) -> CacheRow:
    if entries is None:
        return CacheRow(cached=of)
    oldest = min((entry.at for entry in entries if entry.at), default=None)
    return CacheRow(cached=of, count=len(entries), size=sum(entry.size for entry in entries), oldest=oldest)
