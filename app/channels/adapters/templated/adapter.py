"""An adapter made of a description. Its class is made for it: what it can do is what the description describes."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar

from app.channels.adapters.templated import filling, reading
from app.channels.adapters.templated.description import (
    Ask,
    BindInterface,
    Description,
    FiguresInterface,
    ListInterface,
    OrderInterface,
    Piece,
    Recipe,
    SettleInterface,
    StatementInterface,
    UnbindInterface,
)
from app.channels.adapters.templated.filling import Known
from app.channels.adapters.templated.parsing import parse
from app.channels.contract import (
    Adapter,
    BindObservation,
    BindsCards,
    BindSeen,
    CardPage,
    CardToBind,
    CardToUnbind,
    Figures,
    KickedOut,
    ListedCard,
    ListsCards,
    Observation,
    Order,
    RawCallback,
    ReadsBalance,
    ReadsFigures,
    ReadsStatements,
    Reply,
    Request,
    Seen,
    Setting,
    Settles,
    StatementLine,
    StatementPage,
    UnbindObservation,
    UnbindsCards,
    UnbindSeen,
    Unreadable,
)
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.kernel.numbers import random_text


class Templated(Adapter):
    """What every channel offers. Answers that the channel does not sign are heard, and prove nothing."""

    description: ClassVar[Description]

    def secrets(self) -> Sequence[str]:
        """Also what a digest makes of a secret that travels: whoever has it may use it."""
        known = Known(self.given, {})
        secret = {f"account.{setting.name}" for setting in self.settings if setting.secret}
        derived = [known.text(it) for it in _pieces(self.description) if it.source in secret and it.filters]
        return [*super().secrets(), *derived]

    def write_submit(self, order: Order) -> Request:
        return self._request(self.description.interfaces.submit.ask, filling.of_order(order))

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        interfaces = self.description.interfaces
        is_settlement = order.kind == "settlement" and interfaces.settle is not None
        ask = interfaces.settle.ask if is_settlement and interfaces.settle else interfaces.submit.ask
        return self._order(interfaces.submit, ask, order, reply)

    def write_query(self, order: Order) -> Request:
        return self._request(self.description.interfaces.query.ask, filling.of_order(order))

    def read_query(self, order: Order, reply: Reply) -> Observation:
        query = self.description.interfaces.query
        return self._order(query, query.ask, order, reply)

    def read_callback(self, raw: RawCallback) -> Observation:
        callback, recipe = self.description.callback, self.description.signing.callback
        if callback is None or recipe is None:
            raise Unreadable("这个渠道没有回调")
        fields = reading.tree(callback.body, raw.body, exact_form=callback.exact_form)
        signed = self._signed(recipe, fields, "", raw.body, raw.headers)
        reading.require(callback.checks, fields, callback.body, self.given)
        return reading.observation(
            self.description, callback.reads, fields, callback.body, code=None, codes={}, signed=signed
        )

    def _order(self, interface: OrderInterface, ask: Ask, order: Order, reply: Reply) -> Observation:
        fields, code, signed = self._answer(ask, self._known(filling.of_order(order)), reply)
        body = self.description.answer.body
        return reading.observation(
            self.description, interface.reads, fields, body, code=code, codes=interface.codes, signed=signed
        )

    def _known(self, values: Mapping[str, Any]) -> Known:
        call = {"call.time": clock.now(), "call.nonce": random_text(16)}
        return Known(self.given, {**call, **values})

    def _request(self, ask: Ask, values: Mapping[str, Any]) -> Request:
        return filling.request(self.description, ask, self._known(values))

    def _answer(self, ask: Ask, known: Known, reply: Reply) -> tuple[reading.Tree, str | None, bool]:
        """The fields, the code (None: an accepted one), and whether they are signed."""
        answer = self.description.answer
        if reply.status not in answer.statuses:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        fields = reading.tree(answer.body, reply.body, exact_form=answer.exact_form)
        target = filling.target(self.description, ask, known)
        signed = self._signed(self.description.signing.answer, fields, target, reply.body, reply.headers)
        reading.require(answer.checks, fields, answer.body, self.given)
        code = reading.text(fields, answer.code, answer.body)
        if code in answer.accepted:
            return fields, None, signed
        if not code:
            raise Unreadable("应答没有代码", answer.code)
        if signed and code in answer.kicked_out:
            raise KickedOut("第三方已有他人登录", code)
        return fields, code, signed

    def _signed(
        self, recipe: Recipe, fields: reading.Tree, target: str, body: bytes, headers: Mapping[str, str]
    ) -> bool:
        about = {"request.path": target, "body": body.decode("utf-8", "surrogateescape")}
        return reading.require_signature(recipe, fields, about, headers, self.given)

    def _text(self, fields: reading.Tree, path: str) -> str:
        return reading.text(fields, path, self.description.answer.body)

    def _require_echoes(self, interface: Any, fields: reading.Tree, known: Known) -> None:
        reading.require_echoes(interface.echoes, fields, self.description.answer.body, known)


class _Settling(Templated, Settles):
    settling: ClassVar[SettleInterface]

    def write_settle(self, order: Order) -> Request:
        return self._request(self.settling.ask, filling.of_order(order))


class _Figures(Templated, ReadsFigures):
    telling: ClassVar[FiguresInterface]

    def write_figures(self, day: date) -> Request:
        return self._request(self.telling.ask, {"call.day": day})

    def read_figures(self, day: date, reply: Reply) -> Figures:
        known, told = self._known({"call.day": day}), self.telling
        fields, code, signed = self._answer(told.ask, known, reply)
        if code is not None or not signed:
            raise Unreadable("没有这一天的数据", code or "")
        self._require_echoes(told, fields, known)

        def amount(path: str) -> Money:
            return reading.money(self._text(fields, path), told.unit, path) if path else ZERO

        return Figures(
            day=day,
            total=amount(told.total),
            yesterday=amount(told.yesterday),
            today=amount(told.today),
            settled=amount(told.settled),
            settleable=amount(told.settleable),
            prefunded=amount(told.prefunded) if self._text(fields, told.prefunded) else None,
        )


class _Balance(_Figures, ReadsBalance):
    """Its answer may still name the day that was asked about."""

    def write_balance(self) -> Request:
        return self.write_figures(clock.business_day())

    def read_balance(self, reply: Reply) -> Money:
        return self.read_figures(clock.business_day(), reply).settleable


class _Binding(Templated, BindsCards):
    binding: ClassVar[BindInterface]

    def write_bind(self, card: CardToBind) -> Request:
        return self._request(self.binding.ask, filling.of_card(card))

    def read_bind(self, card: CardToBind, reply: Reply) -> BindObservation:
        known, words = self._known(filling.of_card(card)), self.description.bind_words
        fields, code, signed = self._answer(self.binding.ask, known, reply)
        if code is not None:  # too busy, or not understood: that says nothing about the card
            return BindObservation(seen=BindSeen.PENDING, message=self._text(fields, self.description.answer.message))
        word, message = self._text(fields, self.binding.word), self._text(fields, self.binding.message)
        if not signed or word not in words:
            return BindObservation(seen=BindSeen.PENDING, message=message)
        self._require_echoes(self.binding, fields, known)
        channel_card = self._text(fields, self.binding.channel_card)
        return BindObservation(seen=words[word], signed=True, channel_card=channel_card, message=message)


class _Listing(Templated, ListsCards):
    listing: ClassVar[ListInterface]

    def write_list(self, after: str) -> Request:
        return self._request(self.listing.ask, {"list.after": after})

    def read_list(self, after: str, reply: Reply) -> CardPage:
        known, told, body = self._known({"list.after": after}), self.listing, self.description.answer.body
        fields, code, signed = self._answer(told.ask, known, reply)
        if code is not None or not signed:
            raise Unreadable("没有卡片列表", code or "")
        self._require_echoes(told, fields, known)
        following = self._text(fields, told.next)
        if following and following == after:
            raise Unreadable("下一页还是这一页")
        return CardPage(
            cards=[self._listed(row) for row in reading.rows(fields, told.cards, body, told.written)], next=following
        )

    def _listed(self, row: reading.Tree) -> ListedCard:
        each = self.listing.each
        return ListedCard(
            channel_card=self._text(row, each.channel_card),
            reference=self._text(row, each.reference),
            number_masked=self._text(row, each.number_masked),
            holder=self._text(row, each.holder),
            bank=self._text(row, each.bank),
            state=self.description.bind_words.get(self._text(row, each.word), BindSeen.PENDING),
        )


class _Unbinding(Templated, UnbindsCards):
    unbinding: ClassVar[UnbindInterface]

    def write_unbind(self, card: CardToUnbind) -> Request:
        assert card.channel_card or card.reference, "which card?"
        return self._request(self.unbinding.ask, filling.of_unbinding(card))

    def read_unbind(self, card: CardToUnbind, reply: Reply) -> UnbindObservation:
        known, told = self._known(filling.of_unbinding(card)), self.unbinding
        fields, code, signed = self._answer(told.ask, known, reply)
        word = self._text(fields, told.word) if code is None else code
        words = self.description.unbind_words if code is None else told.codes
        message = self._text(fields, told.message if code is None else self.description.answer.message)
        if not signed or word not in words:
            return UnbindObservation(seen=UnbindSeen.PENDING, message=message)
        self._require_echoes(told, fields, known)
        return UnbindObservation(seen=words[word], signed=True, message=message)


class _Stating(Templated, ReadsStatements):
    stating: ClassVar[StatementInterface]

    def write_statement(self, day: date, after: str) -> Request:
        return self._request(self.stating.ask, {"call.day": day, "list.after": after})

    def read_statement(self, day: date, after: str, reply: Reply) -> StatementPage:
        known, told = self._known({"call.day": day, "list.after": after}), self.stating
        fields, code, signed = self._answer(told.ask, known, reply)
        if code is not None or not signed:
            raise Unreadable("没有这一天的对账单", code or "")
        self._require_echoes(told, fields, known)
        following = self._text(fields, told.next)
        if following and following == after:
            raise Unreadable("下一页还是这一页")
        rows = reading.rows(fields, told.lines, self.description.answer.body, told.written)
        return StatementPage(lines=[self._line(row) for row in rows], next=following)

    def _line(self, row: reading.Tree) -> StatementLine:
        each, words = self.stating.each, self.stating.words or self.description.words
        number, channel_number = self._text(row, each.number), self._text(row, each.channel_number)
        word = self._text(row, each.word)
        seen = words.get(word, Seen.PENDING)
        if not number and not channel_number:
            raise Unreadable("没有说是哪一笔", word)
        fee = self._text(row, each.fee.path) if each.fee else ""
        return StatementLine(
            number=number,
            channel_number=channel_number,
            word=word,
            seen=Seen.PENDING if seen is Seen.NOT_FOUND else seen,
            amount=reading.money(self._text(row, each.amount.path), each.amount.unit, each.amount.path),
            fee=reading.money(fee, each.fee.unit, each.fee.path) if each.fee and fee else None,
            at=reading.moment(row, each.at, self.description.answer.body) if each.at else None,
            message=self._text(row, each.message),
        )


_ABILITIES: dict[str, tuple[type[Templated], str]] = {
    "settle": (_Settling, "settling"),
    "figures": (_Figures, "telling"),
    "bind_card": (_Binding, "binding"),
    "list_cards": (_Listing, "listing"),
    "unbind_card": (_Unbinding, "unbinding"),
    "statement": (_Stating, "stating"),
}


@lru_cache(maxsize=128)
def adapter_class(code: str, text: str) -> type[Templated]:
    """The class of a description, by the JSON it was written in; one for each, however often it is asked for."""
    return adapter_of(code, parse(text))


def adapter_of(code: str, description: Description) -> type[Templated]:
    interfaces, manner = description.interfaces, description.manner
    offered = [it for key, (it, _) in _ABILITIES.items() if getattr(interfaces, key) is not None]
    if interfaces.figures is not None and not interfaces.figures.total:
        offered = [_Balance if it is _Figures else it for it in offered]
    unbinding = interfaces.unbind_card
    attributes: dict[str, Any] = {
        "description": description,
        "code": code,
        "title": description.title,
        "verified": description.verified,
        "basis": description.basis,
        "settings": tuple(
            Setting(name=it.name, label=it.label, secret=it.secret, multiline=it.multiline, example=it.example)
            for it in description.settings
        ),
        "words": description.words,
        "submit_codes": interfaces.submit.codes,
        "query_codes": interfaces.query.codes,
        "bind_words": description.bind_words,
        "unbind_words": description.unbind_words,
        "unbind_codes": unbinding.codes if unbinding else {},
        "kicked_out_words": frozenset(description.answer.kicked_out),
        "deduplicates": manner.deduplicates,
        "funds": _funds(interfaces.submit.ask),
        "query_waits_s": manner.query_waits_s,
        "resend_window_s": manner.resend_window_s,
        "return_waits_s": manner.return_waits_s,
        "return_refunds_fee": manner.return_refunds_fee,
        "callback_answer": description.callback.answer_word if description.callback else "success",
        **{name: getattr(interfaces, key) for key, (_, name) in _ABILITIES.items()},
    }
    return type("Described", tuple(offered) or (Templated,), attributes)


def _funds(ask: Ask) -> frozenset[Funds]:
    """Whoever can tell the channel of which funds to pay can pay of both."""
    tells = any(it.source == "order.funds" for it in (*ask.path, *ask.parameters))
    return frozenset(Funds) if tells else frozenset({Funds.COLLECTED})


def _pieces(description: Description) -> list[Piece]:
    """Everything that is filled from somewhere, in any request."""
    interfaces = description.interfaces
    asks = [
        interface.ask
        for interface in (
            *(interfaces.submit, interfaces.query, interfaces.settle, interfaces.figures),
            *(interfaces.bind_card, interfaces.list_cards, interfaces.unbind_card, interfaces.statement),
        )
        if interface is not None
    ]
    return [*description.headers, *(it for ask in asks for it in (*ask.path, *ask.parameters))]
