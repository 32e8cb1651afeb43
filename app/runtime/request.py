"""The application, and what comes in to it, which stays in memory: an uploaded sheet never lies open in a temporary folder
(SECURITY 40)."""

from collections.abc import Callable
from functools import cached_property
from io import BytesIO
from typing import IO, Any

from flask import Flask, Request
from werkzeug.datastructures import ImmutableMultiDict

_NO_COOKIES = ImmutableMultiDict[str, str]()


class House(Flask):
    """Flask, told what never changes here."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """As it is: no view and no hook of ours is a coroutine, and Flask looks at seven of them in each request."""
        return func


class HouseRequest(Request):
    """Bodies are bounded (a megabyte; where a door says so, twenty), so memory is where they belong."""

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """Who sends none, as channels do, is not searched for them among all headers."""
        return super().cookies if "HTTP_COOKIE" in self.environ else _NO_COOKIES

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()
