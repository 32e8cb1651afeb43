"""Redis queues. A nudge says "look at your rows"; the rows are the truth, so losing every nudge costs time, never money.

RQ is used for one thing: to wake a worker that listens on one queue. Nothing of RQ's own (retries, schedulers,
registries) decides anything: killing a worker's parent leaves its work-horse alive, and RQ would run the job twice.
"""

from collections.abc import Iterable
from enum import StrEnum

import structlog
from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as RedisRetry
from rq import Queue

from app.runtime.db import after_commit_together

log = structlog.get_logger(__name__)

_SECONDS_A_NUDGE_LASTS = 5


class Line(StrEnum):
    """The queues. Each worker process listens on exactly one."""

    CHANNEL = "channel"
    SHEETS = "sheets"
    """What works on many rows for long: it must not keep a withdrawal waiting."""


def init(app: Flask, url: str) -> None:
    """Two clients: RQ changes the pool it is given (its socket time-out), so it gets its own."""
    app.extensions["redis"] = Redis.from_url(
        url, socket_timeout=2, socket_connect_timeout=2, retry=RedisRetry(NoBackoff(), 1)
    )
    app.extensions["redis.rq"] = Redis.from_url(url)
    app.extensions["redis.stream"] = Redis.from_url(url, socket_timeout=None, health_check_interval=15)


def redis() -> Redis:
    """The fast-failing client for everything but RQ and streams."""
    client: Redis = current_app.extensions["redis"]
    return client


def tell(*command: str) -> None:
    """After this transaction Redis is told this. One that is away is not an error: what it knows is never the truth."""
    after_commit_together(_tell, command)


def _tell(commands: Iterable[tuple[str, ...]]) -> None:
    try:
        with redis().pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            pipeline.execute()
    except RedisError as problem:
        log.warning("redis_not_told", commands=[command[:2] for command in commands], problem=type(problem).__name__)


def nudge(line: str) -> None:
    """Wake a worker of this line. Many nudges in a row become one; a Redis that is away is the sweeper's business."""
    try:
        if redis().set(_flag(line), 1, nx=True, ex=_SECONDS_A_NUDGE_LASTS):
            queue(line).enqueue("app.runtime.jobs.drain", line, job_timeout=600, result_ttl=0, failure_ttl=3600)
    except RedisError as problem:
        log.warning("nudge_lost", line=line, problem=type(problem).__name__)


def nudge_taken(line: str) -> None:
    """The worker looks now: the next nudge counts again."""
    try:
        redis().delete(_flag(line))
    except RedisError as problem:
        log.warning("nudge_flag_kept", line=line, problem=type(problem).__name__)


def queue(line: str) -> Queue:
    return Queue(line, connection=current_app.extensions["redis.rq"], serializer="json")


def _flag(line: str) -> str:
    return f"paydesk:nudged:{line}"
