"""`python -m app.sandbox --port 8100 --data var/sandbox.db`: prints its address, runs until it is told to stop."""

import argparse
import signal
import sys
import threading
from dataclasses import fields
from pathlib import Path

from app.sandbox.pace import Pace
from app.sandbox.postman import Postman
from app.sandbox.store import Store
from app.sandbox.web import create_app, serve


def main(arguments: list[str] | None = None) -> None:
    options = _options().parse_args(arguments)
    pace = Pace(**{item.name: getattr(options, item.name) for item in fields(Pace)})
    store = Store(options.data)
    postman = Postman(store, pace)
    server = serve(create_app(store, pace, postman, host=options.host), options.host, options.port)
    postman.start()
    for signum in (signal.SIGTERM, signal.SIGINT):
        # `shutdown` waits for the loop that this very thread is running.
        signal.signal(signum, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"sandbox: http://{options.host}:{server.server_port}/\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    postman.stop()
    store.close()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.sandbox", description="The third party of the demo.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; the address is printed")
    parser.add_argument("--data", type=Path, required=True, help="the SQLite file of this program alone")
    for item in fields(Pace):
        name = f"--{item.name.replace('_', '-')}"
        if item.name == "retry_waits_s":
            parser.add_argument(name, type=_waits, default=item.default, metavar="2,10,30")
        else:
            parser.add_argument(name, type=float, default=item.default)
    return parser


def _waits(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


if __name__ == "__main__":
    main()
