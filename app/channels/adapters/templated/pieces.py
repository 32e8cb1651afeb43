"""What must hold of each text that fills a request, or that an answer must repeat: it has one source, and filters that fit."""

import re
from collections.abc import Iterator, Mapping

from app.channels.adapters.templated.description import Description, Echo, Parameter, Piece
from app.channels.adapters.templated.filling import CALL, CHOICES, DIGESTS, FILTERS, Kind
from app.kernel.errors import Text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")
Found = Iterator[tuple[str, Text]]


def parameter(description: Description, it: Parameter, place: str, sources: Mapping[str, Kind]) -> Found:
    if not _NAME.fullmatch(it.name):
        yield f"{place}.name", Text("名称由字母、数字、- 和 _ 组成")
    yield from piece(description, it, place, sources)


def echo(description: Description, echo: Echo, place: str, sources: Mapping[str, Kind]) -> Found:
    yield from piece(description, echo, place, sources)
    if not echo.path or not echo.source or echo.source in CALL:
        yield place, Text("写明应答里的位置和它应当等于我们所问的什么")


def piece(description: Description, piece: Piece, place: str, sources: Mapping[str, Kind]) -> Found:
    if bool(piece.source) == bool(piece.constant):
        yield place, Text("来源（source）与固定内容（constant）写其中之一")
        return
    if not piece.source:
        if piece.filters or piece.words:
            yield place, Text("固定内容没有过滤器（filters）和换词（words）")
        return
    settings = {f"account.{it.name}": it for it in description.settings}
    kind = Kind.TEXT if piece.source in settings else {**sources, **CALL}.get(piece.source)
    if kind is None:
        yield f"{place}.source", Text("没有“%(name)s”这个来源", name=piece.source)
        return
    if piece.words:
        if piece.filters or set(piece.words) != set(CHOICES.get(piece.source, ())):
            yield f"{place}.words", Text("只有 %(sources)s 可以换词，且每个值都要写到", sources="、".join(CHOICES))
        return
    if piece.source in settings and settings[piece.source].secret and not set(piece.filters) & DIGESTS:
        yield f"{place}.source", Text("密钥不能原样放进请求，须先经 md5 或 sha256")
    for at, name in enumerate(piece.filters):
        if name not in FILTERS:
            yield (
                f"{place}.filters[{at}]",
                Text("没有“%(name)s”这个过滤器，可用的有：%(words)s", name=name, words="、".join(FILTERS)),
            )
            return
        if kind not in FILTERS[name][0]:
            yield f"{place}.filters[{at}]", Text("“%(name)s”不能用在这里", name=name)
            return
        kind = Kind.TEXT
    if kind is Kind.MONEY:
        yield f"{place}.filters", Text("金额要写明单位：fen 或 yuan")
    elif kind is not Kind.TEXT:
        yield f"{place}.filters", Text("时间要写明格式，例如 date:YYYYMMDD")
