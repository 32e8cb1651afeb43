"""How a robot is told: what each kind wants to hear, how that is signed, what its answer means. Pure: values in, values out.

Robots answer 200 to everything, and say in the body whether they took it.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.kernel.errors import Text, gettext_noop
from app.kernel.signing import hmac_sha256


class Kind(StrEnum):
    JSON = "json"
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is told: `text` for people, in the hook's language; `facts` for programs."""

    number: str
    text: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Post:
    """One request, as it leaves."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """One kind: `write(letter, address, secret, now)`, and `read(body)`: why it was not taken, None when it was."""

    label: Text
    example: str
    signs: bool
    """May it have a secret to sign with?"""
    must_sign: bool
    write: Callable[[Letter, str, str, datetime], Post]
    read: Callable[[bytes], Text | None]


LARGEST_WECOM = 2048
"""Bytes of text that WeCom takes; what is longer it refuses. DingTalk and Feishu take more than we ever say."""
SHORTEST_SECRET = 16
"""Of our own signature: theirs are made by the robots."""
_SHORTEST_TOKEN = 8
_JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Paydesk"}


def why_not(kind: str, status: int, body: bytes) -> Text | None:
    """What the answer means; None: it was taken."""
    if not 200 <= status < 300:
        return Text("对方答复 HTTP %(status)s", status=status)
    return ROBOTS[Kind(kind)].read(body)


def tokens(address: str) -> list[str]:
    """What in an address lets one speak to the robot: long values of its query, long parts of its path."""
    parts = urlsplit(address)
    found = (*(value for _name, value in parse_qsl(parts.query)), *parts.path.split("/"))
    return [it for it in found if len(it) >= _SHORTEST_TOKEN]


def _write_json(letter: Letter, address: str, secret: str, now: datetime) -> Post:
    body = _packed({"id": letter.number, "text": letter.text, **letter.facts})
    timestamp = str(int(now.timestamp()))
    signature = hmac_sha256(f"{timestamp}.".encode() + body, secret.encode())
    signed = {"X-Paydesk-Timestamp": timestamp, "X-Paydesk-Signature": f"v1={signature}"}
    return Post(address, _JSON | signed | {"X-Paydesk-Message": letter.number}, body)


def _write_wecom(letter: Letter, address: str, _secret: str, _now: datetime) -> Post:
    text = letter.text.encode()[:LARGEST_WECOM].decode(errors="ignore")
    return Post(address, _JSON, _packed({"msgtype": "text", "text": {"content": text}}))


def _write_dingtalk(letter: Letter, address: str, secret: str, now: datetime) -> Post:
    if secret:
        timestamp = str(int(now.timestamp() * 1000))
        sign = _base64(hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), sha256))
        address += ("&" if "?" in address else "?") + urlencode({"timestamp": timestamp, "sign": sign})
    return Post(address, _JSON, _packed({"msgtype": "text", "text": {"content": letter.text}}))


def _write_feishu(letter: Letter, address: str, secret: str, now: datetime) -> Post:
    said: dict[str, object] = {"msg_type": "text", "content": {"text": letter.text}}
    if secret:
        timestamp = str(int(now.timestamp()))
        # Their way round: what is signed is the key, and nothing is the message.
        said |= {"timestamp": timestamp, "sign": _base64(hmac.new(f"{timestamp}\n{secret}".encode(), b"", sha256))}
    return Post(address, _JSON, _packed(said))


def _read_errcode(body: bytes) -> Text | None:
    return _read(body, ("errcode",), "errmsg")


def _read_feishu(body: bytes) -> Text | None:
    return _read(body, ("code", "StatusCode"), "msg")  # robots made long ago answer with the older name


def _read(body: bytes, names: tuple[str, ...], message: str) -> Text | None:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    code = next((said[name] for name in names if name in said), None) if isinstance(said, dict) else None
    if type(code) is not int:
        return Text("看不懂对方的答复")
    return Text("对方答复 %(code)s：%(message)s", code=code, message=said.get(message, "")) if code else None


def _packed(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode()


def _base64(signed: hmac.HMAC) -> str:
    return base64.b64encode(signed.digest()).decode()


ROBOTS: dict[Kind, Robot] = {
    Kind.WECOM: Robot(
        label=gettext_noop("企业微信机器人"),
        example="https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
        signs=False,
        must_sign=False,
        write=_write_wecom,
        read=_read_errcode,
    ),
    Kind.DINGTALK: Robot(
        label=gettext_noop("钉钉机器人"),
        example="https://oapi.dingtalk.com/robot/send?access_token=…",
        signs=True,
        must_sign=False,
        write=_write_dingtalk,
        read=_read_errcode,
    ),
    Kind.FEISHU: Robot(
        label=gettext_noop("飞书机器人"),
        example="https://open.feishu.cn/open-apis/bot/v2/hook/…",
        signs=True,
        must_sign=False,
        write=_write_feishu,
        read=_read_feishu,
    ),
    Kind.JSON: Robot(
        label=gettext_noop("签名 JSON"),
        example="https://example.com/alerts",
        signs=True,
        must_sign=True,
        write=_write_json,
        read=lambda _body: None,
    ),
}
