"""What stands in an answer or callback. Everything that is not plainly there is Unreadable."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.channels.adapters.templated import recipe as recipes
from app.channels.adapters.templated.description import (
    Body,
    Check,
    Description,
    Echo,
    ListWritten,
    MomentAt,
    MomentWritten,
    OrderReads,
    Recipe,
    SignedText,
    Unit,
)
from app.channels.adapters.templated.filling import Known
from app.channels.adapters.templated.strict import LONGEST_LIST, NotStrict, read_form, read_json, read_xml
from app.channels.contract import BadSignature, Observation, Seen, Unreadable
from app.kernel import clock
from app.kernel.errors import Malformed
from app.kernel.money import Money

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # JSON can write them, UTF-8 and PostgreSQL cannot hold them
_YUAN = re.compile(r"[0-9]+\.[0-9]{2}", re.ASCII)
_MOMENTS = {
    MomentWritten.SPACED: (
        re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII),
        "%Y-%m-%d %H:%M:%S",
    ),
    MomentWritten.PACKED: (re.compile(r"[0-9]{14}", re.ASCII), "%Y%m%d%H%M%S"),
}
_SECONDS = {MomentWritten.EPOCH: (10, 1), MomentWritten.EPOCH_MS: (13, 1000)}
Tree = Mapping[str, Any]


def tree(body: Body, text: bytes, *, exact_form: bool) -> Tree:
    try:
        if body is Body.FORM:
            return read_form(text, exact=exact_form)
        found = read_json(text) if body is Body.JSON else read_xml(text)
    except NotStrict as problem:
        raise Unreadable("不是规范的报文") from problem
    if not isinstance(found, dict):
        raise Unreadable("不是 JSON 对象")
    return found


def require_signature(
    recipe: Recipe, fields: Tree, about: Mapping[str, str], headers: Mapping[str, str], settings: Mapping[str, str]
) -> bool:
    """True after the signature was verified; False where the channel signs nothing; BadSignature otherwise."""
    if recipe.text is SignedText.NONE:
        return False
    key = settings[recipe.secret]
    if recipe.text is SignedText.PAIRS:
        text = recipes.pairs(recipe, _flat(fields, recipe), key)
    else:
        text = recipes.parts(recipe, about, headers, settings, key)
    given = headers.get(recipe.header.lower(), "") if recipe.header else _leaf(fields.get(recipe.field, ""))
    if not recipes.is_signed(recipe, text, given, key):
        raise BadSignature("签名不符")
    return True


def _flat(fields: Tree, recipe: Recipe) -> dict[str, str]:
    """Signed pairs have one reading: no value is an object, none holds "&", or it might be two of them."""
    found = {name: _leaf(value) for name, value in fields.items() if name not in recipe.unsigned}
    if any("&" in text or "\0" in text for pair in found.items() for text in pair) or any("=" in it for it in found):
        raise Unreadable("参数里有不允许的字符")
    return found


def _leaf(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise Unreadable("签名的字段里有对象")


def text(fields: Tree, path: str, body: Body) -> str:
    """ "" where nothing stands or no path is given. Names of a form are whole, all others lead inwards."""
    if not path:
        return ""
    value: Any = fields
    for name in (path,) if body is Body.FORM else path.split("."):
        if not isinstance(value, Mapping):
            raise Unreadable("不是对象", path)
        value = value.get(name)
        if value is None:
            return ""
    if isinstance(value, (bool, Mapping, list)):
        raise Unreadable("不是文字", path)
    if _UNSTORABLE.search(str(value)):
        raise Unreadable("有不能保存的字符", path)
    return str(value)


def money(written: str, unit: Unit, path: str) -> Money:
    try:
        if unit is Unit.FEN:
            return Money.parse_fen(written)
        if unit is Unit.YUAN and _YUAN.fullmatch(written) is None:
            raise Unreadable("不是两位小数的金额", path)
        return Money.parse(written)
    except Malformed as problem:
        raise Unreadable("金额看不懂", path) from problem


def moment(fields: Tree, at: MomentAt, body: Body) -> datetime | None:
    """None where nothing stands."""
    told = text(fields, at.path, body)
    if not told:
        return None
    try:
        if at.written in _SECONDS:
            digits, per_second = _SECONDS[at.written]
            if not (told.isascii() and told.isdigit() and len(told) == digits):
                raise ValueError(told)
            return datetime.fromtimestamp(int(told) // per_second, clock.BUSINESS_ZONE)
        pattern, form = _MOMENTS[at.written]
        if pattern.fullmatch(told) is None:
            raise ValueError(told)
        return datetime.strptime(told, form).replace(tzinfo=clock.BUSINESS_ZONE)
    except ValueError as problem:
        raise Unreadable("时间看不懂", at.path) from problem


def rows(fields: Tree, path: str, body: Body, written: ListWritten) -> list[Tree]:
    value: Any
    if written is ListWritten.JSON_TEXT:
        try:
            value = read_json(text(fields, path, body).encode())
        except NotStrict as problem:
            raise Unreadable("不是规范的报文", path) from problem
    else:
        value = fields
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, list) or len(value) > LONGEST_LIST or not all(isinstance(it, dict) for it in value):
        raise Unreadable("没有列表", path)
    return value


def require(checks: tuple[Check, ...], fields: Tree, body: Body, settings: Mapping[str, str]) -> None:
    for check in checks:
        found = text(fields, check.path, body)
        if check.present is not None:
            fits = (found != "") == check.present
        else:
            fits = found == (check.equals or settings[check.source.removeprefix("account.")])
        if not fits:
            raise Unreadable("报文不是我们要的", check.path)


def observation(
    description: Description,
    reads: OrderReads,
    fields: Tree,
    body: Body,
    *,
    code: str | None,
    codes: Mapping[str, Seen],
    signed: bool,
) -> Observation:
    """`code`: None where the answer is an accepted one. What no table lists is PENDING; so is all that is not signed."""
    word = text(fields, reads.word, body) if code is None else code
    seen = (description.words if code is None else codes).get(word, Seen.PENDING)
    message = text(fields, reads.message if code is None else description.answer.message, body)
    if not signed:
        return Observation(seen=Seen.PENDING, word=word, message=message)
    number, written = text(fields, reads.number, body), text(fields, reads.amount.path, body)
    amount = money(written, reads.amount.unit, reads.amount.path) if written else None
    if seen is not Seen.PENDING and not number:
        raise Unreadable("没有说是哪一笔", word)
    if seen in (Seen.PAID, Seen.FAILED, Seen.RETURNED) and amount is None:
        raise Unreadable("没有说是多少钱", word)
    return Observation(
        seen=seen,
        signed=True,
        vague=code is not None and code not in codes,
        number=number,
        amount=amount,
        channel_number=text(fields, reads.channel_number, body),
        word=word,
        message=message,
    )


def require_echoes(echoes: Sequence[Echo], fields: Tree, body: Body, known: Known) -> None:
    for echo in echoes:
        if text(fields, echo.path, body) != known.text(echo):
            raise Unreadable("应答说的不是我们问的", echo.path)
