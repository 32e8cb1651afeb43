"""The one module that speaks HTTP to the outside (SECURITY 41, 42).

TLS verified, no redirects, no proxies from the environment, bounded time and size. A name is resolved once, every
address of it is checked, and the connection goes to a checked address. What happened is told exactly: `NotSent` means
that not a byte of the request left this machine; everything else is `Unanswered` and may have arrived.
"""

import io
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.connection import allowed_gai_family

from app.config import config
from app.kernel.errors import Text, gettext_noop
from app.runtime.db import let_go

CONNECT_S = 5.0
READ_S = 10.0
TOTAL_S = 25.0
LARGEST_ANSWER = 1024 * 1024
_LARGEST_ON_THE_WIRE = 2 * LARGEST_ANSWER
"""Status lines, headers and the framing of chunks come on top of the answer."""
_UNICAST_V6 = ipaddress.ip_network("2000::/3")


class _Wire(threading.local):
    """What the request under way in this thread may still take, and whether a byte of it has left."""

    touched = False
    deadline = 0.0
    read_s = READ_S
    received = 0

    def begin(self, read_s: float) -> None:
        self.touched, self.received, self.read_s = False, 0, read_s
        self.deadline = time.monotonic() + TOTAL_S

    def wait_at_most(self, seconds: float) -> float:
        """How long one wait may last: what is asked for, or what is left of the whole. TimeoutError when nothing is."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(seconds, left)


_wire = _Wire()


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
    _wire.begin(read_s)
    try:
        response = _pools().urlopen(
            method,
            url,
            body=body or None,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=CONNECT_S, read=read_s),
            preload_content=False,
        )
        try:
            chunks, size = [], 0
            for chunk in response.stream(16 * 1024, decode_content=True):
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    raise _TooLarge
                chunks.append(chunk)
        except BaseException:
            response.close()  # what was not read to its end is no connection for the next one
            raise
        response.release_conn()
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, lowered, b"".join(chunks))
    except (OSError, HTTPError, HTTPException, ValueError) as problem:
        raise (Unanswered if _wire.touched else NotSent)(_plain(problem)) from problem


def objection(url: str, *, query: bool = False) -> Text | None:
    """Why this can be no address of ours to call; None: no reason is known yet. `query`: it may carry one.

    Names are not looked up here: an address is checked when it is called, each time, and a look-up now would prove nothing
    about the one then.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return gettext_noop("不是网址")
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or re.search(r"[\s\\]", url):
        return gettext_noop("不是网址：要以 https:// 开头")
    if parts.username is not None or parts.password is not None:
        return gettext_noop("网址里不能带用户名或密码")
    if not query and (parts.query or "?" in url):
        return gettext_noop("网址里不能带 ? 或 #：接口的路径由渠道协议补上")
    if parts.fragment or "#" in url:
        return gettext_noop("网址里不能带 #")
    try:
        if parts.scheme == "http" and not _is_listed(host, port or 80):
            return _UNENCRYPTED
        _check(host, port or (443 if parts.scheme == "https" else 80), "127.0.0.1" if host == "localhost" else host)
    except _NotAllowed:
        return _FORBIDDEN
    except ValueError:
        return None  # a name
    return None


_UNENCRYPTED = gettext_noop("未加密的接口地址只能用于列出的内部目标")
_FORBIDDEN = gettext_noop("接口地址指向不允许访问的网络")


class _TooLarge(OSError):
    pass


class _NotAllowed(OSError):
    """Its words are for people."""


def _plain(problem: Exception) -> str:
    """The cause in a few words, without addresses of ours or the request's content."""
    cause: BaseException = problem
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    if isinstance(cause, _NotAllowed):
        return str(cause)
    if isinstance(cause, _TooLarge):
        return gettext_noop("答复超过 1 MiB")
    if isinstance(cause, TimeoutError):
        return gettext_noop("规定时间内没有答复") if _wire.touched else gettext_noop("规定时间内没有连上")
    what = gettext_noop("连接中断，没有完整的答复") if _wire.touched else gettext_noop("没有连上对方")
    if isinstance(cause, ValueError) and not isinstance(cause, OSError):  # it quotes what could not be read
        return f"{what}：{type(cause).__name__}"
    return f"{what}：{type(cause).__name__}: {cause}"[:200]


def _check(host: str, port: int, address: str) -> None:
    """Private, local and special ranges are refused unless they are listed for this host and port.

    Of IPv6 only global unicast is left: what maps, translates or tunnels IPv4 (v4-mapped, NAT64, 6to4) may lead anywhere.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    fine = ip.is_global and not ip.is_multicast
    if isinstance(ip, ipaddress.IPv6Address):
        fine = fine and ip in _UNICAST_V6 and ip.sixtofour is None
    if not fine and not _is_listed(host, port):
        raise _NotAllowed(_FORBIDDEN)


def _is_listed(host: str, port: int) -> bool:
    listed = config().callable_private_targets
    return f"{host}:{port}" in listed or f"{host}:*" in listed


class _InTime(io.RawIOBase):
    """The bytes of an answer as they come. However they trickle, the deadline and the largest size hold for all of them."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._file = sock, sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_wire.wait_at_most(_wire.read_s))
        count: int | None = self._file.readinto(buffer)
        _wire.received += count or 0
        if _wire.received > _LARGEST_ON_THE_WIRE:
            raise _TooLarge
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock))


class _Checked:
    """Resolve once, check all addresses, connect to a checked one; note when the first byte of a request leaves."""

    host: str
    port: int
    timeout: Any
    sock: Any
    response_class: Any = _Response

    def _new_conn(self) -> socket.socket:
        found = socket.getaddrinfo(self.host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        for *_, address in found:
            _check(self.host, self.port, str(address[0]))
        last: OSError | None = None
        for family, kind, protocol, _name, address in found:
            patience = _wire.wait_at_most(CONNECT_S)
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(patience)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
            except OSError as problem:
                sock.close()
                last = problem
            else:
                return sock
        raise last or OSError("the name has no address")

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self.sock.settimeout(_wire.wait_at_most(_wire.read_s))
        _wire.touched = True
        super().send(data)  # type: ignore[misc]


class _CheckedHTTPConnection(_Checked, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        if not _is_listed(self.host, self.port or 80):
            raise _NotAllowed(_UNENCRYPTED)
        return super()._new_conn()


class _CheckedHTTPSConnection(_Checked, HTTPSConnection):
    pass


class _CheckedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTPConnection


class _CheckedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPSConnection


@cache
def _pools() -> PoolManager:
    """One a process, with a pool for each host inside. Not `requests`: around each call it costs as much as the call."""
    made = PoolManager(num_pools=64, maxsize=64, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())
    made.pool_classes_by_scheme = {"http": _CheckedHTTPPool, "https": _CheckedHTTPSPool}
    return made
