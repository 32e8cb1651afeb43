"""Bodies that have exactly one reading: JSON, forms and XML, each refused where it could mean two things.

Numbers stay the text they were written as: an amount never passes through a float.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode
from xml.parsers import expat

from app.kernel.errors import Text

DEEPEST = 32
LONGEST_LIST = 20_000


class NotStrict(ValueError):
    """`why` is a sentence of ours."""

    def __init__(self, why: Text) -> None:
        self.why = why
        super().__init__(str(why))


class Number(str):
    """A number of JSON as it is written."""


def read_json(body: bytes) -> object:
    """No repeated name, no NaN, UTF-8 throughout. Whole numbers are int where they are short, else Number."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            raise NotStrict(Text("名称 %(name)s 出现两次", name=next(it for it in names if names.count(it) > 1)[:40]))
        return found

    def refuse(text: str) -> object:
        raise NotStrict(Text("%(text)s 不是数字", text=text))

    def whole(text: str) -> object:
        return int(text) if len(text) < 10 and re.fullmatch("0|-?[1-9][0-9]*", text) else Number(text)

    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=once,
            parse_constant=refuse,
            parse_float=Number,
            parse_int=whole,
        )
    except json.JSONDecodeError as problem:
        raise NotStrict(Text("第 %(line)d 行第 %(column)d 列", line=problem.lineno, column=problem.colno)) from problem
    except NotStrict:
        raise
    except (ValueError, RecursionError) as problem:
        raise NotStrict(Text("编码或层次不对")) from problem


def read_form(body: bytes, *, exact: bool) -> dict[str, str]:
    """No repeated name; `exact`: no other spelling of the same pairs either."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=128
        )
    except ValueError as problem:
        raise NotStrict(Text("不是表单")) from problem
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotStrict(Text("参数重复"))
    if any("=" in name for name in fields):
        raise NotStrict(Text("参数里有不允许的字符"))
    if exact and urlencode(pairs).encode() != body:
        raise NotStrict(Text("表单不是规范的写法"))
    return fields


def read_xml(body: bytes) -> dict[str, object]:
    """What stands inside the root, by name. No document type, no entity, no attribute, no name twice beside itself."""
    reader = _Xml()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as problem:
        raise NotStrict(Text("不是规范的 XML")) from problem
    root = reader.found[0]
    (inside,) = root.values()
    if not isinstance(inside, dict):
        raise NotStrict(Text("XML 里没有字段"))
    return inside


class _Xml:
    def __init__(self) -> None:
        self.found: list[dict[str, object]] = [{}]
        self.names: list[str] = []
        self.texts: list[str] = [""]

    def refuse(self, *_what: object) -> None:
        raise NotStrict(Text("XML 里不允许文档类型和实体"))

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if attributes or len(self.names) >= DEEPEST:
            raise NotStrict(Text("XML 里有属性或层次太深"))
        if name in self.found[-1]:
            raise NotStrict(Text("名称 %(name)s 出现两次", name=name[:40]))
        self.names.append(name)
        self.found.append({})
        self.texts.append("")

    def text(self, text: str) -> None:
        self.texts[-1] += text

    def end(self, _name: str) -> None:
        inside, text, name = self.found.pop(), self.texts.pop(), self.names.pop()
        if inside and text.strip():
            raise NotStrict(Text("XML 里字段与文字混在一起"))
        self.found[-1][name] = inside or text
