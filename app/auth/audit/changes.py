"""What a deed changed, line by line, in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.auth.audit.fields import FIELDS
from app.auth.audit.words import VALUES, result
from app.kernel.errors import Text


@dataclass(frozen=True, slots=True)
class Change:
    """One thing, before and after: words of ours, of people, or none."""

    label: str
    old: tuple[str, ...] | None
    new: tuple[str, ...] | None


def changes(before: str | None, after: str | None, titles: Mapping[str, str] | None = None) -> list[Change]:
    """What differs; nothing where there was nothing is no change. `titles`: the names of roles by their codes."""
    old, new = _read(before), _read(after)
    return [
        Change(FIELDS.get(key, key), _said(key, old, titles or {}), _said(key, new, titles or {}))
        for key in sorted({*old, *new}, key=lambda key: (key not in old, key))
        if _something(old.get(key)) != _something(new.get(key)) or key == "flaw"
    ]


def _read(values: str | None) -> dict[str, Any]:
    found = json.loads(values) if values else {}
    assert isinstance(found, dict)
    return found


def _said(key: str, values: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[str, ...] | None:
    if key not in values:
        return None
    value = values[key]
    if key == "flaw":
        return (result(values),)
    if key == "time_out_s":
        return (Text("%(count)s 分钟", count=value // 60),)
    if key == "amount":
        return (f"¥{value}",)
    if _something(value) is None:
        return (Text("不限") if key == "channels" else Text("无"),)
    if isinstance(value, bool):
        return (Text("是" if value else "否"),)
    if isinstance(value, dict):
        return tuple(_pair(name, str(text)) for name, text in value.items())
    known = {**VALUES.get(key, {}), **(titles if key in ("role", "like") else {})}
    return tuple(known.get(word, word) for word in map(_word, value if isinstance(value, list) else [value]))


def _something(value: Any) -> Any:
    return None if value in ("", [], {}) else value


def _word(value: Any) -> str:
    """A line of a list of things goes by its title."""
    return str(value.get("title_zh", value) if isinstance(value, dict) else value)


def _pair(name: str, text: str) -> Text:
    return Text("%(label)s：%(value)s", label=FIELDS.get(name, name), value=VALUES.get(name, {}).get(text, text))
