"""Row 2: callbacks accepted (RSA verified over the raw bytes, sealed into the inbox, a job promised, committed, answered)
beside a bare Flask route with one INSERT and its commit.

    python -m bench.callbacks [callbacks]      400 in a round if not said

Both on SQLite, set up alike, asked through WSGI: the server in front is the same for both. Few callers at a time suit the
bare route, whose every INSERT waits for the one before; many suit the product, which writes down together what came together.
Each is measured with both, and each at its best is compared.
"""

import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from flask import Flask, current_app, request
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.channels.models import CallbackInbox
from app.kernel import signing
from app.runtime import embedded
from app.runtime.db import db
from app.runtime.supervisor import Supervisor
from bench.channel import envelope, signed
from bench.house import Payer, house

CALLBACKS, CALLERS, ROUNDS, GOAL = 400, (4, 32), 5, 0.7
"""At the same moment: `paydesk up` answers 64."""


def main(count: int) -> None:
    ours, theirs = signing.new_rsa_pair(), signing.new_rsa_pair()
    with tempfile.TemporaryDirectory() as name, Supervisor(Path(name) / "log", cwd=Path(name)) as supervisor:
        folder = Path(name)
        supervisor.start(embedded.server(folder))
        with house(folder, embedded.url(folder)) as here:
            payer = Payer(here, "http://127.0.0.1:9", ours=ours[0], theirs=theirs[1])
            said = _callbacks(theirs[0])
            peer, product = bare(folder / "bare.db"), current_app._get_current_object()  # type: ignore[attr-defined]

            def one(callers: int) -> tuple[float, float]:
                messages = [next(said) for _ in range(count)]
                return (
                    rate(product.test_client, f"/callbacks/{payer.account}", messages, "{", callers),
                    rate(peer.test_client, "/", messages, "success", callers),
                )

            one(CALLERS[0])
            rounds = [[one(callers) for callers in CALLERS] for _ in range(ROUNDS)]
            taken = db.session.scalar(select(func.count()).where(CallbackInbox.outcome == "taken"))
            assert taken == (1 + ROUNDS * len(CALLERS)) * count, f"{taken} taken"
    ours_at, limit_at = (
        [statistics.median(it[at][whose] for it in rounds) for at in range(len(CALLERS))] for whose in (0, 1)
    )
    for callers, mine, limit in zip(CALLERS, ours_at, limit_at, strict=True):
        print(
            f"{callers} at a time: callbacks taken {mine:.0f}/s, one INSERT in a bare route {limit:.0f}/s, {mine / limit:.2f}"
        )
    found = max(ours_at) / max(limit_at)
    print(f"each at its best: {found:.2f} (goal {GOAL}): {'holds' if found >= GOAL else 'BROKEN'}")


def _callbacks(private_key: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Callbacks as Egret sends them, signed, each about another order."""
    number = 0
    while True:
        number += 1
        told = envelope({"outTradeNo": f"W{number:012}", "tradeAmount": 1000 + number})
        body = told.replace(b'{"code":"OK",', b'{"event":"TRANSFER",')
        yield body, signed(body, private_key)


def rate(
    client: Callable[[], FlaskClient], path: str, messages: list[tuple[bytes, dict[str, str]]], word: str, callers: int
) -> float:
    own = threading.local()

    def post(message: tuple[bytes, dict[str, str]]) -> None:
        if not hasattr(own, "client"):
            own.client = client()
        body, headers = message
        answer = own.client.post(path, data=body, headers=headers)
        assert answer.status_code == 200 and answer.text.startswith(word), answer.text

    began = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(post, messages))
    return len(messages) / (time.perf_counter() - began)


def bare(path: Path) -> Flask:
    app, own = Flask("bare"), threading.local()

    def file() -> sqlite3.Connection:
        if not hasattr(own, "file"):
            own.file = sqlite3.connect(path, isolation_level=None, timeout=30)
            own.file.execute("PRAGMA journal_mode=WAL")
            own.file.execute("PRAGMA synchronous=FULL")
        found: sqlite3.Connection = own.file
        return found

    file().execute("CREATE TABLE inbox (id INTEGER PRIMARY KEY, hash TEXT UNIQUE, body BLOB)")

    @app.post("/")
    def take() -> str:
        body = request.get_data()
        file().execute("BEGIN IMMEDIATE")
        file().execute("INSERT INTO inbox (hash, body) VALUES (?, ?)", (sha256(body).hexdigest(), body))
        file().execute("COMMIT")
        return "success"

    return app


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CALLBACKS)
