"""Two web processes, one database, one Redis: what is done in one is heard on the pages that the other one serves."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from typing import Any, Self

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app import create_app
from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.permissions import Role
from app.config import Config
from app.runtime import live_events
from app.runtime.db import db, transaction
from tests.world import PASSWORD

PATIENCE_S = 15.0
MANY = 20
_probes = count(1)


class Stream:
    """What one open page hears. Every event is kept in the order in which it came."""

    def __init__(self, port: int, token: str) -> None:
        self._heard: queue.Queue[tuple[str, str]] = queue.Queue()
        # A plain socket: closing it does not wait for the thread that reads it.
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        asked = f"GET /live HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n"
        self._socket.sendall(f"{asked}Cookie: paydesk_session={token}\r\n\r\n".encode())
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\n")
        self.status = int(self._lines.readline().split()[1])
        while self._lines.readline().strip():
            pass

    def listen(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def rest(self) -> str:
        """What is left of an answer that is no stream."""
        return self._lines.read()

    def next(self, timeout_s: float = PATIENCE_S) -> tuple[str, str]:
        """The next event and its data; ("over", "") when the stream ended."""
        return self._heard.get(timeout=timeout_s)

    def until(self, event: str, data: str | None = None) -> list[tuple[str, str]]:
        """Everything up to and with this event."""
        heard, deadline = [], time.monotonic() + PATIENCE_S
        while not heard or heard[-1][0] != event or data not in (None, heard[-1][1]):
            try:
                heard.append(self.next(max(deadline - time.monotonic(), 0)))
            except queue.Empty:
                raise AssertionError(f"{event} was not heard, only {heard}") from None
            assert heard[-1][0] != "over" or event == "over", f"the stream ended without {event}: {heard}"
        return heard

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        name = ""
        with suppress(OSError, ValueError):  # closed by us, under this thread's hands
            for line in self._lines:
                field, _, value = line.rstrip("\n").partition(":")
                if field == "event":
                    name = value.strip()
                elif field == "data":
                    self._heard.put((name, value.strip()))
        self._heard.put(("over", ""))


class House:
    """One web process: an application and a threaded server in front of it."""

    def __init__(self, config: Config) -> None:
        self.app: Flask = create_app(config)

    def __enter__(self) -> Self:
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self._streams: list[Stream] = []
        return self

    def __exit__(self, *_problem: object) -> None:
        for stream in self._streams:
            stream.close()
        self.app.extensions["live.hub"].close()
        self._server.shutdown()
        self._server.server_close()
        with self.app.app_context():
            db.engine.dispose()

    def does(self, deed: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Here, as a request of this process would."""
        with self.app.app_context():
            return deed(*arguments, **named)

    def person(self, username: str) -> tuple[str, Actor]:
        """Somebody who signs in here: their cookie and who they are."""

        def enter() -> tuple[str, Actor]:
            auth.create_operator(
                username=username, display_name=username, role=Role.OPERATOR, password=PASSWORD, actor="test"
            )
            return auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="test")

        found: tuple[str, Actor] = self.does(enter)
        return found

    def opens(self, token: str) -> Stream:
        """A page here, with its stream."""
        stream = self.asks(token)
        assert stream.status == 200
        assert stream.listen().next() == ("hello", "")
        return stream

    def asks(self, token: str) -> Stream:
        stream = Stream(self.port, token)
        self._streams.append(stream)
        return stream

    def checked_out(self) -> int:
        with self.app.app_context():
            return int(db.engine.pool.checkedout())  # type: ignore[attr-defined]


@pytest.fixture
def houses(config: Config, redis_url: str) -> Iterator[tuple[House, House]]:
    shared = config.model_copy(update={"redis_url": redis_url})
    with ExitStack() as stack:
        yield stack.enter_context(House(shared)), stack.enter_context(House(shared))


def connected(speaker: House, listener: Stream) -> None:
    """The subscription stands: what one house says, this page hears. (Before that, events are lost, and may be.)"""
    deadline, said = time.monotonic() + PATIENCE_S, set()
    while time.monotonic() < deadline:
        said.add(probe := str(next(_probes)))
        speaker.does(live_events.publish, "probe", probe)
        try:
            while (event := listener.next(0.2))[1] not in said or event[0] != "probe":
                assert event[0] != "over"
        except queue.Empty:
            continue
        if event[1] == probe:
            return
        listener.until("probe", probe)  # an earlier one was heard, so this one will be
        return
    raise AssertionError("the houses do not hear each other")


def eventually(held: Callable[[], bool], what: str) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not held():
        assert time.monotonic() < deadline, what
        pause.wait(0.02)


def announce(topic: str, detail: str) -> None:
    with transaction():
        live_events.announce(topic, detail)


def announce_in_vain(topic: str, detail: str) -> None:
    with pytest.raises(ZeroDivisionError), transaction():  # noqa: PT012
        live_events.announce(topic, detail)
        raise ZeroDivisionError


def test_what_is_done_in_one_process_is_heard_in_the_other(houses: tuple[House, House]) -> None:
    here, there = houses
    token, _person = here.person("reader")
    for speaker, listener in ((here, there), (there, here)):
        page = listener.opens(token)
        connected(speaker, page)
        speaker.does(announce, "withdrawals", "W1")
        assert page.until("withdrawals") == [("withdrawals", "W1")]


def test_what_was_rolled_back_is_never_announced(houses: tuple[House, House]) -> None:
    here, there = houses
    token, _person = here.person("reader")
    page = there.opens(token)
    connected(here, page)
    here.does(announce_in_vain, "withdrawals", "W1")
    here.does(announce, "withdrawals", "W2")
    assert page.until("withdrawals") == [("withdrawals", "W2")]


def test_every_open_page_hears_it(houses: tuple[House, House]) -> None:
    here, there = houses
    token, _person = here.person("reader")
    pages = [house.opens(token) for house in (here, there) for _ in range(3)]
    for page in (pages[0], pages[3]):  # one subscription for each process
        connected(here, page)
    here.does(announce, "channels", "C1")
    for page in pages:
        assert page.until("channels")[-1] == ("channels", "C1")


def test_a_displaced_session_is_kicked_wherever_its_page_is_open(houses: tuple[House, House]) -> None:
    here, there = houses
    old, _ = here.person("maker")
    other, _ = here.person("other")
    pages = [here.opens(old), there.opens(old)]
    colleagues = [here.opens(other), there.opens(other)]
    for house, page in zip((here, there), pages, strict=True):
        connected(house, page)
    new, _ = here.does(auth.sign_in, "maker", PASSWORD, address="127.0.0.1", user_agent="another browser")
    for page in pages:
        page.until("kicked")
        assert page.next() == ("over", ""), "nothing more is said to a page that is void"
    for house in (here, there):
        assert house.asks(old).status == 401, "and it does not come back"
        fresh = house.opens(new)
        here.does(announce, "channels", "C1")
        fresh.until("channels", "C1")
    for page in colleagues:
        assert "kicked" not in {event for event, _ in page.until("channels", "C1")}


def test_who_signs_out_in_one_process_is_kicked_in_the_other(houses: tuple[House, House]) -> None:
    here, there = houses
    token, person = here.person("maker")
    page = there.opens(token)
    connected(here, page)
    here.does(auth.sign_out, person)
    page.until("kicked")
    assert page.next() == ("over", "")


def test_a_page_that_missed_its_end_is_kicked_at_the_next_resync(houses: tuple[House, House]) -> None:
    """The end of the session was announced while there was no subscription: here, before there was one at all."""
    here, there = houses
    token, _person = here.person("maker")
    page = there.asks(token)
    assert page.status == 200
    here.does(auth.sign_in, "maker", PASSWORD, address="127.0.0.1", user_agent="another browser")
    here.does(live_events.publish, "resync")
    page.listen().until("kicked")


def test_open_pages_keep_no_database_connection(houses: tuple[House, House]) -> None:
    """Twenty pages at each process, open for hours: the pool (20 + 80) must stay free for requests."""
    here, there = houses
    token, _person = here.person("reader")
    pages = {house: [house.opens(token) for _ in range(MANY)] for house in (here, there)}
    for house in (here, there):
        connected(here, pages[house][0])
        assert len(house.app.extensions["live.hub"]._browsers) == MANY
        eventually(lambda house=house: house.checked_out() == 0, "a stream kept its connection")
    with here.app.app_context():  # the measure itself works: a session in use is seen
        db.session.connection()
        assert here.checked_out() == 1
        db.session.remove()
    here.does(live_events.publish, "resync")  # each of them asks the database whether its session is over
    here.does(announce, "channels", "C1")
    for house in (here, there):
        for page in pages[house]:
            assert "kicked" not in {event for event, _ in page.until("channels", "C1")}
        eventually(lambda house=house: house.checked_out() == 0, "a stream that looked kept its connection")


def test_pages_that_were_closed_are_forgotten(houses: tuple[House, House]) -> None:
    here, _there = houses
    token, _person = here.person("reader")
    pages = [here.opens(token) for _ in range(MANY)]
    for page in pages:
        page.close()

    def forgotten() -> bool:
        here.does(live_events.publish, "channels", "C1")  # only who writes notices that nobody reads
        return not here.app.extensions["live.hub"]._browsers

    eventually(forgotten, "the hub still writes to pages that are gone")


def test_without_a_session_there_is_no_stream(houses: tuple[House, House]) -> None:
    """401 and not a redirect: the browser must stop asking."""
    for house in houses:
        for token in ("", "x" * 43, "not a token at all"):
            page = house.asks(token)
            assert (page.status, page.rest()) == (401, ""), token
        assert not house.app.extensions["live.hub"]._browsers
