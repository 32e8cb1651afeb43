"""The channels' door: `POST /callbacks/<account>`. The message proves itself by its signature, never by where it came from."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Request, Response, request

from app.auth.permissions import csrf_exempt, public
from app.channels import service
from app.channels.contract import RawCallback

bp = Blueprint("callbacks", __name__)
LARGEST_BODY = 64 * 1024
_HEADERS_LEFT_OUT = frozenset({"host", "cookie", "authorization", "connection", "content-length", "user-agent"})
_TEXT = "text/plain; charset=utf-8"


@bp.post("/callbacks/<number>")
@public
@csrf_exempt
def take(number: str) -> Response:
    came: Request = request._get_current_object()  # type: ignore[attr-defined]
    if (came.content_length or 0) > LARGEST_BODY:
        return Response("too large", 413, content_type=_TEXT)
    body = came.get_data(cache=False)
    if len(body) > LARGEST_BODY:
        return Response("too large", 413, content_type=_TEXT)
    headers = _headers(came.environ)
    raw = RawCallback(body=body, content_type=headers["content-type"], headers=headers)
    accepted, word = service.take_callback(number, raw)
    return Response(word, content_type=_TEXT) if accepted else Response("refused", 400, content_type=_TEXT)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """By their names in small letters, without those that say nothing of the message. Straight from where WSGI puts them:
    Flask's view of it writes each name twice."""
    named = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    named["content-type"] = environ.get("CONTENT_TYPE", "")
    return {name: value for name, value in named.items() if name not in _HEADERS_LEFT_OUT}
