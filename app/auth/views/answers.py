"""What the doors of this room answer with: where `next` may lead, an error in words."""

from urllib.parse import urlsplit

from flask import current_app, render_template, request
from werkzeug.exceptions import HTTPException

from app.auth import rules
from app.runtime.page import is_fragment


def known_path(text: str) -> str | None:
    """Where `next` may lead: a page of this house that can be read, and not back to its door."""
    path = rules.own_path(text)
    if path is None:
        return None
    try:
        endpoint, _arguments = current_app.url_map.bind("localhost").match(urlsplit(path).path, method="GET")
    except HTTPException:
        return None
    return None if endpoint.startswith("auth.") else path


def tell(status: int, *, title: str = "", message: str = "", advice: str = "") -> tuple[str, int]:
    """An error in words: a page, or for htmx the fragment that it swaps in."""
    template = "errors/_fragment.html" if is_fragment() else f"errors/{status}.html"
    return render_template(template, status=status, title=title, message=message, advice=advice), status


def changes_something() -> bool:
    return request.method not in ("GET", "HEAD", "OPTIONS")
