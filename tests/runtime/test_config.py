"""What production refuses to start with, and whom it believes about where a request comes from (SECURITY 2, 35)."""

import base64
import os
from collections.abc import Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from pydantic import ValidationError

from app import create_app
from app.auth.permissions import public
from app.config import Config, load, new_keys
from app.runtime.db import db

SECRET = "r4nD0m-Zq8LwXkP2vTjY7uB9cMhF3gNs"
GOOD: dict[str, Any] = {
    "env": "production",
    "secret_key": SECRET,
    "field_keys": "k1:" + base64.b64encode(bytes(range(32))).decode(),
    "redis_url": "redis://redis:6379/0",
    "trusted_hosts": "pay.example.com",
    "trusted_proxies": 1,
}


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine's environment says about Paydesk does not count here."""
    for name in [*(name for name in os.environ if name.startswith("PAYDESK_")), "FLASK_DEBUG"]:
        monkeypatch.delenv(name, raising=False)


def test_production_starts_when_everything_is_said() -> None:
    assert Config(**GOOD).behind_tls
    for _ in range(50):
        keys = {name.removeprefix("PAYDESK_").lower(): value for name, value in new_keys().items()}
        Config(**{**GOOD, **keys})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"secret_key": "short"}, "at least 32 characters"),
        ({"secret_key": SECRET[:31]}, "at least 32 characters"),
        ({"secret_key": "x" * 64}, "can be guessed"),
        ({"secret_key": "changeme" * 8}, "can be guessed"),
        ({"secret_key": "please-CHANGE-this-before-going-live-0123456789"}, "can be guessed"),
        ({"secret_key": "tests-only-secret-tests-only-secret-tests"}, "can be guessed"),
        ({"secret_key": "paydesk-production-key-2026-11-21-abc"}, "can be guessed"),
        ({"field_keys": "k1:" + base64.b64encode(b"1" * 32).decode()}, "can be guessed"),
        ({"field_keys": ""}, "at least one key"),
        ({"trusted_hosts": ""}, "PAYDESK_TRUSTED_HOSTS"),
        ({"redis_url": ""}, "PAYDESK_REDIS_URL"),
        ({"demo": True}, "PAYDESK_DEMO"),
        ({"trusted_proxies": None}, "trusted_proxies"),
        ({"trusted_proxies": -1}, "trusted_proxies"),
        ({"trusted_proxies": 10}, "trusted_proxies"),
        ({"trusted_proxies": "all"}, "trusted_proxies"),
    ],
)
def test_production_refuses(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as problem:
        Config(**{**GOOD, **said})
    assert SECRET not in str(problem.value)


def test_production_must_say_how_many_proxies_there_are_even_if_there_is_none() -> None:
    silent = {name: value for name, value in GOOD.items() if name != "trusted_proxies"}
    with pytest.raises(ValidationError, match="PAYDESK_TRUSTED_PROXIES"):
        Config(**silent)
    assert Config(**silent, trusted_proxies=0).trusted_proxies == 0


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_production_does_not_debug(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FLASK_DEBUG", value)
    with pytest.raises(ValidationError, match="FLASK_DEBUG"):
        Config(**GOOD)


def test_the_environment_says_the_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {**GOOD, "data_dir": tmp_path}.items():
        monkeypatch.setenv(f"PAYDESK_{name.upper()}", str(value))
    assert load().trusted_proxies == 1
    monkeypatch.delenv("PAYDESK_TRUSTED_PROXIES")
    with pytest.raises(SystemExit, match="PAYDESK_TRUSTED_PROXIES must say"):
        load()


# Whom we believe


FORGED = {
    "X-Forwarded-For": "203.0.113.66, 198.51.100.7",
    "X-Forwarded-Proto": "http, https",
    "X-Forwarded-Host": "evil.example, pay.example.com",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "666",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Any]:
    """Makes a console behind so many proxies, with a page that tells where the request seems to come from."""
    made: list[Flask] = []

    def behind(**said: Any) -> Flask:
        app = create_app(Config(data_dir=tmp_path, **{**GOOD, **said}))
        made.append(app)

        @app.get("/t/whence")
        @public
        def whence() -> str:
            return f"{request.remote_addr} {request.scheme} {request.host} {request.script_root or '-'}"

        return app

    yield behind
    for app in made:
        with app.app_context():
            db.engine.dispose()


def whence(app: Flask, headers: dict[str, str]) -> str:
    at = {"base_url": "http://pay.example.com", "environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
    answer = Context().run(app.test_client().get, "/t/whence", headers=headers, **at)
    return answer.text if answer.status_code == 200 else str(answer.status_code)


@pytest.mark.parametrize("env", ["production", "local"])
def test_without_proxies_nobody_is_believed(house: Any, env: str) -> None:
    assert whence(house(trusted_proxies=0, env=env), FORGED) == "10.0.0.1 http pay.example.com -"


def test_with_one_proxy_only_what_it_added_itself_is_believed(house: Any) -> None:
    app = house(trusted_proxies=1)
    assert whence(app, FORGED) == "198.51.100.7 https pay.example.com -"
    assert whence(app, {}) == "10.0.0.1 http pay.example.com -"


def test_with_two_proxies_the_outer_one_is_believed_and_nobody_before_it(house: Any) -> None:
    app = house(trusted_proxies=2)
    through_both = {
        "X-Forwarded-For": "203.0.113.66, 198.51.100.7, 10.0.0.2",
        "X-Forwarded-Proto": "gopher, https, http",
        "X-Forwarded-Host": "evil.example, pay.example.com, inner",
    }
    assert whence(app, through_both) == "198.51.100.7 https pay.example.com -"
    # Whoever comes past a proxy has not enough addresses to be believed.
    assert whence(app, {"X-Forwarded-For": "203.0.113.66"}) == "10.0.0.1 http pay.example.com -"


def test_a_forged_host_is_refused_and_never_used(house: Any) -> None:
    assert whence(house(trusted_proxies=1), {"X-Forwarded-Host": "evil.example"}) == "400"
    assert whence(house(trusted_proxies=0), {"X-Forwarded-Host": "evil.example"}) == "10.0.0.1 http pay.example.com -"
