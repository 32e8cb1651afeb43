"""A description tried on its own samples and worked examples, and on what must never pass: requests and answers astray."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from app.channels.adapters.templated import filling
from app.channels.adapters.templated.adapter import Templated, adapter_of
from app.channels.adapters.templated.description import Description, Digest, Expected, Sample, SampleOf
from app.channels.adapters.templated.parsing import Flaw
from app.channels.contract import (
    BadSignature,
    BindsCards,
    ListsCards,
    Observation,
    RawCallback,
    ReadsFigures,
    ReadsStatements,
    Reply,
    Request,
    Seen,
    UnbindsCards,
    Unreadable,
)
from app.kernel import clock, signing
from app.kernel.errors import Malformed, Text

_DECIDED = frozenset({Expected.PAID, Expected.FAILED, Expected.RETURNED, Expected.NOT_FOUND})


def rehearsed(description: Description) -> list[Flaw]:
    settings, recipe = dict(description.sample_settings), description.signing.request
    if recipe.digest is Digest.RSA_SHA256:
        settings.setdefault(recipe.secret, _private_key())
    missing = [it.name for it in description.settings if not settings.get(it.name)]
    if missing:
        return [Flaw("sample_settings", Text("样例缺少测试参数：%(names)s", names="、".join(missing)))]
    channel = adapter_of("rehearsed", description)(settings)
    try:
        found = [*_samples(channel), *_worked(channel), *_absent(description), *_astray(channel)]
    except (ValueError, TypeError, AssertionError):  # a key in PEM that is none, is locked, or of another kind
        return [Flaw("sample_settings", Text("样例的密钥不能用来签名或验签"))]
    return [Flaw(place, text) for place, text in found]


@cache
def _private_key() -> str:
    """Of nobody: what we would sign with has no part in how their answers read, so no private key need be written down."""
    return signing.new_rsa_pair()[0]


Found = Iterator[tuple[str, Text]]


def _samples(channel: Templated) -> Found:
    for at, sample in enumerate(channel.description.samples):
        if not _is_described(channel.description, sample.interface):
            yield f"samples[{at}].interface", Text("没有描述这个接口")
            continue
        try:
            found = hear(channel, sample)
        except (Malformed, KeyError):
            yield f"samples[{at}].about", Text("不认识的名称或值")
            continue
        if found is not sample.expects:
            text = Text("应读作 %(wanted)s，读出来是 %(found)s", wanted=sample.expects, found=found)
            yield f"samples[{at}].expects", text


def hear(channel: Templated, sample: Sample) -> Expected:
    """What a sample reads as."""
    try:
        return _told(_read(channel, sample))
    except BadSignature:
        return Expected.BAD_SIGNATURE
    except Unreadable:
        return Expected.UNREADABLE


def _told(found: Any) -> Expected:
    return Expected(str(found.seen)) if hasattr(found, "seen") else Expected.READ


def _read(channel: Templated, sample: Sample) -> object:
    headers = {name.lower(): text for name, text in sample.headers.items()}
    reply = Reply(status=sample.status, body=sample.body.encode(), headers=headers)
    if sample.interface is SampleOf.CALLBACK:
        return channel.read_callback(RawCallback(body=reply.body, content_type="", headers=headers))
    values = filling.example(sample.interface, sample.about)
    return read(channel, sample.interface, values, reply)


def read(channel: Templated, interface: str, values: dict[str, Any], reply: Reply) -> object:
    """The answer to a question that was filled with these values."""
    if interface == "query":
        return channel.read_query(filling.order_of(values), reply)
    if interface in ("submit", "settle"):
        return channel.read_submit(filling.order_of(values), reply)
    if interface == "figures":
        assert isinstance(channel, ReadsFigures)
        return channel.read_figures(_day(values), reply)
    if interface == "bind_card":
        assert isinstance(channel, BindsCards)
        return channel.read_bind(filling.card_of(values), reply)
    if interface == "list_cards":
        assert isinstance(channel, ListsCards)
        return channel.read_list(values["list.after"], reply)
    if interface == "statement":
        assert isinstance(channel, ReadsStatements)
        return channel.read_statement(_day(values), values["list.after"], reply)
    assert isinstance(channel, UnbindsCards)
    return channel.read_unbind(filling.unbinding_of(values), reply)


def written(channel: Templated, interface: str, values: dict[str, Any]) -> Request:
    """The request of an interface, filled with these values."""
    ask = getattr(channel.description.interfaces, interface).ask
    return filling.request(channel.description, ask, filling.Known(channel.given, values))


def _day(values: dict[str, Any]) -> date:
    day = values["call.day"]
    assert isinstance(day, date)
    return day


def _worked(channel: Templated) -> Found:
    description = channel.description
    for at, it in enumerate(description.worked):
        interface = getattr(description.interfaces, it.interface, None)
        if interface is None:
            yield f"worked[{at}].interface", Text("没有描述这个接口")
            continue
        known = {**channel.given, **it.settings}
        try:
            values = filling.example(it.interface, it.about)
            request, signature = filling.signed(description, interface.ask, filling.Known(known, values))
        except (Malformed, KeyError):
            yield f"worked[{at}].about", Text("不认识的名称或值")
            continue
        if not signing.same(signature, it.signature):
            text = Text("文档里的签名与我们的不符；我们的待签名串：%(text)s", text=request.signed_text)
            yield f"worked[{at}].signature", text


def _absent(description: Description) -> Found:
    """Every interface has been seen to be read, payment and refusal included."""
    has = {sample.interface for sample in description.samples}
    for name in SampleOf:
        if _is_described(description, name) and name not in has:
            yield "samples", Text("接口 %(name)s 还没有样例", name=name)
    expected = {sample.expects for sample in description.samples}
    is_signed = description.signing.answer.text != "none"
    for wanted in (Expected.PAID, Expected.FAILED) if is_signed else (Expected.PAID,):
        if wanted not in expected:
            yield "samples", Text("还没有读作 %(wanted)s 的样例", wanted=wanted)


def _astray(channel: Templated) -> Found:
    """Our own request sent back to us, an answer posted as a callback, a callback given as an answer: nothing is proved."""
    description = channel.description
    for name in ("submit", "query"):
        values = filling.example(name, {}) | {"call.time": clock.now()}
        request = written(channel, name, values)
        headers = {key.lower(): text for key, text in request.headers.items()}
        reply = Reply(status=description.answer.statuses[0], body=request.body, headers=headers)
        if _proves(channel, name, reply):
            yield "answer.checks", Text("我们自己的请求原样送回，会被当作应答")
        if _proves(channel, "callback", reply):
            yield "callback.checks", Text("我们自己的请求原样送回，会被当作回调")
    for sample in description.samples:
        if sample.expects not in _DECIDED:
            continue
        headers = {key.lower(): text for key, text in sample.headers.items()}
        reply = Reply(status=description.answer.statuses[0], body=sample.body.encode(), headers=headers)
        if sample.interface is SampleOf.CALLBACK:
            if _proves(channel, "query", reply):
                yield "answer.checks", Text("回调会被当作查询的应答")
        elif _proves(channel, "callback", reply):
            yield "callback.checks", Text("应答会被当作回调")


def _is_described(description: Description, interface: SampleOf) -> bool:
    if interface is SampleOf.CALLBACK:
        return description.callback is not None
    return getattr(description.interfaces, interface) is not None


def _proves(channel: Templated, interface: str, reply: Reply) -> bool:
    try:
        if interface == "callback":
            seen = channel.read_callback(RawCallback(body=reply.body, content_type="", headers=reply.headers))
        else:
            found = read(channel, interface, filling.example(interface, {}), reply)
            assert isinstance(found, Observation)
            seen = found
    except Unreadable:
        return False
    return seen.signed and seen.seen is not Seen.PENDING
