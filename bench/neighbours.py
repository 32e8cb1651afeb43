"""What others wait while somebody's sheet of 100,000 cards is uploaded and checked: the console as `./run` starts it, asked
over HTTP by four people who turn pages all the time.

    python -m bench.neighbours [rows]      100,000 if not said

Each page is asked for before, while the sheet is read and judged, and after; the ratio is of the medians, and of the
95th percentile, of "while" to before and after together.
"""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import requests

from bench.sheets import write
from tests.smoke import Person, attribute

PAGES = ("/", "/withdrawals/", "/cards/", "/withdrawals/?q=W2026", "/jobs/")
PEOPLE, CALM_S, LIMIT = 4, 20.0, 2.0
TOP = Path(__file__).resolve().parents[1]
ACCOUNT = "C880100231"


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "cards.xlsx", rows)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = os.environ | {"PAYDESK_DATA_DIR": str(folder / "data"), "PAYDESK_PORT": str(port)}
        with (folder / "log").open("wb") as log:
            console = subprocess.Popen([sys.executable, "-m", "app.cli", "up"], cwd=TOP, env=environment, stdout=log)
        try:
            while b"Ctrl-C" not in (folder / "log").read_bytes():
                assert console.poll() is None, "the console did not start"
                time.sleep(0.2)
            measure(f"http://127.0.0.1:{port}", folder)
        finally:
            console.send_signal(signal.SIGINT)
            console.wait(20)


def measure(base: str, folder: Path) -> None:
    people = {it["username"]: it["password"] for it in json.loads((folder / "data" / "demo-accounts.json").read_text())}
    clerk, other = (Person(base, name, people[name]) for name in ("wangfang", "zhangwei"))
    if f"/channels/{ACCOUNT}/claim" in clerk.get("/").text:
        clerk.submit("/", f"/channels/{ACCOUNT}/claim")
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    phase, over = ["calm"], threading.Event()

    def turn_pages(first: int) -> None:
        http = requests.Session()
        http.trust_env = False
        http.cookies.update(other.http.cookies)
        step = first
        while not over.wait(0.1):
            path = PAGES[step % len(PAGES)]
            step, now, begun = step + 1, phase[0], time.perf_counter()
            answer = http.get(base + path, timeout=60)
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
            found[now, path].append(time.perf_counter() - begun)

    readers = [threading.Thread(target=turn_pages, args=(it,)) for it in range(PEOPLE)]
    for reader in readers:
        reader.start()
    try:
        time.sleep(CALM_S)
        phase[0], begun = "busy", time.perf_counter()
        page = upload(clerk, folder / "cards.xlsx")
        sent = time.perf_counter() - begun
        while "every 3s" in page.text:  # the page looks again by itself while the sheet is being checked
            time.sleep(0.5)
            page = clerk.get(page.url.removeprefix(base))
        took = time.perf_counter() - begun
        phase[0] = "calm"
        time.sleep(CALM_S)
    finally:
        over.set()
        for reader in readers:
            reader.join()
    print(f"uploaded in {sent:.1f} s, checked in {took:.1f} s")
    print(f"{'page':28}{'calm ms':>9}{'busy ms':>9}{'ratio':>7}{'calm p95':>10}{'busy p95':>10}{'ratio':>7}  asked")
    for path in PAGES:
        calm, busy = found["calm", path], found["busy", path]
        row = [statistics.median(calm), statistics.median(busy), p95(calm), p95(busy)]
        verdict = "holds" if row[1] <= row[0] * LIMIT else "BROKEN"
        print(
            f"{path:28}{row[0] * 1000:9.0f}{row[1] * 1000:9.0f}{row[1] / row[0]:7.2f}{row[2] * 1000:10.0f}"
            f"{row[3] * 1000:10.0f}{row[3] / row[2]:7.2f}  {len(calm)}+{len(busy)}  {verdict} (limit {LIMIT})"
        )


def upload(clerk: Person, path: Path) -> requests.Response:
    page = clerk.get(f"/card-uploads/new?account={ACCOUNT}")
    form = next(it for it in re.findall(r"<form.*?</form>", page.text, re.S) if 'type="file"' in it)
    tags = re.findall(r"<input[^>]*>", form)
    fields = {attribute(tag, "name"): attribute(tag, "value") for tag in tags if 'type="hidden"' in tag}
    with path.open("rb") as file:
        answer = clerk.http.post(f"{clerk.base}/card-uploads/", data=fields, files={"file": file}, timeout=60)
    assert answer.status_code == 200, answer.status_code
    return answer


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
