"""What gunicorn writes of a request: enough to find it, nothing that opens a door or names a card."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config as GunicornConfig

from app.runtime.access_log import AccessLog, fit
from app.runtime.log import ONE_TIME
from app.runtime.up import _children

CARD = "6222021001116245777"
TOKEN = "dGhpcy1pcy1hLW9uZS10aW1lLXRva2Vu_-9"
WIDE = "".join(chr(ord(digit) - ord("0") + ord("０")) for digit in CARD)
SPELT_WIDE = "".join(f"%EF%BC%{0x90 + int(digit):X}" for digit in CARD)


@pytest.mark.parametrize(
    "address",
    [
        f"/cards/?card={CARD}",
        f"/withdrawals/?q={CARD}&state=paid",
        f"/cards/?card={CARD[:4]}+{CARD[4:8]}+{CARD[8:12]}+{CARD[12:16]}+{CARD[16:]}",
        f"/cards/?card={CARD[:4]}%20{CARD[4:8]}%20{CARD[8:]}",
        f"/cards/?card={CARD[:4]}%2D{CARD[4:8]}-{CARD[8:]}",
        f"/cards/?card={CARD[:4]}%E3%80%80{CARD[4:]}",
        f"/cards/?card={SPELT_WIDE}",
        f"/login?next=%2Fcards%2F%3Fcard%3D{CARD}",
        f"/login?next=%2Fcards%2F%3Fcard%3D{CARD[:4]}%2B{CARD[4:]}",
        f"/login?next=%2Fcards%2F%3Fcard%3D{CARD[:4]}%2520{CARD[4:]}",
        f"https://pay.example.com/cards/?card={CARD}#top",
        f"/cards/{CARD}",
        f"/cards/{CARD[:4]} {CARD[4:]}",
        f"/?card=%36{CARD[1:]}",
        f"/activate/x?card={CARD}",
    ],
)
def test_a_card_number_is_masked_however_it_is_spelt(address: str) -> None:
    told = fit(address)
    assert CARD[6:-4] not in re.sub(r"[^0-9]", "", told)
    assert WIDE not in told and SPELT_WIDE not in told
    assert "**" in told and CARD[-4:] in told
    assert not re.search(r"\s", told)


@pytest.mark.parametrize(
    "address",
    [
        f"/activate/{TOKEN}",
        f"/activate/{TOKEN}?lang=en",
        f"/%61ctivate/{TOKEN}",
        f"/activate%2F{TOKEN}",
        f"/login?next=%2Factivate%2F{TOKEN}",
        f"https://pay.example.com/activate/{TOKEN}#",
    ],
)
def test_a_one_time_token_is_left_out(address: str) -> None:
    told = fit(address)
    assert TOKEN not in told and TOKEN[:8] not in told
    assert "/activate/***" in told


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "-",
        "/withdrawals/W20261121ABCDEFGHJK?from=20261101&to=20261130",
        "/withdrawals/?least=1000.00&q=%E5%BC%A0%E4%B8%89",
        "/static/console.css?v=0123456789ab",
        "/activate/",
    ],
)
def test_everything_else_stays_as_it_came(address: str) -> None:
    assert fit(address) == address


def test_a_hidden_line_break_begins_no_line() -> None:
    assert "\n" not in fit(f"/?q={CARD}%0A127.0.0.1 - - forged")
    assert atoms("/a\nb")["U"] == "/a%0Ab"


def atoms(path: str = "/", query: str = "", **environ: str) -> dict[str, Any]:
    raw = path + (f"?{query}" if query else "")
    given = {
        "REQUEST_METHOD": "GET", "RAW_URI": raw, "SERVER_PROTOCOL": "HTTP/1.1", "PATH_INFO": path,
        "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1", **environ,
    }  # fmt: skip
    answer = SimpleNamespace(status="200 OK", sent=5, headers=[("Location", raw), ("Set-Cookie", "session=abc")])
    headers = SimpleNamespace(headers=[("COOKIE", "paydesk_session=abc"), ("X-API-KEY", "k")])
    return AccessLog(GunicornConfig()).atoms(answer, headers, given, timedelta(milliseconds=12))


def test_every_field_of_a_line_is_fit_to_be_kept() -> None:
    found = atoms(f"/activate/{TOKEN}", f"card={CARD}", HTTP_REFERER=f"http://x/?q={CARD}", HTTP_USER_AGENT=CARD)
    said = " ".join(str(value) for value in found.values())
    assert CARD not in said and TOKEN not in said
    assert (found["m"], found["s"], found["h"], found["M"]) == ("GET", "200", "127.0.0.1", 12)
    assert found["r"].startswith("GET /activate/***?card=6222%2002**") and found["r"].endswith("5777 HTTP/1.1")
    assert found["U"] == "/activate/***"
    assert atoms("/cards/")["r"] == "GET /cards/ HTTP/1.1"
    assert atoms()["f"] == "-"


def test_a_path_is_read_as_people_typed_it() -> None:
    """WSGI hands paths over as latin-1."""
    assert "**" in atoms("/cards/" + WIDE.encode().decode("latin-1"))["U"]
    assert atoms("/cards/" + "张三".encode().decode("latin-1"))["U"] == "/cards/张三"


def test_no_format_can_ask_for_headers_or_the_environment() -> None:
    assert [name for name in atoms() if name.startswith("{")] == []


def test_every_route_that_takes_a_token_is_known(app: Flask) -> None:
    named = [rule for rule in app.url_map.iter_rules() if {"token", "secret"} & rule.arguments]
    assert named and all(rule.rule.startswith(ONE_TIME) for rule in named)


def test_the_console_is_started_with_it(app: Flask, tmp_path: Path) -> None:
    (web,) = [child for child in _children(app.extensions["paydesk.config"]) if child.name == "web"]
    assert web.argv[web.argv.index("--logger-class") + 1] == "app.runtime.access_log.AccessLog"


# A real one

SITE = """
def app(environ, start_response):
    if "crash" in environ["PATH_INFO"]:
        raise RuntimeError("a fault")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[int]:
    """A site behind gunicorn; its port."""
    (tmp_path / "site_of_this_test.py").write_text(SITE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    top = Path(__file__).resolve().parents[2]
    argv = [
        *(sys.executable, "-m", "gunicorn", "site_of_this_test:app", "--no-control-socket", "--chdir", str(tmp_path)),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--pythonpath", str(top)),
        *("--access-logfile", str(tmp_path / "access.log"), "--error-logfile", str(tmp_path / "error.log")),
        *("--logger-class", "app.runtime.access_log.AccessLog"),
    ]
    server = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(top)})
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def test_a_real_gunicorn_writes_neither_cards_nor_tokens(site: int, tmp_path: Path) -> None:
    asked = [f"/activate/{TOKEN}", f"/cards/?card={CARD[:4]}+{CARD[4:]}", f"/crash/activate/{TOKEN}?q={CARD}", "/plain"]
    for path in asked:
        line = http.client.HTTPConnection("127.0.0.1", site, timeout=20)
        line.request("GET", path, headers={"Referer": f"http://127.0.0.1/?q={CARD}", "Cookie": "paydesk_session=abc"})
        line.getresponse().read()
        line.close()
    access, errors = tmp_path / "access.log", tmp_path / "error.log"
    deadline = time.monotonic() + 10
    while "/plain" not in access.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    written = access.read_text() + errors.read_text()
    assert "GET /plain HTTP/1.1" in written and "Error handling request" in errors.read_text()
    assert "/activate/***" in written and "**" in written
    for secret in (CARD, CARD[4:], TOKEN, "paydesk_session"):
        assert secret not in written
