"""What this process was told by its environment: one frozen object, refused when half-configured."""

import base64
import json
import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from flask import current_app
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_PORT = 8000
_LETTERS_OF_A_SECRET = 10
"""A random secret of 32 letters or bytes has more different ones; "changemechangeme…" and zeros have fewer."""
_WORDS_OF_A_DEFAULT = ("change", "secret", "default", "example", "password", "paydesk")
"""What people write where a secret belongs. Of ten million random secrets one has such a word in it."""


class Config(BaseSettings):
    """`PAYDESK_*` from the environment. Raises pydantic.ValidationError in words when something is missing or weak."""

    model_config = SettingsConfigDict(env_prefix="PAYDESK_", frozen=True, extra="ignore", hide_input_in_errors=True)

    data_dir: Path = Path("var")
    database_url: str = Field("", repr=False)  # both may carry a password
    redis_url: str = Field("", repr=False)
    secret_key: SecretStr
    field_keys: SecretStr
    """`id:base64,id:base64`: AES-256 keys of sealed fields; the first one seals, all of them open."""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    env: Literal["local", "production"] = "local"
    demo: bool = False
    sandbox_url: str = ""
    public_url: str = ""
    """Where people open the console, `https://pay.example.com`: with it what robots are told carries a link."""
    trusted_hosts: str = ""
    trusted_proxies: int = Field(0, ge=0, le=9)
    """How many proxies of ours stand in front, each adding to X-Forwarded-For, -Proto and -Host. 0: none is believed."""
    private_targets: str = ""
    """Addresses (`host:port`, comma separated) in private ranges that channels may be called at: the sandbox, mostly."""
    worker_threads: int = Field(16, ge=1, le=64)
    secure_cookies: bool = False
    journal_dir: Path | None = None
    """Where the send journal is kept; better on another disk than the database, and never restored together with it."""
    keep_bodies_days: int = Field(180, ge=30)
    """What was said to channels and what they sent us is kept word for word for so long (`paydesk retention`)."""

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, url: str) -> str:
        for plain in ("postgresql://", "postgres://"):
            if url.startswith(plain):
                return "postgresql+psycopg://" + url.removeprefix(plain)
        return url

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?/?", url):
            raise ValueError("an address like https://pay.example.com is wanted, without a path")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _refuse_weak_keys(self) -> Self:
        if len(self.secret_key.get_secret_value()) < 32:
            raise ValueError("PAYDESK_SECRET_KEY must have at least 32 characters; `./run` makes one by itself")
        if not self.sealing_keys:
            raise ValueError("PAYDESK_FIELD_KEYS must name at least one key")
        if self.env == "production" and self.demo:
            raise ValueError("the demo's accounts and sandbox do not belong into production: unset PAYDESK_DEMO")
        if self.env == "production":
            self._refuse_weak_production()
        return self

    def _refuse_weak_production(self) -> None:
        if not self.redis_url:
            raise ValueError("PAYDESK_REDIS_URL is needed in production")
        if not self.trusted_hosts:
            raise ValueError("PAYDESK_TRUSTED_HOSTS must name the hosts that production answers to")
        if "trusted_proxies" not in self.model_fields_set:
            raise ValueError("PAYDESK_TRUSTED_PROXIES must say how many proxies stand in front; 0 when there is none")
        secret = self.secret_key.get_secret_value()
        if len(set(secret)) < _LETTERS_OF_A_SECRET or any(word in secret.lower() for word in _WORDS_OF_A_DEFAULT):
            raise ValueError("PAYDESK_SECRET_KEY can be guessed; `openssl rand -base64 48` makes one")
        if any(len(set(key)) < _LETTERS_OF_A_SECRET for key in self.sealing_keys.values()):
            raise ValueError("PAYDESK_FIELD_KEYS names a key that can be guessed; `openssl rand -base64 32` makes one")
        if os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
            raise ValueError("FLASK_DEBUG does not belong into production: unset it")

    @property
    def journal_folder(self) -> Path:
        return self.journal_dir or self.data_dir / "journal"

    @cached_property
    def sealing_keys(self) -> dict[str, bytes]:
        """Key id → 32 bytes, the sealing one first."""
        keys = {}
        for item in filter(None, self.field_keys.get_secret_value().split(",")):
            name, _, text = item.partition(":")
            if not name or name in keys:
                raise ValueError("each of PAYDESK_FIELD_KEYS needs a name of its own")
            keys[name] = base64.b64decode(text, validate=True)
            if len(keys[name]) != 32:
                raise ValueError(f"field key {name} must have 32 bytes")
        return keys

    @property
    def sqlalchemy_url(self) -> str:
        return self.database_url or f"sqlite:///{(self.data_dir / 'paydesk.db').resolve()}"

    @property
    def behind_tls(self) -> bool:
        return self.env == "production" or self.secure_cookies

    @property
    def callable_private_targets(self) -> frozenset[str]:
        listed = [target.strip() for target in self.private_targets.split(",") if target.strip()]
        if self.demo and self.sandbox_url:
            listed.append(self.sandbox_url.split("://", 1)[-1].rstrip("/"))
        return frozenset(listed)


def load() -> Config:
    """From the environment; what is missing there is read from what the first start wrote into the data directory.

    So `paydesk check` works in a second terminal without a word about keys. Raises SystemExit in words.
    """
    data_dir = Path(os.environ.get("PAYDESK_DATA_DIR") or "var").expanduser()
    given: dict[str, Any] = {"data_dir": data_dir}
    for name in ("home.json", "keys.json"):
        if (data_dir / name).exists():
            kept = json.loads((data_dir / name).read_text())
            given |= {
                key.removeprefix("PAYDESK_").lower(): value for key, value in kept.items() if key not in os.environ
            }
    try:
        return Config(**given)
    except ValidationError as problem:
        missing = "; ".join(
            f"PAYDESK_{str(it['loc'][0]).upper()}: {it['msg']}" if it["loc"] else it["msg"] for it in problem.errors()
        )
        raise SystemExit(f"paydesk is not configured: {missing}") from None


def config() -> Config:
    """The configuration of the running application."""
    found = current_app.extensions["paydesk.config"]
    assert isinstance(found, Config)
    return found


def new_keys() -> dict[str, str]:
    """Fresh values for PAYDESK_SECRET_KEY and PAYDESK_FIELD_KEYS."""
    return {
        "PAYDESK_SECRET_KEY": secrets.token_urlsafe(48),
        "PAYDESK_FIELD_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    }
