"""The browser lane: Debian's Chromium against the real console.

A page that writes an error, throws one or is stopped by the content security policy fails its test, whatever else it shows.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.console import Console
from tests.browser.people import People

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
]
RESULTS = Path(__file__).resolve().parents[2] / "test-results"
FAILED = pytest.StashKey[bool]()

expect.set_options(timeout=10_000)  # where a page must be quicker than that, its test says so


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if not Path(CHROMIUM).exists():
        absent = f"no Chromium at {CHROMIUM}: apt install chromium fonts-noto-cjk, or say where it is in CHROMIUM"
        pytest.fail(absent) if os.environ.get("CI") == "true" else pytest.skip(absent)
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "locale": "zh-CN",
        "timezone_id": "Asia/Shanghai",
        "viewport": {"width": 1440, "height": 900},
    }


@pytest.fixture(scope="session")
def console(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """Asks for the browser first: where there is none, nothing is started."""
    console = Console(tmp_path_factory.mktemp("console"))
    console.up()
    yield console
    console.down()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def people(
    request: pytest.FixtureRequest, browser: Browser, console: Console, browser_context_args: dict[str, Any]
) -> Iterator[People]:
    people = People(browser, console, browser_context_args)
    yield people
    people.leave(pictures=RESULTS / request.node.name if request.node.stash.get(FAILED, False) else None)
    assert people.unexpected == []


@pytest.fixture(scope="session")
def screens() -> Path:
    screens = RESULTS / "screens"
    screens.mkdir(parents=True, exist_ok=True)
    return screens
