"""A channel that pays at once: Egret's manner (RSA over JSON), every order SUCCESS, after a delay that is asked for.

A process of its own, as a channel is somebody else's machine. Started by the benchmarks; prints its address.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app.kernel import signing

MERCHANT = "BENCH1"


def envelope(order: dict[str, Any]) -> bytes:
    """What the channel says of an order: paid."""
    data = {
        "outTradeNo": order["outTradeNo"],
        "tradeNo": f"T{order['outTradeNo']}",
        "tradeAmount": order["tradeAmount"],
        "tradeState": "SUCCESS",
    }
    told = {"code": "OK", "msg": "", "merchantNo": MERCHANT, "data": data}
    return json.dumps(told, separators=(",", ":")).encode()


def signed(body: bytes, private_key: str) -> dict[str, str]:
    """The headers that prove a body of the channel."""
    timestamp = str(int(time.time() * 1000))
    signature = signing.rsa_sign(timestamp.encode() + b"\n" + body, private_key)
    return {"Egret-Timestamp": timestamp, "Egret-Signature": signature, "Content-Type": "application/json"}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def serve(delay_s: float, private_key: str) -> None:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave together

        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(delay_s)
            body = envelope(order)
            self.send_response(200)
            for name, value in (signed(body, private_key) | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Door)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


@contextmanager
def channel(delay_s: float, private_key: str) -> Iterator[str]:
    """Its address, while it runs."""
    command = [sys.executable, "-m", "bench.channel", str(delay_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(private_key)  # a command line is everybody's to read
        process.stdin.close()
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


if __name__ == "__main__":
    serve(float(sys.argv[1]), sys.stdin.read())
