"""Speaking HTTP to strangers: what provably never left us, what may have arrived, and whom we do not call at all."""

import datetime
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask

from app import create_app
from app.config import Config
from app.runtime import http
from app.runtime.db import transaction
from tests.conftest import KEYS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """The other end of a wire: notes what came, then does what the test says with the open socket."""

    def __init__(self, answer: Callable[[socket.socket], None], wrap: Callable[[socket.socket], socket.socket]) -> None:
        self.heard: list[bytes] = []
        self.connections = 0
        self._answer, self._wrap = answer, wrap
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "/", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        self.over.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                wire, _address = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._one, args=(wire,), daemon=True).start()

    def _one(self, wire: socket.socket) -> None:
        with suppress(OSError), self._wrap(wire) as open_wire:
            while request := self._request(open_wire):
                self.heard.append(request)
                self._answer(open_wire)

    def _request(self, wire: socket.socket) -> bytes:
        text = b""
        while b"\r\n\r\n" not in text:
            more = wire.recv(65536)
            if not more:
                return b""
            text += more
        head, _, body = text.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += wire.recv(65536)
        return head + b"\r\n\r\n" + body


Peers = Callable[..., Peer]


@pytest.fixture
def peers() -> Iterator[Peers]:
    opened: list[Peer] = []

    def open_one(answer: Callable[[socket.socket], None] | bytes, wrap: Any = lambda wire: wire) -> Peer:
        says = (lambda wire: wire.sendall(answer)) if isinstance(answer, bytes) else answer
        opened.append(Peer(says, wrap))
        return opened[-1]

    yield open_one
    for peer in opened:
        peer.close()


def house_that_lists(tmp_path: Path, targets: str) -> Flask:
    return create_app(Config(data_dir=tmp_path, private_targets=targets, **KEYS))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Flask]:
    """One that may call this machine, as the demo's may call its sandbox."""
    app = house_that_lists(tmp_path, "127.0.0.1:*")
    with app.app_context():
        yield app


def send(url: str, *, body: bytes = b"pay", read_s: float = 5.0) -> http.Answer:
    return http.send("POST", url, body=body, headers={"Content-Type": "text/plain"}, read_s=read_s)


def closing(wire: socket.socket, data: bytes) -> None:
    wire.sendall(data)
    wire.shutdown(socket.SHUT_RDWR)


def resetting(wire: socket.socket) -> None:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.close()


# An answer


def test_an_answer_is_told_as_it_came(house: Flask, peers: Peers) -> None:
    peer = peers(b"HTTP/1.1 422 No\r\nX-Sign: a\r\nContent-Length: 4\r\n\r\n\x00\xffok")
    answer = send(peer.url("/pay?a=1"), body=b"amount=1")
    assert (answer.status, answer.headers["x-sign"], answer.body) == (422, "a", b"\x00\xffok")
    assert peer.heard[0].startswith(b"POST /pay?a=1 HTTP/1.1\r\n") and peer.heard[0].endswith(b"\r\n\r\namount=1")


def test_a_connection_is_kept_and_cookies_are_not(house: Flask, peers: Peers) -> None:
    peer = peers(b"HTTP/1.1 200 OK\r\nSet-Cookie: who=you; Path=/\r\nContent-Length: 0\r\n\r\n")
    for _ in range(3):
        send(peer.url())
    assert peer.connections == 1
    assert not any(b"cookie" in request.lower() for request in peer.heard)


def test_a_kept_connection_that_the_peer_closed_is_no_harm(house: Flask, peers: Peers) -> None:
    gone = threading.Event()

    def answer(wire: socket.socket) -> None:
        closing(wire, OK)
        wire.close()
        gone.set()

    peer = peers(answer)
    assert send(peer.url()).body == b"ok"
    assert gone.wait(5)
    assert send(peer.url()).body == b"ok"
    assert len(peer.heard) == 2


def test_a_chunked_answer_is_put_together(house: Flask, peers: Peers) -> None:
    peer = peers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n")
    assert send(peer.url()).body == b"abc"


def test_a_redirect_is_an_answer_like_others_and_is_not_followed(house: Flask, peers: Peers) -> None:
    target = peers(OK)
    peer = peers(f"HTTP/1.1 307 Go\r\nLocation: {target.url()}\r\nContent-Length: 0\r\n\r\n".encode())
    assert send(peer.url()).status == 307
    assert target.connections == 0


@pytest.mark.parametrize("where", ["http://[", "http://169.254.169.254/", "file:///etc/passwd", "//"])
def test_where_a_redirect_points_to_does_not_matter(house: Flask, peers: Peers, where: str) -> None:
    peer = peers(f"HTTP/1.1 302 Go\r\nLocation: {where}\r\nContent-Length: 2\r\n\r\nok".encode())
    assert send(peer.url()).body == b"ok"


# Not a byte left


def test_a_refused_port_is_not_sent(house: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(http.NotSent, match="refused"):
        send(f"http://127.0.0.1:{port}/")


def test_an_unknown_name_is_not_sent(house: Flask) -> None:
    with pytest.raises(http.NotSent):
        send("https://no-such-name.invalid/")


@pytest.mark.parametrize(
    "url", [f"https://{'a' * 64}.example/", "https://", "ftp://127.0.0.1/", "https://127.0.0.1:99999/", "nonsense"]
)
def test_an_address_that_is_none_is_not_sent(house: Flask, url: str) -> None:
    with pytest.raises(http.NotSent):
        send(url)


def test_a_header_that_cannot_be_written_is_not_sent_and_not_quoted(house: Flask, peers: Peers) -> None:
    peer = peers(OK)
    with pytest.raises(http.NotSent) as told:
        http.send("POST", peer.url(), body=b"", headers={"X-Name": "张三"})
    assert "张" not in str(told.value) and peer.heard == []


def test_a_peer_that_does_not_speak_tls_is_not_sent_to(house: Flask, peers: Peers) -> None:
    peer = peers(OK, lambda wire: (closing(wire, b"HTTP/1.1 400 Bad\r\n\r\n"), wire)[1])
    with pytest.raises(http.NotSent):
        send(peer.url(scheme="https"))


def test_a_certificate_nobody_vouches_for_is_not_sent_to(house: Flask, peers: Peers, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    peer = peers(OK, lambda wire: context.wrap_socket(wire, server_side=True))
    with pytest.raises(http.NotSent, match="certificate"):
        send(peer.url(scheme="https"))
    assert peer.heard == []


def test_names_with_many_silent_addresses_end_with_the_whole_time(
    house: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address has its own patience; together they have the whole time, or a send could begin minutes late."""
    monkeypatch.setattr(http, "TOTAL_S", 0.5)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = full.getsockname()[1]
    crowd = [socket.socket() for _ in range(8)]  # its queue is full: whoever comes now waits
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
    began = time.monotonic()
    with pytest.raises(http.NotSent, match="没有连上"):
        send(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < 3
    for one in (*crowd, full):
        one.close()


# It may have arrived


@pytest.mark.parametrize(
    "answer",
    [
        resetting,
        lambda wire: wire.shutdown(socket.SHUT_RDWR),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok"),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno"),
        lambda wire: closing(wire, b"SMTP ready\r\n"),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        lambda wire: closing(wire, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"),
    ],
    ids=[
        "reset", "closed", "half an answer", "half a chunk", "no chunk", "two lengths", "no gzip",
        "no HTTP", "many headers", "a long header",
    ],
)  # fmt: skip
def test_a_request_that_left_without_a_whole_answer_is_unanswered(
    house: Flask, peers: Peers, answer: Callable[[socket.socket], None]
) -> None:
    peer = peers(answer)
    with pytest.raises(http.Unanswered):
        send(peer.url())
    assert len(peer.heard) == 1, "and it is never sent again by itself"


def test_a_silent_peer_is_unanswered(house: Flask, peers: Peers) -> None:
    over = threading.Event()
    peer = peers(lambda _wire: over.wait(10) and None)
    with pytest.raises(http.Unanswered, match="没有答复"):
        send(peer.url(), read_s=0.2)
    over.set()


ENDLESS = {
    "a large body": b"HTTP/1.1 200 OK\r\n\r\n",
    "a large chunked body": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
    "a chunk's size without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    "a redirect with a large body": b"HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_more_than_one_mebibyte_is_unanswered(house: Flask, peers: Peers, kind: str) -> None:
    sent = 0

    def answer(wire: socket.socket) -> None:
        nonlocal sent
        wire.sendall(ENDLESS[kind])
        while sent < 64 * 1024 * 1024:
            sent += wire.send(b"x" * 65536)

    with pytest.raises(http.Unanswered, match=r"1 MiB|exceeded maximum"):
        send(peers(answer).url())
    assert sent < 32 * 1024 * 1024  # what the kernel's buffers took, not what we read


def test_a_small_answer_that_unpacks_to_a_large_one_is_unanswered(house: Flask, peers: Peers) -> None:
    packed = gzip.compress(b"\0" * 300 * 1024 * 1024)
    assert len(packed) < http.LARGEST_ANSWER
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with pytest.raises(http.Unanswered, match="1 MiB"):
        send(peers(head + packed).url())


TRICKLES = {
    "the status": b"HTTP/1.1 200 OK",
    "a header": b"HTTP/1.1 200 OK\r\nX: ",
    "the body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
    "a redirect": b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 100000\r\n\r\n",
}


@pytest.mark.parametrize("kind", TRICKLES)
def test_a_trickling_answer_ends_with_the_whole_time(
    house: Flask, peers: Peers, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes within the patience for one wait; without a whole time it would go on for days."""
    monkeypatch.setattr(http, "TOTAL_S", 0.6)
    pause = threading.Event()

    def answer(wire: socket.socket) -> None:
        wire.sendall(TRICKLES[kind])
        while not pause.wait(0.05):
            wire.sendall(b"1")

    began = time.monotonic()
    with pytest.raises(http.Unanswered, match="没有答复"):
        send(peers(answer).url(), read_s=5)
    assert time.monotonic() - began < 3
    pause.set()


# Whom we do not call


@pytest.mark.parametrize(
    "host",
    [
        "localhost",  # a name that leads to a private address
        "127.0.0.2",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",  # the metadata of clouds
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "2130706433",  # 127.0.0.1 as one number
        "0x7f.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2002:808:808::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fec0::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
    ],
)
def test_private_and_special_addresses_are_not_called(house: Flask, peers: Peers, host: str) -> None:
    peer = peers(OK)
    with pytest.raises(http.NotSent) as told:
        send(peer.url(scheme="https", host=host))
    assert "不允许" in str(told.value) or "Address family" in str(told.value) or "gaierror" in str(told.value)
    assert peer.connections == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "2400:3200::1"])
def test_public_addresses_may_be_called(house: Flask, address: str) -> None:
    http._check("channel.example", 443, address)


def test_a_listed_target_may_be_called_and_its_neighbour_not(tmp_path: Path, peers: Peers) -> None:
    listed, neighbour = peers(OK), peers(OK)
    with house_that_lists(tmp_path, f"localhost:{listed.port}").app_context():
        assert send(listed.url(host="localhost")).body == b"ok"
        for url in (neighbour.url(host="localhost"), listed.url()):
            with pytest.raises(http.NotSent):
                send(url)
    assert neighbour.connections == 0


def test_without_tls_only_listed_targets_are_called(house: Flask) -> None:
    with pytest.raises(http.NotSent, match="未加密"):
        send("http://channel.example/")


def test_no_proxy_of_the_environment_is_asked(house: Flask, peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, peer = peers(OK), peers(OK)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url())
    assert send(peer.url()).body == b"ok"
    assert proxy.connections == 0


def test_nobody_waits_on_the_outside_with_a_transaction_open(house: Flask, peers: Peers) -> None:
    peer = peers(OK)
    with pytest.raises(AssertionError, match="transaction"), transaction():
        send(peer.url())
    assert peer.connections == 0


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "peer.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
