"""What the doors of this room answer with: where `next` may lead, an error in words."""

from urllib.parse import urlsplit

from flask import current_app, render_template, request
from werkzeug.exceptions import HTTPException

from app.auth import rules
from app.auth.identity import language
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
    words = {"title": title, "message": message, "advice": advice}
    if not is_fragment():
        return render_template(f"errors/{status}.html", status=status, **words), status
    page = current_app.jinja_env.get_template(f"errors/{status}.html")
    for name, block in (("title", "words"), ("message", "told"), ("advice", "todo")):
        if not words[name] and block in page.blocks:
            words[name] = "".join(page.blocks[block](page.new_context({})))
    return render_template("errors/_fragment.html", status=status, **words), status


def changes_something() -> bool:
    return request.method not in ("GET", "HEAD", "OPTIONS")


def in_my_language(titles: tuple[str, str]) -> str:
    """A name that the house keeps in both."""
    return titles[rules.LANGUAGES.index(language())]
