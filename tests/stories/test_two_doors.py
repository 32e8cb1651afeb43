"""Two web processes, one person, two browsers at the same moment: one session lives, and the other cookie opens nothing."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from app.auth import service as auth
from app.auth.models import OperatorSession
from app.auth.permissions import Role
from app.config import Config
from app.runtime.db import db
from tests.conftest import KEYS
from tests.world import PASSWORD

pytestmark = pytest.mark.slow
TOP = Path(__file__).resolve().parents[2]
ROUNDS = 6


@pytest.fixture
def doors(app: Flask, config: Config, tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of two gunicorns on one database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAYDESK_")}
    environment |= {
        "PAYDESK_DATABASE_URL": config.sqlalchemy_url,
        "PAYDESK_DATA_DIR": str(tmp_path),
        "PAYDESK_SECRET_KEY": KEYS["secret_key"],
        "PAYDESK_FIELD_KEYS": KEYS["field_keys"],
    }
    found, processes = [], []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        argv = [
            sys.executable,
            "-m",
            "gunicorn",
            "wsgi:app",
            "--bind",
            f"127.0.0.1:{port}",
            "--worker-class",
            "gthread",
        ]
        argv += ["--threads", "8", "--no-control-socket"]
        processes.append(subprocess.Popen(argv, cwd=TOP, env=environment, stderr=subprocess.DEVNULL))
        found.append(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 60
    for door in found:
        while not _answers(door):
            assert time.monotonic() < deadline, "it does not start"
    yield found
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(10)


def _answers(door: str) -> bool:
    try:
        return requests.get(f"{door}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def test_two_sign_ins_at_one_moment_leave_one_session(doors: list[str]) -> None:
    auth.create_operator(username="twice", display_name="Twice", role=Role.OPERATOR, password=PASSWORD, actor="test")
    db.session.rollback()
    for _ in range(ROUNDS):
        barrier = threading.Barrier(2)
        browsers = [requests.Session() for _ in doors]

        def enters(door: str, browser: requests.Session, barrier: threading.Barrier = barrier) -> None:
            token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{door}/login", timeout=20).text)
            assert token
            form = {"csrf_token": token[1], "username": "twice", "password": PASSWORD}
            barrier.wait(20)
            browser.post(f"{door}/login", data=form, allow_redirects=False, timeout=30)

        hands = [threading.Thread(target=enters, args=pair) for pair in zip(doors, browsers, strict=True)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        assert all("paydesk_session" in browser.cookies for browser in browsers), "both were let in"
        # Each cookie at each door: what one process ended is over in the other.
        opened = [
            {browser.get(f"{door}/", allow_redirects=False, timeout=20).status_code for door in doors}
            for browser in browsers
        ]
        assert sorted(opened, key=max) == [{200}, {303}]
        live = select(func.count()).where(OperatorSession.ended_at.is_(None))
        assert db.session.scalar(live) == 1
        db.session.rollback()
