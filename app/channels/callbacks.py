"""The channels' door: `POST /callbacks/<account>`. The message proves itself by its signature, never by where it came from."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.auth.permissions import csrf_exempt, public
from app.channels import service
from app.channels.contract import RawCallback

bp = Blueprint("callbacks", __name__)
LARGEST_BODY = 64 * 1024
_HEADERS_LEFT_OUT = frozenset({"host", "cookie", "authorization", "connection", "content-length", "user-agent"})


@bp.post("/callbacks/<number>")
@public
@csrf_exempt
def take(number: str) -> ResponseReturnValue:
    if (request.content_length or 0) > LARGEST_BODY:
        return "too large", 413, {"Content-Type": "text/plain"}
    body = request.get_data(cache=False)
    if len(body) > LARGEST_BODY:
        return "too large", 413, {"Content-Type": "text/plain"}
    lowered = ((name.lower(), value) for name, value in request.headers.items())
    headers = {name: value for name, value in lowered if name not in _HEADERS_LEFT_OUT}
    raw = RawCallback(body=body, content_type=request.headers.get("Content-Type", ""), headers=headers)
    accepted, word = service.take_callback(number, raw)
    if not accepted:
        return "refused", 400, {"Content-Type": "text/plain"}
    return word, 200, {"Content-Type": "text/plain; charset=utf-8"}
