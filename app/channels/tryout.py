"""A template tried out: what would be sent, what the channel says to it, how that reads. With test parameters only.

Only questions ever leave the house from here: nothing that pays, binds or parts is sent, for no ledger would know of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from app.channels.adapters.templated import Description, adapter_of
from app.channels.adapters.templated.adapter import Templated
from app.channels.adapters.templated.filling import example
from app.channels.adapters.templated.rehearsing import read, written
from app.channels.contract import BadSignature, CardPage, RawCallback, Reply, Request, StatementPage, Unreadable
from app.channels.rules import Cover, of_names
from app.kernel import clock
from app.kernel.bank_card import mask
from app.kernel.errors import Text, gettext_noop
from app.kernel.numbers import random_text
from app.runtime import http

ASKS = frozenset({"query", "figures", "list_cards", "statement"})
"""Interfaces that change nothing at the channel."""

WORDS = {
    "seen": gettext_noop("结论"),
    "signed": gettext_noop("签名有效"),
    "vague": gettext_noop("没有说到这一笔"),
    "number": gettext_noop("订单编号"),
    "amount": gettext_noop("金额"),
    "channel_number": gettext_noop("渠道单号"),
    "word": gettext_noop("渠道状态词"),
    "message": gettext_noop("渠道说明"),
    "channel_card": gettext_noop("渠道的卡标识"),
    "day": gettext_noop("日期"),
    "total": gettext_noop("交易总额"),
    "yesterday": gettext_noop("昨日"),
    "today": gettext_noop("今日"),
    "settled": gettext_noop("结算金额"),
    "settleable": gettext_noop("可结算金额"),
    "cards": gettext_noop("卡片数"),
    "lines": gettext_noop("流水笔数"),
    "next": gettext_noop("下一页从哪里开始"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Everything in it is masked. `told`: how the answer reads; `why_not`: why it proves nothing."""

    signed_text: str = ""
    request: str = ""
    reply: str = ""
    told: Sequence[tuple[str, object]] = ()
    why_not: str = ""


class _Bench:
    """One interface with the values that it is tried with."""

    def __init__(
        self, description: Description, interface: str, about: Mapping[str, str], settings: Mapping[str, str]
    ) -> None:
        self.channel: Templated = adapter_of("trial", description)(settings)
        self.interface = interface
        now = {"call.time": clock.now(), "call.nonce": random_text(16)}
        self.values: dict[str, Any] = {**example(interface, about), **now}
        private = dict.fromkeys(self.channel.secrets(), "******")
        for name, value in self.values.items():
            if name.endswith(".card_number"):
                private[value] = mask(value)
            elif name.endswith((".holder", ".phone")) or name.startswith("card.details."):
                private |= of_names(value)
        self.cover = Cover(private)

    def request(self) -> Request:
        return written(self.channel, self.interface, self.values)

    def shown(self, request: Request) -> dict[str, Any]:
        headers = "".join(f"{name}: {text}\n" for name, text in request.headers.items())
        head = f"{request.method} {request.path}\nContent-Type: {request.content_type}\n{headers}\n"
        return {
            "signed_text": self.cover.over(request.signed_text),
            "request": self.cover.over(head + request.body.decode(errors="backslashreplace")),
        }

    def heard(self, reply: Reply) -> dict[str, Any]:
        shown = self.cover.over(f"HTTP {reply.status}\n\n{reply.body.decode(errors='backslashreplace')}")
        try:
            if self.interface == "callback":
                raw = RawCallback(body=reply.body, content_type="", headers=reply.headers)
                found: object = self.channel.read_callback(raw)
            else:
                found = read(self.channel, self.interface, self.values, reply)
        except BadSignature as problem:
            return {"reply": shown, "why_not": problem.reason}
        except Unreadable as problem:
            return {"reply": shown, "why_not": problem.reason}
        return {"reply": shown, "told": _told(found, self.cover)}


def fill(description: Description, interface: str, about: Mapping[str, str], settings: Mapping[str, str]) -> Trial:
    """The request that would be sent. KeyError, ValueError where a value is none; Malformed is one of them."""
    bench = _Bench(description, interface, about, settings)
    return Trial(**bench.shown(bench.request()))


def hear(
    description: Description,
    interface: str,
    about: Mapping[str, str],
    settings: Mapping[str, str],
    reply: Reply,
) -> Trial:
    """How an answer or a callback that somebody has at hand reads."""
    bench = _Bench(description, interface, about, settings)
    shown = {} if interface == "callback" else bench.shown(bench.request())
    return Trial(**shown, **bench.heard(reply))


def ask(description: Description, interface: str, about: Mapping[str, str], settings: Mapping[str, str]) -> Trial:
    """Send the question, and read the answer. No transaction may be open."""
    assert interface in ASKS, "a trial asks, and does nothing"
    bench = _Bench(description, interface, about, settings)
    request = bench.request()
    try:
        answer = http.send(
            request.method,
            settings["base_url"].rstrip("/") + request.path,
            body=request.body,
            headers={"Content-Type": request.content_type, **request.headers},
        )
    except (http.NotSent, http.Unanswered) as problem:
        return Trial(**bench.shown(request), why_not=str(problem))
    reply = Reply(status=answer.status, body=answer.body, headers=answer.headers)
    return Trial(**bench.shown(request), **bench.heard(reply))


def _told(found: object, cover: Cover) -> list[tuple[str, object]]:
    assert is_dataclass(found)
    if isinstance(found, CardPage):
        return [(WORDS["cards"], len(found.cards)), (WORDS["next"], found.next)]
    if isinstance(found, StatementPage):
        return [(WORDS["lines"], len(found.lines)), (WORDS["next"], found.next)]
    told: list[tuple[str, object]] = []
    for one in fields(found):
        value = getattr(found, one.name)
        if isinstance(value, bool):
            value = Text("是") if value else Text("否")
        elif type(value) is str:
            value = cover.over(value)
        told.append((WORDS[one.name], value))
    return told
