"""Live events: "something about this changed", from any process to every open page, through Redis.

An event carries a topic and nothing else worth stealing; the page asks again for the region it shows, with its own
rights. Losing an event costs freshness until the next one, never truth.

One subscription a process (the hub), one bounded queue a browser; a browser that does not keep up is told to reload
its regions once instead of being sent a backlog.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator

import structlog
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from app.runtime.db import let_go
from app.runtime.queue import redis, tell

log = structlog.get_logger(__name__)

_CHANNEL = "paydesk:live"
_BACKLOG = 100
HEARTBEAT_S = 15.0


def announce(topic: str, detail: str = "") -> None:
    """After this transaction, tell every open page. Joins the caller's transaction."""
    tell("PUBLISH", _CHANNEL, json.dumps([topic, detail]))


def publish(topic: str, detail: str = "") -> None:
    """Tell every open page now. A Redis that is away is not an error: pages also refresh by themselves."""
    try:
        redis().publish(_CHANNEL, json.dumps([topic, detail]))
    except RedisError as problem:
        log.warning("live_event_lost", topic=topic, problem=type(problem).__name__)


class Hub:
    """One Redis subscription fanned out to the browsers of this process."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._browsers: set[queue.Queue[tuple[str, str]]] = set()
        self._lock = threading.Lock()
        self._started = False
        self._stop = threading.Event()

    def subscribe(self) -> "queue.Queue[tuple[str, str]]":
        mailbox: queue.Queue[tuple[str, str]] = queue.Queue(maxsize=_BACKLOG)
        with self._lock:
            self._browsers.add(mailbox)
            if not self._started:
                self._started = True
                threading.Thread(target=self._listen, name="live-hub", daemon=True).start()
        return mailbox

    def unsubscribe(self, mailbox: "queue.Queue[tuple[str, str]]") -> None:
        with self._lock:
            self._browsers.discard(mailbox)

    def close(self) -> None:
        """Let every stream end: the process stops."""
        self._stop.set()
        self._give(("closing", ""))

    @property
    def closed(self) -> bool:
        return self._stop.is_set()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(_CHANNEL)
                    self._give(("resync", ""))  # whatever was missed while there was no subscription
                    while not self._stop.is_set():
                        message = subscription.get_message(timeout=1.0)
                        if message:
                            topic, detail = json.loads(message["data"])
                            self._give((topic, detail))
            except (RedisError, OSError) as problem:
                log.warning("live_hub_lost_redis", problem=type(problem).__name__)
                self._stop.wait(1.0)
            except Exception:  # a message that nobody understands: every open page lives from this thread
                log.exception("live_hub_stumbled")
                self._stop.wait(1.0)

    def _give(self, event: tuple[str, str]) -> None:
        with self._lock:
            for mailbox in self._browsers:
                try:
                    mailbox.put_nowait(event)
                except queue.Full:
                    _start_over(mailbox)


def _start_over(mailbox: "queue.Queue[tuple[str, str]]") -> None:
    while True:
        try:
            mailbox.get_nowait()
        except queue.Empty:
            break
    mailbox.put_nowait(("resync", ""))


def init(app: Flask) -> None:
    app.extensions["live.hub"] = Hub(app.extensions["redis.stream"])


def hub() -> Hub:
    found = current_app.extensions["live.hub"]
    assert isinstance(found, Hub)
    return found


def stream(session_id: int, is_over: Callable[[], bool]) -> Iterator[str]:
    """The lines of one browser's stream: an SSE event for each topic, `kicked` when its session ended.

    The database connection is given back first: a page may stay open for hours. `is_over` is asked at each heartbeat,
    however busy the house is, and after a break in the subscription, which may have hidden the end of the session.
    """
    app, the_hub = current_app._get_current_object(), hub()  # type: ignore[attr-defined]
    let_go()

    def lines() -> Iterator[str]:
        mailbox = the_hub.subscribe()  # not before: a stream that is never read (HEAD) is never closed either
        try:
            yield "retry: 2000\nevent: hello\ndata: \n\n"
            ask_at = time.monotonic() + HEARTBEAT_S
            while not the_hub.closed:
                try:
                    topic, detail = mailbox.get(timeout=max(ask_at - time.monotonic(), 0))
                except queue.Empty:
                    topic, detail = "", ""
                if topic == "resync" or time.monotonic() >= ask_at:
                    ask_at = time.monotonic() + HEARTBEAT_S
                    with app.app_context():
                        if is_over():
                            topic, detail = "session-ended", str(session_id)
                if topic == "session-ended":
                    if detail == str(session_id):
                        yield "event: kicked\ndata: \n\n"
                        return
                elif topic != "closing":
                    # A comment would raise no event in the browser: a tick tells it that the stream is alive.
                    yield f"event: {topic or 'tick'}\ndata: {detail}\n\n"
        finally:
            the_hub.unsubscribe(mailbox)

    return lines()
