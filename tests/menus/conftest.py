"""People at their browsers, and the menu as it stands in the frame of their page."""

import re
from collections.abc import Callable
from contextvars import Context
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from app.auth import service
from app.auth.identity import Actor
from app.auth.permissions import Role
from app.menus.models import MenuEntry
from app.runtime.db import db, transaction

PASSWORD = "correct horse battery staple"
ANY_PAGE = "/me/"
"""Open to whoever is signed in."""


class Person(FlaskClient):
    """Somebody at a browser. Every request gets a context of its own, as in production."""

    actor: Actor

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        db.session.rollback()
        return Context().run(super().open, *args, **kwargs)

    def menu(self) -> dict[str, str]:
        """Address and title of every line, in order."""
        return menu_on(self.get(ANY_PAGE))

    def does(self, path: str, **form: str) -> TestResponse:
        """Presses a button of a page of ours."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(ANY_PAGE).text)
        assert found
        return self.post(path, data={"csrf_token": found[1], **form})


def menu_on(answer: TestResponse) -> dict[str, str]:
    assert answer.status_code == 200
    side = re.search(r'<nav aria-label="(?:主菜单|Main menu)">(.*?)</nav>', answer.text, re.S)
    assert side, "this page has no menu"
    lines = re.findall(r'<a href="([^"]+)"[^>]*>.*?<span>(.*?)</span>', side[1], re.S)
    return {unescape(url): unescape(title) for url, title in lines}


def previewed(answer: TestResponse) -> list[str]:
    """The titles in the preview."""
    assert answer.status_code == 200
    found = re.search(r'<ul class="menu-preview"[^>]*>(.*?)</ul>', answer.text, re.S)
    return [unescape(it) for it in re.findall(r"<span>(.*?)</span>", found[1], re.S)] if found else []


Enter = Callable[..., Person]


@pytest.fixture
def enter(app: Flask) -> Enter:
    """Somebody new of this role, at a browser; in a room without a Redis, as in all these tests."""
    app.test_client_class = Person

    def enter(role: str, name: str = "") -> Person:
        name = name or f"one-{role}"
        service.create_operator(username=name, display_name=name, role=role, password=PASSWORD, actor="tests")
        token, actor = service.sign_in(name, PASSWORD, address="", user_agent="")
        person = app.test_client()
        assert isinstance(person, Person)
        person.actor = actor
        person.set_cookie("paydesk_session", token)
        return person

    return enter


@pytest.fixture
def keeper(enter: Enter) -> Person:
    """The administrator."""
    return enter(Role.ADMINISTRATOR, "keeper")


def entry_of(page: str) -> MenuEntry:
    db.session.rollback()
    return db.session.query(MenuEntry).filter_by(page=page).one()


def set_apart(page: str, **values: object) -> None:
    """What no page of ours can do to an entry."""
    with transaction():
        db.session.execute(update(MenuEntry).where(MenuEntry.page == page).values(**values))
