"""What a third party wrote has exactly one reading, or it is refused: repeated names, NaN, half characters, loose numbers."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from app.channels.contract import Unreadable
from app.kernel import clock
from app.kernel.errors import Malformed
from app.kernel.money import Money

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # JSON can write them, UTF-8 and PostgreSQL cannot hold them
_YUAN = re.compile(r"[0-9]+\.[0-9]{2}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_BLANKS = re.compile(r"[ \t\r\n]*")
_MOST_PAIRS = 64


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is written twice")
    return found


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is not a number")


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)


def json_object(body: bytes | str) -> dict[str, object]:
    """A JSON object: no repeated name, no NaN, UTF-8 throughout."""
    found = _json(body)
    if not isinstance(found, dict):
        raise Unreadable("不是 JSON 对象")
    return found


def json_objects(text: str) -> list[Mapping[str, object]]:
    """A list of JSON objects, as strict."""
    found = _json(text)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable("不是 JSON 对象")
    return found


def json_members(body: bytes) -> dict[str, tuple[object, bytes]]:
    """The members of a JSON object, each with the very bytes that its value was written in."""
    found: dict[str, tuple[object, bytes]] = {}
    try:
        text = body.decode("utf-8")
        at = _after(text, 0, "{")
        while True:
            name, end = _JSON.raw_decode(text, _after(text, at))
            start = _after(text, _after(text, end, ":"))
            value, at = _JSON.raw_decode(text, start)
            if not isinstance(name, str) or name in found:
                raise ValueError("a name is written twice, or is none")
            found[name] = value, text[start:at].encode()
            at = _after(text, at)
            if text[at : at + 1] == "}":
                break
            at = _after(text, at, ",")
        if text[at + 1 :].strip():
            raise ValueError("more than one value")
    except (ValueError, RecursionError) as problem:
        raise Unreadable("不是规范的 JSON") from problem
    return found


def _after(text: str, at: int, sign: str = "") -> int:
    """The next place that is no blank, behind this sign."""
    found = _BLANKS.match(text, at)
    assert found is not None, "it matches nothing too"
    if not text.startswith(sign, found.end()):
        raise ValueError(f"{sign} is missing")
    return _after(text, found.end() + len(sign)) if sign else found.end()


def _json(body: bytes | str) -> object:
    try:
        found: object = _JSON.decode(body.decode("utf-8") if isinstance(body, bytes) else body)
    except (ValueError, RecursionError) as problem:
        raise Unreadable("不是规范的 JSON") from problem
    return found


def form(body: bytes) -> dict[str, str]:
    """The pairs of an urlencoded form in UTF-8: no repeated name, nothing that a signed text of pairs could hide."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_PAIRS,
        )
    except ValueError as problem:
        raise Unreadable("不是表单") from problem
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unreadable("参数重复")
    if any("=" in name or "&" in name or "\0" in name + value for name, value in pairs):
        raise Unreadable("参数里有不允许的字符")
    return fields


def text_of(fields: Mapping[str, object], name: str) -> str:
    """A text that a database can hold; "" where nothing is said."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Unreadable("不是文字", name)
    if _UNSTORABLE.search(value):
        raise Unreadable("有不能保存的字符", name)
    return value


def object_of(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object inside; empty where nothing is said."""
    found = fields.get(name, {})
    if not isinstance(found, dict):
        raise Unreadable("不是 JSON 对象", name)
    return found


def objects_of(fields: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """A list of objects inside."""
    found = fields.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable("不是 JSON 对象", name)
    return found


def fen_of(fields: Mapping[str, object], name: str) -> Money:
    """An amount in fen as a JSON integer."""
    value = fields.get(name)
    if type(value) is not int:
        raise Unreadable("不是整数", name)
    return _fen(str(value), name)


def fen_text_of(fields: Mapping[str, object], name: str) -> Money:
    """An amount in fen as digits in a text."""
    return _fen(text_of(fields, name), name)


def _fen(digits: str, name: str) -> Money:
    try:
        return Money.parse_fen(digits)
    except Malformed as problem:
        raise Unreadable("金额看不懂", name) from problem


def yuan_of(fields: Mapping[str, object], name: str) -> Money:
    """An amount in yuan as text with exactly two decimals."""
    value = text_of(fields, name)
    if _YUAN.fullmatch(value) is None:
        raise Unreadable("不是两位小数的金额", name)
    try:
        return Money.parse(value)
    except Malformed as problem:
        raise Unreadable("金额看不懂", name) from problem


def moment_of(fields: Mapping[str, object], name: str) -> datetime:
    """A moment as it is written in Shanghai: 2026-11-21 09:30:00."""
    value = text_of(fields, name)
    try:
        if _MOMENT.fullmatch(value) is None:
            raise ValueError(value)
        return datetime.fromisoformat(value).replace(tzinfo=clock.BUSINESS_ZONE)
    except ValueError as problem:
        raise Unreadable("时间看不懂", name) from problem
