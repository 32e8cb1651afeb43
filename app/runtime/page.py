"""One template serves the page and its regions: a block's name is the region's id (and the `hx-target`)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from flask import current_app, make_response, render_template, request
from flask.wrappers import Response
from flask_babel import force_locale, gettext

from app.kernel import clock
from app.kernel.errors import Refused, Text

LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
"""The languages of the house as Babel calls them."""


def page(template: str, status: int = 200, /, **context: Any) -> Response:
    """Render the whole page, or only the region HTMX is about to replace. A history restore always gets the page."""
    assert "status" not in context, "the status stands by its place, or it would be a word for the template"
    source = current_app.jinja_env.get_template(template)
    region = _region()
    if region is not None and region in source.blocks:
        current_app.update_template_context(context)
        html = "".join(source.blocks[region](source.new_context(context)))
    else:
        html = render_template(template, **context)
    response = make_response(html, status)
    response.vary.update(["HX-Request", "HX-Target"])
    return response


def say(text: str) -> str:
    """A sentence of ours in the reader's language; what people and channels wrote is no Text, and said as it is.

    Among the values of a sentence, sentences are said the same way and times are shown as local time.
    """
    if not isinstance(text, Text):
        return text
    template = gettext(text.template) if text.template else ""
    values = {name: _say_value(value) for name, value in text.values.items()}
    return str(template % values if values else template)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Sentences of ours are said in this language, whoever reads: for what is sent to somebody."""
    with force_locale(LOCALES[language]):
        yield


def said(refused: Refused) -> list[str]:
    """Why not, and what to do about it, for the head of a form that keeps what was typed."""
    return [say(text) for text in (refused.text, refused.advice) if text]


def _say_value(value: object) -> object:
    if isinstance(value, datetime):
        return local(value)
    return say(value) if isinstance(value, Text) else value


def local(at: datetime | None) -> str:
    """2026-11-21 10:02:11 in business time."""
    return at.astimezone(clock.BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def is_fragment() -> bool:
    """Did htmx ask for a part of a page?"""
    return bool(request.headers.get("HX-Request")) and not request.headers.get("HX-History-Restore-Request")


def _region() -> str | None:
    """htmx 4 writes `HX-Target: section#rows`."""
    if not is_fragment():
        return None
    return request.headers.get("HX-Target", "").rpartition("#")[2] or None


class Ui:
    """ui.badge(...) calls the macro `badge` in templates/ui/badge.html; no template imports anything."""

    def __init__(self) -> None:
        self._macros: dict[str, Callable[..., str]] = {}

    def __getattr__(self, name: str) -> Callable[..., str]:
        if current_app.jinja_env.auto_reload:
            return self._load(name)
        if name not in self._macros:
            self._macros[name] = self._load(name)
        return self._macros[name]

    @staticmethod
    def _load(name: str) -> Callable[..., str]:
        macro: Callable[..., str] = getattr(current_app.jinja_env.get_template(f"ui/{name}.html").module, name)
        return macro
