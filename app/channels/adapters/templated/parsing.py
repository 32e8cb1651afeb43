"""Descriptions as JSON: read by the types they are written in, refused with the place of every slip, written back the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from app.channels.adapters.templated.description import Description
from app.channels.adapters.templated.strict import NotStrict, Number, read_json
from app.kernel.errors import Text


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong, and where: `interfaces.submit.parameters[3].filters`."""

    place: str
    text: Text


class Broken(ValueError):
    """No description. Every flaw that was found, in the order of the text."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        self.flaws = tuple(flaws)
        super().__init__("; ".join(f"{flaw.place}: {flaw.text}" for flaw in flaws))


def parse(text: str) -> Description:
    """Out of JSON that has one reading; Broken otherwise."""
    try:
        found = read_json(text.encode("utf-8", "surrogatepass"))
    except NotStrict as problem:
        raise Broken([Flaw("", Text("不是规范的 JSON：%(why)s", why=problem.why))]) from problem
    return read(found)


def read(found: object) -> Description:
    flaws: list[Flaw] = []
    description = _Reader(flaws).of(Description, found, "")
    if flaws:
        raise Broken(flaws)
    assert isinstance(description, Description)
    return description


def dump(value: object) -> Any:
    """As plain JSON values, without what is as it is anyway: `read(dump(it)) == it`."""
    if is_dataclass(value):
        return {
            one.name: dump(it)
            for one in fields(value)
            if (it := getattr(value, one.name)) != default_of(one) or default_of(one) is MISSING
        }
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Mapping):
        return {name: dump(it) for name, it in value.items()}
    if isinstance(value, tuple):
        return [dump(it) for it in value]
    return value


def default_of(one: Any) -> object:
    return one.default_factory() if one.default_factory is not MISSING else one.default


hints_of = cache(get_type_hints)


class _Reader:
    """Reads values by the types that are written above. What is wrong is written down, and reading goes on."""

    def __init__(self, flaws: list[Flaw]) -> None:
        self.flaws = flaws

    def of(self, kind: Any, given: object, place: str) -> object:
        if get_origin(kind) is UnionType:
            (only,) = (it for it in get_args(kind) if it is not NoneType)
            return None if given is None else self.of(only, given, place)
        if is_dataclass(kind):
            return self._object(kind, given, place)
        if get_origin(kind) is tuple:
            return self._list(get_args(kind)[0], given, place)
        if get_origin(kind) is Mapping:
            return self._table(get_args(kind)[1], given, place)
        if issubclass(kind, StrEnum):
            if given in list(kind):
                return kind(given)
            return self._wrong(place, Text("只能是其中之一：%(words)s", words="、".join(kind)))
        words = {str: Text("应为文字"), int: Text("应为不带引号的整数"), bool: Text("应为 true 或 false")}
        return given if type(given) is kind else self._wrong(place, words[kind])

    def _object(self, kind: Any, given: object, place: str) -> object:
        if not isinstance(given, dict):
            return self._wrong(place, Text("应为对象 {…}"))
        known = {one.name: one for one in fields(kind)}
        for name in given:
            if name not in known:
                self._wrong(
                    f"{place}.{name}".lstrip("."), Text("不认识的名称，可用的有：%(words)s", words="、".join(known))
                )
        values = dict(self._values(kind, known, given, place))
        return kind(**values) if len(values) == len(known) else None

    def _values(self, kind: Any, known: Mapping[str, Any], given: Mapping[str, object], place: str) -> Iterator[Any]:
        for name, one in known.items():
            here = f"{place}.{name}".lstrip(".")
            if name in given:
                yield name, self.of(hints_of(kind)[name], given[name], here)
            elif default_of(one) is not MISSING:
                yield name, default_of(one)
            else:
                self._wrong(here, Text("缺少这一项"))

    def _list(self, kind: Any, given: object, place: str) -> object:
        if not isinstance(given, list):
            return self._wrong(place, Text("应为列表 […]"))
        return tuple(self.of(kind, one, f"{place}[{at}]") for at, one in enumerate(given))

    def _table(self, kind: Any, given: object, place: str) -> object:
        if not isinstance(given, dict):
            return self._wrong(place, Text("应为对象 {…}"))
        return {name: self.of(kind, one, f"{place}.{name}") for name, one in given.items()}

    def _wrong(self, place: str, text: Text) -> object:
        self.flaws.append(Flaw(place, text))
        return None


def pretty(value: object) -> tuple[str, dict[str, int]]:
    """JSON in lines for people, and on which line each place stands."""
    lines: list[str] = []
    places: dict[str, int] = {}

    def write(it: object, place: str, before: str, after: str, depth: int) -> None:
        places[place] = len(lines) + 1
        indent = "  " * depth
        if isinstance(it, (dict, list)) and it:
            opening, closing = ("{", "}") if isinstance(it, dict) else ("[", "]")
            lines.append(f"{indent}{before}{opening}")
            inside = list(it.items()) if isinstance(it, dict) else list(enumerate(it))
            for at, (name, one) in enumerate(inside):
                here = f"{place}.{name}".lstrip(".") if isinstance(it, dict) else f"{place}[{name}]"
                label = f"{json.dumps(name, ensure_ascii=False)}: " if isinstance(it, dict) else ""
                write(one, here, label, "," if at + 1 < len(inside) else "", depth + 1)
            lines.append(f"{indent}{closing}{after}")
        else:
            text = str(it) if isinstance(it, Number) else json.dumps(it, ensure_ascii=False)
            lines.append(f"{indent}{before}{text}{after}")

    write(value, "", "", "", 0)
    return "\n".join(lines) + "\n", places


def line_of(place: str, places: Mapping[str, int]) -> int:
    """Of the place itself, or of what it would stand in."""
    while place not in places:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return places[place]
