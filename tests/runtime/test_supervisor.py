"""Real processes, killed for real. Nothing here sleeps a fixed time: it waits for what must come, with a deadline."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from redis import Redis

from app.runtime import embedded, supervisor

# The supervisor by itself: loading the whole house for each test would take longer than all of them.
SUPERVISE = f"""
import importlib.util, os, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("supervisor", {supervisor.__file__!r})
supervisor = sys.modules["supervisor"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(supervisor)

diary = Path("diary")
def child(name, code, **more):
    return supervisor.Child(name, [sys.executable, "-c", code, name], os.environ, **more)
def is_in_diary(words):
    return diary.exists() and words in diary.read_text()

try:
    with supervisor.Supervisor(Path("log"), cwd=Path.cwd()) as house:
        SCRIPT
except supervisor.Asked:
    sys.exit(0)
except supervisor.Broken as problem:
    sys.exit(str(problem))
"""

WORKS = """
import os, signal, sys, time
def write(words):
    with open("diary", "a") as diary:
        diary.write(f"{sys.argv[1]} {words}\\n")
def end(*_):
    write("was asked")
    sys.exit()
signal.signal(signal.SIGTERM, end)
write(f"lives as {os.getpid()}")
while True:
    time.sleep(100)
"""
STUBBORN = WORKS.replace("    sys.exit()", "    pass")
WITH_A_HORSE = WORKS.replace('write(f"lives', 'os.fork() or os.setpgrp()\nwrite(f"lives')
DIES = "print('there is no more paper'); raise SystemExit(0)"


class Supervised:
    """A supervisor in a process of its own, running `script` in an empty folder."""

    def __init__(self, folder: Path, script: str) -> None:
        self.folder = folder
        programs = {"WORKS": WORKS, "STUBBORN": STUBBORN, "WITH_A_HORSE": WITH_A_HORSE, "DIES": DIES}
        code = "\n".join([f"{name} = {text!r}" for name, text in programs.items()])
        script = script.strip().replace("\n", "\n        ")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code + SUPERVISE.replace("SCRIPT", script)],
            cwd=folder,
            stdout=subprocess.PIPE,  # not a terminal, as under cron or a log collector
            stderr=subprocess.PIPE,
            text=True,
        )

    def diary(self) -> list[str]:
        path = self.folder / "diary"
        return path.read_text().splitlines() if path.exists() else []

    def lives(self, name: str) -> list[int]:
        """Every process that ever lived under this name, in order."""
        return [int(line.split()[-1]) for line in self.diary() if line.startswith(f"{name} lives as")]

    def once_alive(self, *names: str) -> list[int]:
        until(lambda: all(self.lives(name) for name in names))
        return [self.lives(name)[0] for name in names]

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Supervised]]:
    started: list[Supervised] = []

    def begin(script: str) -> Supervised:
        started.append(Supervised(tmp_path, script))
        return started[-1]

    yield begin
    for it in started:
        it.process.kill()
        it.process.communicate()


def test_a_child_killed_by_force_lives_again(run: Callable[[str], Supervised]) -> None:
    it = run("house.start(child('web', WORKS)); house.watch()")
    [first] = it.once_alive("web")
    os.kill(first, signal.SIGKILL)
    until(lambda: len(it.lives("web")) == 2)
    assert is_alive(it.lives("web")[1])
    assert not is_alive(first)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a warm child is an ordinary one")
def test_a_warm_child_has_what_is_imported_and_is_a_process_like_any_other(run: Callable[[str], Supervised]) -> None:
    it = run("""
sys.imported_before = "yes"
warm = "assert sys.imported_before == 'yes' and os.environ == {'ONLY': 'this'}"
house.once(supervisor.Child("asks", [sys.executable, "-c", "import os, sys; " + warm], {"ONLY": "this"}, warm=True))
house.start(child("web", "print('here')\\n" + WORKS, warm=True)); house.watch()
""")
    [first] = it.once_alive("web")
    assert Path(f"/proc/{first}/cmdline").read_bytes().startswith(b"python\0-c\0")
    until(lambda: (it.folder / "log" / "web.log").read_text() == "here\n")  # not only when it ends
    os.kill(first, signal.SIGKILL)
    until(lambda: len(it.lives("web")) == 2)
    it.process.send_signal(signal.SIGINT)
    assert it.end() == (0, "")
    assert it.diary()[-1] == "web was asked"
    assert not is_alive(it.lives("web")[1])


def test_a_warm_child_that_fails_says_why(run: Callable[[str], Supervised]) -> None:
    it = run("""
house.once(supervisor.Child("migrate", [sys.executable, "-c", "raise KeyError('no such table')"], {}, warm=True))
""")
    code, said = it.end()
    assert code == 1
    assert "KeyError: 'no such table'" in said


def test_start_waits_until_a_child_is_ready(run: Callable[[str], Supervised]) -> None:
    it = run("""
house.start(child("web", WORKS, ready=lambda: is_in_diary("web lives")))
assert is_in_diary("web lives")
""")
    assert it.end() == (0, "")


def test_what_runs_once_has_ended_before_it_goes_on(run: Callable[[str], Supervised]) -> None:
    it = run("""
house.start(child("redis", WORKS, ready=lambda: is_in_diary("redis lives")))
house.once(child("migrate", "open('diary', 'a').write('migrate is done')"))
assert is_in_diary("migrate is done")
""")
    assert it.end() == (0, "")


def test_what_runs_once_and_fails_stops_everything_and_shows_its_last_lines(run: Callable[[str], Supervised]) -> None:
    it = run("""
house.start(child("redis", WORKS, ready=lambda: is_in_diary("redis lives")))
house.once(child("migrate", "raise SystemExit('no such table: withdrawal')"))
""")
    code, said = it.end()
    assert code == 1
    assert "migrate failed with 1" in said
    assert "no such table: withdrawal" in said
    assert not is_alive(it.lives("redis")[0])


def test_a_child_that_dies_again_and_again_stops_everything_and_shows_its_last_lines(
    run: Callable[[str], Supervised],
) -> None:
    it = run("house.start(child('redis', WORKS), child('worker', DIES)); house.watch()")
    code, said = it.end()
    assert code == 1
    assert "worker ended 5 times, lastly with 0" in said
    assert said.count("there is no more paper") == 5
    assert not any(is_alive(pid) for pid in it.lives("redis"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_stops_in_its_order_each_asked_once(
    run: Callable[[str], Supervised], number: signal.Signals
) -> None:
    it = run("""
house.start(child("redis", WORKS, stops=9), child("worker", WORKS, stops=3), child("web", WORKS, stops=2),
            child("clock", WORKS, stops=1))
house.watch()
""")
    pids = it.once_alive("clock", "web", "worker", "redis")
    it.process.send_signal(number)
    assert it.end() == (0, "")
    asked = [line.split()[0] for line in it.diary() if line.endswith("was asked")]
    assert asked == ["clock", "web", "worker", "redis"]
    assert not any(is_alive(pid) for pid in pids)


def test_who_does_not_listen_is_killed_and_all_is_over_within_five_seconds(run: Callable[[str], Supervised]) -> None:
    it = run("""
house.start(child("web", STUBBORN, stops=1, killed_after_s=0.3), child("redis", STUBBORN, stops=9, killed_after_s=0.6))
house.watch()
""")
    pids = it.once_alive("web", "redis")
    began = time.monotonic()
    it.process.terminate()
    assert it.end() == (0, "")
    assert time.monotonic() - began < 5
    assert not any(is_alive(pid) for pid in pids)


def test_asking_a_second_time_kills_at_once(run: Callable[[str], Supervised]) -> None:
    it = run("house.start(child('web', STUBBORN, killed_after_s=600)); house.watch()")
    [pid] = it.once_alive("web")
    it.process.send_signal(signal.SIGINT)
    until(lambda: "web was asked" in it.diary())
    it.process.send_signal(signal.SIGINT)
    assert it.end() == (0, "")
    assert not is_alive(pid)


def test_what_a_dead_child_leaves_behind_dies_too(run: Callable[[str], Supervised]) -> None:
    it = run("house.start(child('worker', WITH_A_HORSE)); house.watch()")
    until(lambda: len(it.lives("worker")) == 2)
    parent, horse = sorted(it.lives("worker"), key=lambda pid: os.getsid(pid) != pid)
    os.kill(parent, signal.SIGKILL)
    until(lambda: not is_alive(horse))
    until(lambda: len(it.lives("worker")) == 4)
    it.process.terminate()
    assert it.end() == (0, "")
    assert not any(is_alive(pid) for pid in it.lives("worker"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_nothing_outlives_a_supervisor_killed_by_force(run: Callable[[str], Supervised]) -> None:
    it = run("house.start(child('web', WORKS), child('redis', WORKS)); house.watch()")
    pids = it.once_alive("web", "redis")
    it.process.kill()
    until(lambda: not any(is_alive(pid) for pid in pids))


@pytest.mark.parametrize("depth", ["short", "long/" * 40], ids=["a short path", "a path too long for a socket"])
def test_the_embedded_redis_answers_on_a_private_socket_and_keeps_what_it_has(tmp_path: Path, depth: str) -> None:
    data_dir = tmp_path / "mit Leerzeichen" / depth
    data_dir.mkdir(parents=True)
    address = embedded.url(data_dir)
    with supervisor.Supervisor(tmp_path / "log", cwd=tmp_path) as house:
        house.start(embedded.server(data_dir))
        with Redis.from_url(address) as client:
            client.set("kept", "yes")
            assert client.config_get("port") == {"port": "0"}
    assert not embedded.answers(data_dir)
    with supervisor.Supervisor(tmp_path / "log", cwd=tmp_path) as house:
        house.start(embedded.server(data_dir))
        with Redis.from_url(address) as client:
            assert client.get("kept") in (b"yes", "yes")
    if depth != "short":
        Path(unquote(urlsplit(address).path)).parent.rmdir()


def until(comes_true: Callable[[], bool], within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while not comes_true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """A zombie is not: it only waits for somebody to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
