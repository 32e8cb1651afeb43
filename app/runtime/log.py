"""Structured logs, one JSON object a line. Card numbers are masked and secrets are dropped before anything is written."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from app.kernel.bank_card import mask_runs

_NEVER = ("password", "secret", "token", "key", "card_number", "signature", "authorization", "cookie")
ONE_TIME = ("/activate/",)
"""Paths that end in what lets somebody in, once. A house test looks at every route that takes such a thing."""
_TOKEN = re.compile(rf"({'|'.join(map(re.escape, ONE_TIME))})[^/?#&\s\"']+")
_QUOTED_ROWS = re.compile(r"DETAIL:.*")  # PostgreSQL quotes the row that it refused, names and all


def set_up(level: int = logging.INFO) -> None:
    """Send everything, our own and the libraries', to standard error in one form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("rq.worker", "alembic.runtime.migration", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote what a channel sent


def get(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def fit(text: str) -> str:
    """Free text without card numbers and one-time tokens."""
    return _TOKEN.sub(r"\1***", mask_runs(text))


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if not name.startswith("_"):  # structlog's own
            event[name] = masked(name, value)
    return event


def masked(name: str, value: Any) -> Any:
    """Fit to be written, whatever it is wrapped in."""
    if any(word in name.lower() for word in _NEVER):
        return "…"
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping):
        return {str(inner): masked(str(inner), it) for inner, it in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked("", it) for it in value]
    text = value if isinstance(value, str) else str(value)
    plain = _QUOTED_ROWS.sub("DETAIL: …", fit(text))
    return value if isinstance(value, int) and plain == text else plain
