"""Starts processes, keeps them alive, stops them in order. Knows nothing of what they do.

One thread, on purpose: Linux sends a child its parent-death signal when the *thread* that started it ends.
"""

import ctypes
import io
import os
import runpy
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

READY_WITHIN_S = 60.0
DEATHS_TOO_MANY = 5
DEATHS_WITHIN_S = 30.0
FIRST_RESTART_AFTER_S = 0.1  # then twice as long each time
LONGEST_LOG = 5 * 1024 * 1024
LAST_LINES = 20

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Asked(Exception):
    """Somebody wants everything to stop."""


class Broken(Exception):
    """It cannot be started or kept running. The text is for people; where a child is to blame it ends with its last words."""


@dataclass(frozen=True)
class Child:
    """One process to keep alive. Lower `stops` stop first, equal ones together; `killed_after_s` counts from where the
    stopping began. A `warm` one is Python and wants what is imported here already: on Linux it is made by a fork that does
    what `argv` says, which spares it the seconds of importing, and otherwise by `argv` itself."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    warm: bool = False
    stops: int = 0
    killed_after_s: float = 4.5
    ready: Callable[[], bool] = lambda: True


@dataclass
class _Kept:
    child: Child
    log: Path
    pid: int
    log_begins: int
    returns: bool
    deaths: list[float] = field(default_factory=list)
    restart_at: float | None = None
    code: int | None = None


class Supervisor:
    """A `with` block: whatever it started has ended when the block is left, however it is left.

    SIGINT, SIGTERM and SIGHUP raise `Asked` out of the waiting methods; a further one while stopping kills at once.
    """

    def __init__(self, log_dir: Path, cwd: Path) -> None:
        self._log_dir, self._cwd = log_dir, cwd
        self._kept: dict[str, _Kept] = {}
        self._times_asked = 0
        self._stopping = False

    def __enter__(self) -> Self:
        self._log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakes, False)
        self._wakeup_before = signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        heard = {signal.SIGCHLD: lambda *_: None, signal.SIGINT: self._ask, signal.SIGTERM: self._ask}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup
            heard[signal.SIGHUP] = self._ask
        self._heard_before = {number: signal.signal(number, handler) for number, handler in heard.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        for number, handler in self._heard_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._woken)
        os.close(self._wakes)

    def start(self, *children: Child) -> None:
        """Start them side by side and wait until all are ready. Raises Broken when one cannot be."""
        for child in children:
            self._spawn(child)
        deadline = time.monotonic() + READY_WITHIN_S
        waiting = list(children)
        while waiting := [child for child in waiting if not child.ready()]:
            if time.monotonic() > deadline:
                raise Broken(self._last_words(waiting[0].name, f"was not ready within {READY_WITHIN_S:.0f} s"))
            self._nap(0.03)
            self._revive()

    def once(self, child: Child) -> None:
        """Run it to its end while keeping the others alive. Raises Broken when it fails."""
        kept = self._spawn(child, returns=True)
        while not _has_ended(kept):
            self._nap(1.0)
            self._revive()
        if code := _bury(kept):
            raise Broken(self._last_words(child.name, f"failed with {code}"))
        del self._kept[child.name]

    def watch(self) -> None:
        """Keep them alive until somebody asks to stop or one of them dies again and again."""
        while True:
            self._nap(self._revive())

    def _spawn(self, child: Child, *, returns: bool = False) -> _Kept:
        path = fresh_log(self._log_dir / f"{child.name}.log")
        path.touch(mode=0o600)
        with path.open("ab") as log:
            begins = log.tell()
            me = os.getpid()
            pid = os.fork()  # one thread, nothing half done: what is forked is whole
            if pid == 0:
                self._become(child, log.fileno(), me)
        kept = _Kept(child, path, pid, begins, returns)
        self._kept[child.name] = kept
        return kept

    def _become(self, child: Child, log: int, parent: int) -> NoReturn:
        """In the new process. Nothing may return from here into the supervisor's own affairs."""
        try:
            # A session of its own: Ctrl-C in the terminal reaches us alone. RQ takes a second signal for "drop it now".
            os.setsid()
            end_with(parent)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with open(os.devnull) as nothing:  # noqa: PTH123
                os.dup2(nothing.fileno(), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(self._cwd)
            env = dict(child.env)
            if child.warm and sys.platform == "linux":
                os.environ.clear()
                os.environ.update(env)
                if isinstance(sys.stdout, io.TextIOWrapper):
                    sys.stdout.reconfigure(line_buffering=True)  # or its last words would die with it
                _show_as(child.argv)
                _do_as_python_would(child.argv[1:])
            else:
                os.execve(child.argv[0], list(child.argv), env)  # noqa: S606  no shell is the point
        except SystemExit as end:
            _leave(end.code)
        except BaseException:  # noqa: BLE001  whatever it is, it ends here
            traceback.print_exc()
            _leave(1)
        _leave(0)

    def _revive(self) -> float:
        """Start the dead again, each after a growing pause. How long one may sleep until the next is due."""
        now = time.monotonic()
        pauses = [60.0]
        for kept in list(self._kept.values()):
            if kept.returns:
                continue
            if kept.restart_at is None and _has_ended(kept):
                code = _bury(kept)
                kept.deaths = [death for death in kept.deaths if now - death < DEATHS_WITHIN_S] + [now]
                if len(kept.deaths) >= DEATHS_TOO_MANY:
                    raise Broken(
                        self._last_words(kept.child.name, f"ended {len(kept.deaths)} times, lastly with {code}")
                    )
                kept.restart_at = now + FIRST_RESTART_AFTER_S * 2 ** (len(kept.deaths) - 1)
            if kept.restart_at is not None and kept.restart_at <= now:
                born = self._spawn(kept.child)
                born.deaths, born.log_begins = kept.deaths, kept.log_begins
            elif kept.restart_at is not None:
                pauses.append(kept.restart_at - now)
        return min(pauses)

    def _stop(self) -> None:
        """Ask once, wait, kill what stays; rank by rank. A child that is asked twice would drop the work in its hands."""
        self._stopping = True
        asked_before, began = self._times_asked, time.monotonic()
        by_rank = sorted(self._kept.values(), key=lambda kept: kept.child.stops)
        for _, rank in groupby(by_rank, key=lambda kept: kept.child.stops):
            group = [kept for kept in rank if kept.code is None]
            for kept in group:
                os.kill(kept.pid, signal.SIGTERM)  # not buried yet, so the id is still its own
            for kept in group:
                while not _has_ended(kept) and self._times_asked == asked_before:
                    left = began + kept.child.killed_after_s - time.monotonic()
                    if left <= 0:
                        break
                    self._nap(left)
                _bury(kept)
        self._kept.clear()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._times_asked += 1

    def _nap(self, at_most_s: float) -> None:
        """Sleep; a signal or the end of a child wakes us."""
        select.select([self._woken], [], [], at_most_s)
        with suppress(BlockingIOError):
            os.read(self._woken, 512)
        if self._times_asked and not self._stopping:
            raise Asked

    def _last_words(self, name: str, what: str) -> str:
        kept = self._kept[name]
        with kept.log.open("rb") as log:
            log.seek(kept.log_begins)
            lines = log.read()[-64 * 1024 :].decode(errors="replace").splitlines()[-LAST_LINES:]
        return "\n    ".join([f"{name} {what}. The end of {kept.log}:", *(lines or ["(nothing was written)"])])


def fresh_log(path: Path) -> Path:
    """A log that has grown long becomes `<name>.1`; one old one is kept."""
    if path.exists() and path.stat().st_size > LONGEST_LOG:
        path.rename(path.with_name(path.name + ".1"))
    return path


def end_with(parent: int) -> None:
    """Called in a new process: it is told to end when its parent dies, even by kill -9. Elsewhere than on Linux it lives on."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _do_as_python_would(arguments: Sequence[str]) -> None:
    match arguments:
        case ["-m", module, *rest]:
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *rest]:
            sys.argv = ["-c", *rest]
            exec(code, {"__name__": "__main__"})  # noqa: S102  our own words
        case [path, *rest]:
            sys.argv = [path, *rest]
            runpy.run_path(path, run_name="__main__")


def _show_as(argv: Sequence[str]) -> None:
    """What `ps` shows of a process is a piece of its own memory, which the fork copied: as long as ours was, and no longer."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, proc(5)
    words = "\0".join(["python", *argv[1:]]).encode()[: end - begin - 1]
    ctypes.memmove(begin, words.ljust(end - begin, b"\0"), end - begin)


def _leave(code: object) -> NoReturn:
    """As `sys.exit` would, but without taking apart the modules: that is the parent's memory and takes its time."""
    if isinstance(code, str):
        sys.stderr.write(code + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _has_ended(kept: _Kept) -> bool:
    """Without reaping it: until `_bury`, nobody else can get its id, which is also its session's."""
    return kept.code is not None or os.waitid(os.P_PID, kept.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _bury(kept: _Kept) -> int:
    """Kill what is left of its session, so that nothing works unwatched (a worker's work-horse, say); its exit code."""
    if kept.code is None:
        for pid in _session(kept.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        kept.code = os.waitstatus_to_exitcode(os.waitpid(kept.pid, 0)[1])
    return kept.code


def _session(leader: int) -> Iterable[int]:
    yield leader  # first: it can start no more
    proc = Path("/proc")
    for entry in proc.iterdir() if proc.exists() else ():
        if entry.name.isdigit() and int(entry.name) != leader:
            with suppress(ProcessLookupError):
                if os.getsid(int(entry.name)) == leader:
                    yield int(entry.name)
