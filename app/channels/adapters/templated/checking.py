"""What must hold of a description before money goes by it. Each flaw says where it stands and what is wrong there."""

import hashlib
import re
from collections.abc import Iterator

from app.channels.adapters.templated import pieces
from app.channels.adapters.templated.description import (
    FORMAT,
    Ask,
    Body,
    Check,
    Description,
    Digest,
    FiguresInterface,
    LineReads,
    Method,
    OrderInterface,
    OrderReads,
    Recipe,
    SignedText,
    StatementInterface,
    Written,
)
from app.channels.adapters.templated.filling import CALL, NUMERIC, SOURCES
from app.channels.adapters.templated.parsing import Flaw
from app.channels.adapters.templated.rehearsing import rehearsed
from app.channels.contract import BindSeen, Seen, UnbindSeen
from app.kernel.errors import Text

_SETTING = re.compile("[a-z][a-z0-9_]{0,39}")
_PATH = re.compile(r"[A-Za-z0-9/_.~-]+")
_KEYED = frozenset({Digest.HMAC_SHA256, Digest.RSA_SHA256})
_READABLE = frozenset({Body.FORM, Body.JSON, Body.XML})
_NEEDS = {
    "submit": ("order.number", "order.amount", "order.card_number"),
    "settle": ("order.number", "order.amount", "order.card_number"),
    "query": ("order.number",),
    "bind_card": ("card.reference", "card.card_number"),
    "statement": ("call.day",),
}
"""Without these a request would not say what it is about."""
_LONGEST_WAITS = 200
_LONGEST_BASIS = 200
_TOLD = frozenset({Seen.PAID, Seen.FAILED, Seen.RETURNED, Seen.PENDING})
"""What a line of a statement may say."""


def flaws(description: Description) -> list[Flaw]:
    """Everything that keeps it from being used. The samples are read only where nothing else is wrong."""
    return flaws_without_samples(description) or rehearsed(description)


def flaws_without_samples(description: Description) -> list[Flaw]:
    """What is wrong whatever the samples say: enough to know before anything is tried."""
    return [Flaw(place, text) for place, text in _static(description)]


Found = Iterator[tuple[str, Text]]


def _static(description: Description) -> Found:
    yield from _head(description)
    yield from _settings(description)
    yield from _signing(description)
    for at, header in enumerate(description.headers):
        yield from pieces.parameter(description, header, f"headers[{at}]", {})
        multiline = {f"account.{it.name}" for it in description.settings if it.multiline}
        if "." in header.name or not header.constant.isprintable() or header.source in multiline:
            yield f"headers[{at}]", Text("请求头只能是一行文字")
    yield from _answer(description)
    yield from _interfaces(description)
    yield from _tables(description)
    yield from _callback(description)


def _head(description: Description) -> Found:
    manner = description.manner
    if description.format != FORMAT:
        yield "format", Text("只认得第 %(format)d 种写法", format=FORMAT)
    if not 1 <= len(description.title) <= 60:
        yield "title", Text("请写一个不超过 60 字的名称")
    if len(description.basis) > _LONGEST_BASIS:
        yield "basis", Text("最多 %(count)d 个字", count=_LONGEST_BASIS)
    for name, waits in (("query_waits_s", manner.query_waits_s), ("return_waits_s", manner.return_waits_s)):
        if any(wait < 1 for wait in waits) or len(",".join(map(str, waits))) > _LONGEST_WAITS:
            yield f"manner.{name}", Text("每个间隔至少 1 秒，总数不能太多")
    if not manner.query_waits_s:
        yield "manner.query_waits_s", Text("至少要有一个查询间隔")
    if manner.resend_window_s < 0:
        yield "manner.resend_window_s", Text("不能是负数")


def _settings(description: Description) -> Found:
    names = [it.name for it in description.settings]
    for wanted in ("base_url", "merchant_no"):
        if not any(it.name == wanted and not it.secret for it in description.settings):
            yield "settings", Text("缺少参数 %(name)s（且不能是密钥）", name=wanted)
    for at, setting in enumerate(description.settings):
        if not _SETTING.fullmatch(setting.name) or names.count(setting.name) > 1:
            yield f"settings[{at}].name", Text("参数名由小写字母、数字和下划线组成，不得重复")
        if not setting.label:
            yield f"settings[{at}].label", Text("请写明这个参数叫什么")


def _signing(description: Description) -> Found:
    signing = description.signing
    if signing.request.text is SignedText.NONE:
        yield "signing.request.text", Text("请求必须签名")
    else:
        yield from _recipe(description, signing.request, "signing.request", is_ours=True)
    if signing.answer.text is SignedText.NONE:
        if not signing.answer.why:
            yield "signing.answer.why", Text("请写明渠道为什么不签名应答")
    else:
        yield from _recipe(description, signing.answer, "signing.answer", is_ours=False)
    if signing.callback is not None:
        if signing.callback.text is SignedText.NONE:
            yield "signing.callback.text", Text("不签名的回调谁都能伪造，不能采用")
        else:
            yield from _recipe(description, signing.callback, "signing.callback", is_ours=False)


def _recipe(description: Description, recipe: Recipe, place: str, *, is_ours: bool) -> Found:
    known = {it.name: it for it in description.settings}
    key = known.get(recipe.secret)
    is_rsa = recipe.digest is Digest.RSA_SHA256
    if key is None:
        yield f"{place}.secret", Text("没有名为“%(name)s”的参数", name=recipe.secret)
    elif not key.secret and (is_ours or not is_rsa):
        yield f"{place}.secret", Text("签名用的参数要标为密钥（secret）")
    if is_rsa and recipe.written is not Written.BASE64:
        yield f"{place}.written", Text("RSA 签名写作 base64")
    if recipe.digest not in _KEYED and str(recipe.digest) not in hashlib.algorithms_available:
        yield f"{place}.digest", Text("本机没有 %(name)s 算法", name=recipe.digest)
    if bool(recipe.field) == bool(recipe.header):
        yield place, Text("签名放在参数（field）还是请求头（header），写明其中一个")
    secrets = sum(part.source == "secret" for part in recipe.parts)
    if recipe.text is SignedText.PAIRS:
        if recipe.parts:
            yield f"{place}.parts", Text("按参数名排序的签名没有 parts")
        is_keyed = recipe.key_joiner is not None
    else:
        yield from _parts(description, recipe, place, is_ours=is_ours)
        if recipe.key_joiner is not None or recipe.unsigned or recipe.field:
            yield place, Text("按片段的签名没有 key_joiner 和 unsigned，签名放在请求头")
        is_keyed = secrets > 0
    if recipe.digest not in _KEYED and not is_keyed:
        yield place, Text("待签名串里没有密钥，谁都能签")
    if is_rsa and is_keyed:
        yield place, Text("RSA 的待签名串里不能有密钥")


def _parts(description: Description, recipe: Recipe, place: str, *, is_ours: bool) -> Found:
    headers = {it.name.lower() for it in description.headers}
    names = {it.name for it in description.settings if not it.secret}
    fixed = {"request.method", "request.path", "body", "secret"} if is_ours else {"request.path", "body", "secret"}
    if place == "signing.callback":
        fixed -= {"request.path"}
    if not any(part.source == "body" for part in recipe.parts):
        yield f"{place}.parts", Text("签名要包含报文（body）")
    for at, part in enumerate(recipe.parts):
        kind, _, name = part.source.partition(".")
        is_header = kind == "header" and bool(name) and (name.lower() in headers or not is_ours)
        is_known = not part.source or part.source in fixed or is_header or (kind == "account" and name in names)
        if not is_known or bool(part.source) == bool(part.constant) or part.filters or part.words:
            yield (
                f"{place}.parts[{at}]",
                Text("只能是 constant，或 %(sources)s、header.…、account.…", sources="、".join(sorted(fixed))),
            )


def _answer(description: Description) -> Found:
    answer = description.answer
    yield from _heard(answer.body, "answer.body")
    yield from _checks(description, answer.checks, "answer.checks")
    if not answer.code or not answer.accepted:
        yield "answer.code", Text("请写明代码在哪里、哪些代码表示已受理")
    if not answer.statuses or any(not 200 <= status <= 499 for status in answer.statuses):
        yield "answer.statuses", Text("业务应答的 HTTP 状态在 200 到 499 之间")
    others = {*answer.accepted, *description.interfaces.submit.codes, *description.interfaces.query.codes, ""}
    if description.interfaces.unbind_card is not None:
        others |= set(description.interfaces.unbind_card.codes)
    if others & set(answer.kicked_out):
        yield "answer.kicked_out", Text("“他人登录”的代码不能还有别的意思，也不能为空")
    paths = {answer.code, *(check.path for check in answer.checks)}
    for name in ("submit", "query"):
        reads = getattr(description.interfaces, name).reads
        paths |= {reads.number, reads.amount.path, reads.word}
    for name in ("figures", "bind_card", "unbind_card", "list_cards", "statement"):
        interface = getattr(description.interfaces, name)
        if interface is not None:
            told = (getattr(interface, it, "") for it in ("word", "cards", "lines", "total", "yesterday", "today"))
            money = (
                getattr(interface, it, "") for it in ("settled", "settleable", "prefunded", "next", "channel_card")
            )
            paths |= {*told, *money, *(echo.path for echo in interface.echoes)}
    yield from _covered(description.signing.answer, paths, "signing.answer.unsigned")


def _covered(recipe: Recipe, paths: set[str], place: str) -> Found:
    for name in recipe.unsigned:
        if any(path == name or path.startswith(f"{name}.") for path in paths):
            yield place, Text("“%(name)s”决定结果，不能不在签名里", name=name)


def _heard(body: Body, place: str) -> Found:
    if body not in _READABLE:
        yield place, Text("只能是其中之一：%(words)s", words="form、json、xml")


def _checks(description: Description, checks: tuple[Check, ...], place: str) -> Found:
    names = {f"account.{it.name}" for it in description.settings if not it.secret}
    for at, check in enumerate(checks):
        if [check.present is not None, check.equals != "", check.source != ""].count(True) != 1 or not check.path:
            yield f"{place}[{at}]", Text("写明一个 path，以及 present、equals、source 其中之一")
        elif check.source and check.source not in names:
            yield f"{place}[{at}].source", Text("没有“%(name)s”这个来源", name=check.source)


def _interfaces(description: Description) -> Found:
    interfaces = description.interfaces
    for name in SOURCES:
        interface = getattr(interfaces, name, None)
        if interface is None:
            continue
        place = f"interfaces.{name}"
        yield from _ask(description, name, interface.ask, f"{place}.ask")
        if isinstance(interface, OrderInterface):
            yield from _order_reads(interface.reads, f"{place}.reads")
        for at, echo in enumerate(getattr(interface, "echoes", ())):
            yield from pieces.echo(description, echo, f"{place}.echoes[{at}]", SOURCES[name])
        if description.signing.answer.text is SignedText.NONE and name not in ("submit", "query", "settle"):
            yield place, Text("渠道不签名应答，这个接口的应答不能作数，请去掉它")
    if description.signing.answer.text is SignedText.NONE and description.callback is None:
        yield "callback", Text("应答不签名又没有回调，任何一笔都不会有结果")
    if interfaces.figures is not None:
        yield from _figures(interfaces.figures)
        asked = {it.source for it in (*interfaces.submit.ask.path, *interfaces.submit.ask.parameters)}
        if interfaces.figures.prefunded and "order.funds" not in asked:
            yield "interfaces.figures.prefunded", Text("代付请求里没有 order.funds，不能用预存资金付款")
    if interfaces.statement is not None:
        yield from _statement(interfaces.statement)
    bind, unbind = interfaces.bind_card, interfaces.unbind_card
    if bind is not None and "card.reference" not in {echo.source for echo in bind.echoes}:
        yield "interfaces.bind_card.echoes", Text("应答要带回绑卡流水号（card.reference）")
    if unbind is not None and not {"card.reference", "card.channel_card"} & {echo.source for echo in unbind.echoes}:
        yield "interfaces.unbind_card.echoes", Text("应答要带回所解绑的卡")


def _figures(told: FiguresInterface) -> Found:
    totals = (told.total, told.yesterday, told.today, told.settled)
    if not told.settleable:
        yield "interfaces.figures.settleable", Text("缺少这一项")
    if any(totals) and not all(totals):
        yield "interfaces.figures", Text("四项汇总要么都写，要么都不写：都不写就是只告知余额")
    if any(totals) and "call.day" not in {it.source for it in (*told.ask.parameters, *told.ask.path)}:
        yield "interfaces.figures.ask.parameters", Text("请求里没有 %(name)s", name="call.day")


def _statement(told: StatementInterface) -> Found:
    place = "interfaces.statement"
    yield from _order_reads(told.each, f"{place}.each")
    if not told.lines:
        yield f"{place}.lines", Text("缺少这一项")
    if told.words and Seen.PAID not in told.words.values():
        yield f"{place}.words", Text("没有一个词表示已付款")
    for word in (word for word, seen in told.words.items() if not word.strip() or seen not in _TOLD):
        yield f"{place}.words.{word}", Text("这里只能是其中之一：%(words)s", words="、".join(sorted(_TOLD)))


def _ask(description: Description, name: str, ask: Ask, place: str) -> Found:
    recipe, sources = description.signing.request, SOURCES[name]
    if (ask.method is Method.GET) != (ask.body in (Body.NONE, Body.QUERY)):
        yield f"{place}.body", Text("GET 的参数在地址里（none、query），POST 的在报文里（form、json、xml）")
    if ask.body is Body.NONE and ask.parameters:
        yield f"{place}.parameters", Text("没有地方放参数")
    if not ask.path or not ask.path[0].constant.startswith("/"):
        yield f"{place}.path", Text("路径以 / 开头的常量开始")
    for at, piece in enumerate(ask.path):
        yield from pieces.piece(description, piece, f"{place}.path[{at}]", sources)
        if piece.constant and not _PATH.fullmatch(piece.constant):
            yield f"{place}.path[{at}].constant", Text("路径里有不允许的字符")
        if piece.source == "order.card_number" or piece.source == "card.card_number":
            yield f"{place}.path[{at}].source", Text("卡号不能放在地址里")
    names = [it.name for it in ask.parameters]
    for at, parameter in enumerate(ask.parameters):
        here = f"{place}.parameters[{at}]"
        yield from pieces.parameter(description, parameter, here, sources)
        if names.count(parameter.name) > 1 or any(it.startswith(f"{parameter.name}.") for it in names):
            yield f"{here}.name", Text("参数重复")
        if parameter.name == recipe.field:
            yield f"{here}.name", Text("这个位置是签名的")
        if parameter.integer and (ask.body is not Body.JSON or not set(parameter.filters[-1:]) & NUMERIC):
            yield f"{here}.integer", Text("只有 JSON 里以 fen、epoch、epoch_ms 结尾的才能写成数字")
        if ask.body is Body.QUERY and parameter.source in ("order.card_number", "card.card_number"):
            yield f"{here}.source", Text("卡号不能放在地址里")
        if parameter.name in recipe.unsigned and parameter.source in _NEEDS["submit"]:
            yield f"{here}.name", Text("“%(name)s”决定结果，不能不在签名里", name=parameter.name)
        if recipe.text is SignedText.PAIRS and "." in parameter.name:
            yield f"{here}.name", Text("按参数名排序的签名只能有一层参数")
    if recipe.text is SignedText.PAIRS and recipe.field and ask.body is Body.NONE:
        yield f"{place}.body", Text("没有地方放签名")
    given = {it.source for it in (*ask.parameters, *ask.path)}
    for wanted in _NEEDS.get(name, ()):
        if wanted not in given:
            yield f"{place}.parameters", Text("请求里没有 %(name)s", name=wanted)
    if name == "unbind_card" and not {"card.reference", "card.channel_card"} & given:
        yield f"{place}.parameters", Text("请求里没有 %(name)s", name="card.channel_card")
    interfaces = description.interfaces
    listing = {"list_cards": interfaces.list_cards, "statement": interfaces.statement}.get(name)
    if listing is not None and listing.next and "list.after" not in given:
        yield f"{place}.parameters", Text("请求里没有 %(name)s", name="list.after")
    is_path_signed = any(part.source == "request.path" for part in description.signing.answer.parts)
    volatile = {it.source for it in (*ask.path, *(ask.parameters if ask.body is Body.QUERY else ()))} & set(CALL)
    if is_path_signed and volatile:
        yield f"{place}.path", Text("应答的签名包含地址，地址里不能有每次不同的内容")


def _order_reads(reads: OrderReads | LineReads, place: str) -> Found:
    for name, path in (("number", reads.number), ("amount.path", reads.amount.path), ("word", reads.word)):
        if not path:
            yield f"{place}.{name}", Text("缺少这一项")


def _tables(description: Description) -> Found:
    interfaces, words = description.interfaces, description.words
    if Seen.PAID not in words.values():
        yield "words", Text("没有一个词表示已付款")
    told: dict[str, set[Seen]] = {}
    codes = {**interfaces.submit.codes, **interfaces.query.codes}
    for word, seen in (*words.items(), *codes.items()):
        told.setdefault(word.strip().upper(), set()).add(seen)
    for word, seen in words.items():
        here = f"words.{word}"
        if not word.strip() or seen is Seen.NOT_SENT:
            yield here, Text("状态词不能为空，也不能表示“未发出”")
        if len(told.get(word.strip().upper(), ())) > 1:
            yield here, Text("同一个词有两种意思：一个表示失败的词不能又表示已付款")
    for name, allowed in (("submit", {Seen.FAILED, Seen.PENDING}), ("query", {Seen.NOT_FOUND, Seen.PENDING})):
        for code, seen in getattr(interfaces, name).codes.items():
            here = f"interfaces.{name}.codes.{code}"
            if code in description.answer.accepted or not code:
                yield here, Text("这个代码已表示受理，结果要看状态词")
            if seen not in allowed:
                yield here, Text("这里只能是其中之一：%(words)s", words="、".join(sorted(allowed)))
    if interfaces.bind_card and BindSeen.BOUND not in description.bind_words.values():
        yield "bind_words", Text("没有一个词表示已绑定")
    if interfaces.unbind_card:
        if UnbindSeen.GONE not in description.unbind_words.values():
            yield "unbind_words", Text("没有一个词表示已解绑")
        for code, gone in interfaces.unbind_card.codes.items():
            if code in description.answer.accepted or gone is not UnbindSeen.GONE:
                yield f"interfaces.unbind_card.codes.{code}", Text("这里只能写“没有这张卡”（gone）的代码")


def _callback(description: Description) -> Found:
    callback, recipe = description.callback, description.signing.callback
    if (callback is None) != (recipe is None):
        yield "callback", Text("有回调就要有 signing.callback，没有就都去掉")
    if callback is None or recipe is None:
        return
    yield from _heard(callback.body, "callback.body")
    yield from _checks(description, callback.checks, "callback.checks")
    yield from _order_reads(callback.reads, "callback.reads")
    if not 1 <= len(callback.answer_word) <= 200:
        yield "callback.answer_word", Text("请写明渠道要读到什么才算收下")
    reads = callback.reads
    paths = {reads.number, reads.amount.path, reads.word, *(check.path for check in callback.checks)}
    yield from _covered(recipe, paths, "signing.callback.unsigned")
