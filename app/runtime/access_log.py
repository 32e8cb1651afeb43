"""What gunicorn may write down of a request: `--logger-class app.runtime.access_log.AccessLog` (SECURITY 28).

Addresses of pages carry what people typed and what lets them in: card numbers are masked, one-time tokens left out, in
whatever spelling they came. Headers and the environment (cookies, API keys) are in no line, whatever format is asked for.
"""

from typing import Any
from urllib.parse import quote, unquote_plus

from gunicorn.glogging import Logger

from app.runtime import log

_SPELT = 5
"""How often an address may have been encoded anew: `next=` holds a path, which holds a query."""
_SAFE = "/?&=#:*,;@!$'()"


class AccessLog(Logger):  # type: ignore[misc]
    """Gunicorn's own logs, fit to be kept."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        found = super().atoms(resp, req, environ, request_time)
        named = {name: value for name, value in found.items() if not name.startswith("{")}
        method, _, rest = named["r"].partition(" ")
        address, _, protocol = rest.rpartition(" ")
        path = (named["U"] or "").encode("latin-1", "replace").decode(errors="replace")  # as WSGI hands it over
        fits = {"U": fit(path), "q": fit(named["q"] or ""), "f": fit(named["f"]), "a": log.fit(named["a"])}
        return named | fits | {"r": f"{method} {fit(address)} {protocol}"}

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Its words quote the address of the request that failed."""
        super().exception(msg, *(fit(it) if isinstance(it, str) else it for it in args), **kwargs)


def fit(address: str) -> str:
    """An address without card numbers and one-time tokens, however they are spelt. One with neither stays as it came."""
    levels = [address]
    while len(levels) <= _SPELT and (plain := unquote_plus(levels[-1])) != levels[-1]:
        levels.append(plain)
    masked = [log.fit(level) for level in levels]
    if masked == levels and address.isprintable():
        return address
    # In one word again: a line break that was hidden in it must not begin a line of the log.
    return quote(masked[-1], safe=_SAFE) if masked[-1] != levels[-1] or masked == levels else "***"
