"""The one module that speaks HTTP to the outside (SECURITY 41, 42).

TLS verified, no redirects, no proxies from the environment, bounded time and size. A name is resolved once, every
address of it is checked, and the connection goes to a checked address. What happened is told exactly: `NotSent` means
that not a byte of the request left this machine; everything else is `Unanswered` and may have arrived.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import allowed_gai_family

from app.config import config
from app.runtime.db import let_go

CONNECT_S = 5.0
READ_S = 10.0
TOTAL_S = 25.0
LARGEST_ANSWER = 1024 * 1024

_wire = threading.local()


class NotSent(Exception):
    """Not a byte of the request left us: name not found, refused, TLS failed, address not allowed."""


class Unanswered(Exception):
    """The request, or a part of it, left us, and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


def send(method: str, url: str, *, body: bytes, headers: Mapping[str, str], read_s: float = READ_S) -> Answer:
    """One request, one answer of at most 1 MiB within `TOTAL_S`. Raises NotSent or Unanswered; no transaction may be open."""
    let_go()
    _wire.touched = False
    deadline = time.monotonic() + TOTAL_S
    try:
        with _session().request(
            method,
            url,
            data=body,
            headers=dict(headers),
            timeout=(CONNECT_S, read_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            chunks, size = [], 0
            for chunk in response.iter_content(16 * 1024):
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    raise Unanswered("the answer is larger than 1 MiB")
                if time.monotonic() > deadline:
                    raise Unanswered(f"the answer took longer than {TOTAL_S:.0f} s")
                chunks.append(chunk)
            lowered = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, lowered, b"".join(chunks))
    except requests.RequestException as problem:
        reason = _plain(problem)
        raise (Unanswered if _wire.touched else NotSent)(reason) from problem


def _plain(problem: requests.RequestException) -> str:
    """The cause in a few words, without addresses of ours or the request's content."""
    if isinstance(problem, requests.ConnectTimeout):
        return "no connection within the time allowed"
    if isinstance(problem, requests.Timeout):
        return "no answer within the time allowed"
    cause: BaseException = problem
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    return f"{type(cause).__name__}: {cause}"[:200]


def _check(host: str, port: int, address: str) -> None:
    """Private, local and special ranges are refused unless they are listed for this host and port."""
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    for one in filter(None, (ip, mapped)):
        if (not one.is_global or one.is_multicast) and not _is_listed(host, port):
            raise NewConnectionError(None, f"{host} leads to an address that may not be called")  # type: ignore[arg-type]
    if ip.version == 6 and ip in ipaddress.ip_network("64:ff9b::/96"):
        raise NewConnectionError(None, f"{host} leads to an address that may not be called")  # type: ignore[arg-type]


def _is_listed(host: str, port: int) -> bool:
    listed = config().callable_private_targets
    return f"{host}:{port}" in listed or f"{host}:*" in listed


class _Checked:
    """Resolve once, check all addresses, connect to a checked one; note when the first byte of a request leaves."""

    host: str
    port: int
    timeout: Any
    sock: Any

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except OSError as problem:
            raise NewConnectionError(self, f"name not found: {problem}") from problem  # type: ignore[arg-type]
        for *_, address in found:
            _check(self.host, self.port, str(address[0]))
        last: OSError | None = None
        for family, kind, protocol, _name, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(CONNECT_S)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
            except OSError as problem:
                sock.close()
                last = problem
            else:
                return sock
        raise NewConnectionError(self, f"no connection: {last}") from last  # type: ignore[arg-type]

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        _wire.touched = True
        super().send(data)  # type: ignore[misc]


class _CheckedHTTPConnection(_Checked, HTTPConnection):
    pass


class _CheckedHTTPSConnection(_Checked, HTTPSConnection):
    pass


class _CheckedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTPConnection


class _CheckedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _CheckedHTTPPool, "https": _CheckedHTTPSPool}


_sessions: dict[str, requests.Session] = {}
_sessions_lock = threading.Lock()


def _session() -> requests.Session:
    """One pooled session a process; urllib3 keeps a pool per host inside."""
    with _sessions_lock:
        if "one" not in _sessions:
            session = requests.Session()
            session.trust_env = False
            adapter = _Adapter(pool_connections=64, pool_maxsize=64, max_retries=0)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            _sessions["one"] = session
        return _sessions["one"]
