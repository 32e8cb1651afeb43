"""The folder in which `./run` keeps everything."""

import socket
from pathlib import Path

import pytest

from app.runtime import home
from app.runtime.supervisor import Broken


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`configure` completes the environment of its process; each test has one without a word about Paydesk."""
    given = {name: value for name, value in home.os.environ.items() if not name.startswith("PAYDESK_")}
    monkeypatch.setattr(home.os, "environ", given)


def test_keys_are_made_once_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    first = home.configure(tmp_path, demo=False)
    home.os.environ.clear()
    assert home.configure(tmp_path, demo=False).sealing_keys == first.sealing_keys
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_keys_that_are_gone_are_not_replaced_where_data_was_sealed_with_them(tmp_path: Path) -> None:
    (tmp_path / "paydesk.db").touch()
    with pytest.raises(Broken, match=r"keys\.json is gone"):
        home.configure(tmp_path, demo=False)


def test_what_the_environment_says_wins(tmp_path: Path) -> None:
    home.os.environ["PAYDESK_REDIS_URL"] = "redis://elsewhere:6379/0"
    assert home.configure(tmp_path, demo=False).redis_url == "redis://elsewhere:6379/0"


def test_a_folder_serves_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "PATIENCE_S", 0)
    with home.only_one(tmp_path / "var") as data_dir:
        assert data_dir.stat().st_mode & 0o777 == 0o700
        with pytest.raises(Broken, match="already runs on"), home.only_one(data_dir):
            pass
    with home.only_one(data_dir):
        pass


def test_what_was_begun_without_the_demo_never_gets_it(tmp_path: Path) -> None:
    home.remember(home.configure(tmp_path, demo=False))
    home.os.environ.clear()
    assert not home.configure(tmp_path, demo=True).demo


def test_the_sandbox_keeps_its_port_unless_somebody_took_it(tmp_path: Path) -> None:
    first = home.configure(tmp_path, demo=True)
    home.remember(first)
    home.os.environ.clear()
    assert home.configure(tmp_path, demo=True).sandbox_url == first.sandbox_url
    home.os.environ.clear()
    with socket.create_server(("127.0.0.1", int(first.sandbox_url.rsplit(":", 1)[-1]))):
        assert home.configure(tmp_path, demo=True).sandbox_url != first.sandbox_url


def test_the_demo_is_settled_only_while_both_its_sides_stay_where_they_were(tmp_path: Path) -> None:
    config = home.configure(tmp_path, demo=True)
    home.remember(config)
    assert not home.is_settled(config)
    (tmp_path / home.ACCOUNTS).write_text("[]")
    (tmp_path / "paydesk.db").touch()
    assert home.is_settled(config)
    assert not home.is_settled(config.model_copy(update={"port": 8001}))
