"""Every adapter keeps these promises. Subclass `ChannelContract`, name the adapter, its samples and its other side.

Samples are recorded answers, `samples/<code>/<interface>.<name>.http`: a first line, headers, an empty line, the raw body.
`Them` is the third party's pen: it words and signs what the samples do not hold, with keys of its own.
"""

import inspect
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.channels.adapters import abilities_of
from app.channels.contract import (
    Adapter,
    BadSignature,
    BindsCards,
    BindSeen,
    BindsManyCards,
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
    Settles,
    StatementLine,
    StatementPage,
    UnbindsCards,
    UnbindSeen,
    Unreadable,
)
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import LARGEST_MINOR, ZERO, Money

TOP = Path(__file__).resolve().parents[2]
SAMPLES = TOP / "tests" / "channels" / "samples"
CARD = "6222020200112233441"
ORDER = Order(
    number="W20261121ABCDE",
    amount=Money(123450),
    card_number=CARD,
    holder="张三&Sons=",
    bank="中国工商银行",
    made_at=datetime(2026, 11, 21, 1, 30, tzinfo=UTC),
)
TO_BIND = CardToBind(
    reference="B20261121ABCDE", card_number=CARD, holder="张三", bank="中国工商银行", phone="13800000000"
)
CORPORATE = replace(
    TO_BIND,
    card_number="801234567",  # no PAN: short, and no Luhn
    account_type="corporate",
    details={
        "id_number": "91110000X",
        "branch": "朝阳支行",
        "cnaps": "102100099996",
        "province": "北京市",
        "city": "北京",
        "other": "?",
    },
)
BATCH = [replace(TO_BIND, reference=f"B20261121{name}") for name in ("BOUND", "REFUSED", "IN_REVIEW", "MISSING")]
TO_UNBIND = CardToUnbind(reference="B20261121ABCDE", channel_card="card_1", card_number=CARD, holder="张三")
DAY = date(2026, 11, 21)
LINE = StatementLine(
    number=ORDER.number,
    channel_number="C1",
    word="",
    seen=Seen.PENDING,
    amount=ORDER.amount,
    fee=Money(200),
    at=datetime(2026, 11, 21, 1, 30, tzinfo=UTC),
    message="",
)
UNPROVED = "pending, and no word about it is proved"
FINAL = {Seen.PAID, Seen.FAILED, Seen.RETURNED, Seen.NOT_FOUND}
DECIDED = FINAL | {BindSeen.BOUND, BindSeen.REFUSED, UnbindSeen.GONE, UnbindSeen.REFUSED}
NEEDS_AMOUNT = {Seen.PAID, Seen.FAILED, Seen.RETURNED}

INTERFACES = ("submit", "query", "callback")

Message = Reply | RawCallback
Amounts = st.integers(1, LARGEST_MINOR).map(Money)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.function_scoped_fixture],
)

# Bodies that no third party sends, or that mean two things at once: tried plain and, where that can be, validly signed.
GARBAGE = {
    "empty": b"",
    "a web page": b"<html><body>502 Bad Gateway</body></html>",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "half of JSON": b'{"code":"OK","data":{"tradeSt',
    "not UTF-8": b'{"code":"\xff\xfe"}',
    "NaN": b'{"code":"OK","amount":NaN}',
    "infinity": b'{"code":"OK","amount":Infinity}',
    "a repeated name": b'{"code":"OK","code":"OK"}',
    "a repeated parameter": b"status=SUCCESS&status=FAIL",
    "a parameter without a value": b"status",
    "a deep nest": b"[" * 60_000,
    "digits without end": b'{"amount":' + b"9" * 5_000 + b"}",
}


class Them(ABC):
    """The third party, as far as a test needs it."""

    settings: Mapping[str, str]
    """What the adapter is given to talk to these keys."""
    other_settings: Mapping[str, str]
    """Another account's keys."""

    @abstractmethod
    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        """A validly signed message about the order with this status word.

        Changes: `number`, `amount` (None leaves it out), `code` (an error code instead of a word), `more` (unknown fields).
        """

    @abstractmethod
    def forgeries(self, order: Order) -> Mapping[str, RawCallback]:
        """Callbacks of a payment that somebody tampered with: see FORGERIES."""

    @abstractmethod
    def amount_in(self, request: Request) -> int:
        """Fen, read out of our submit as their document says."""

    def seal(self, interface: str, body: bytes, order: Order) -> Message | None:
        """Any body at all with a valid signature, where the signature stands outside of the body."""
        return None


class TellsFigures(ABC):
    @abstractmethod
    def figures(self, figures: Figures, day_said: date) -> Reply: ...


class TellsBalance(ABC):
    @abstractmethod
    def balance(self, amount: Money) -> Reply: ...


class TakesCards(ABC):
    @abstractmethod
    def bind(self, reference: str, word: str) -> Reply: ...


class KeepsCards(ABC):
    """The pen of a third party that lists cards."""

    @abstractmethod
    def page(self, after: str, following: str, cards: Sequence[tuple[str, str, str]]) -> Reply:
        """Cards as (reference, number, status word)."""


class LetsCardsGo(ABC):
    @abstractmethod
    def unbind(self, card: CardToUnbind, word: str, *, code: str = "") -> Reply: ...


class BindsMany(ABC):
    @abstractmethod
    def bind_many(self, cards: Sequence[tuple[str, str]], *, code: str = "") -> Reply:
        """Cards as (reference, status word)."""


class TellsStatements(ABC):
    @abstractmethod
    def statement(
        self,
        lines: Sequence[StatementLine],
        *,
        day: date = DAY,
        after: str = "",
        following: str = "",
        **instead: object,
    ) -> Reply:
        """Lines with their words and amounts. Instead: `amount`, `fee`, `at` as they are written in every line."""


FORGERIES = {"probe signature", "downgraded algorithm", "repeated parameter"}
"""WeChat signs wrongly on purpose to see whether we look ("WECHATPAY/SIGNTEST/…"); attackers name weaker algorithms, and
write a name twice. A manner that names no algorithm, or has no parameters, leaves out what cannot be."""


class ChannelContract:
    adapter: ClassVar[type[Adapter]]
    sample_settings: ClassVar[Mapping[str, str]]
    samples: ClassVar[
        Mapping[str, Seen | BindSeen | UnbindSeen | Mapping[str, BindSeen] | Mapping[str, Seen] | str | type[Exception]]
    ]
    volatile_headers: ClassVar[frozenset[str]] = frozenset()
    them: ClassVar[Any]
    speaks: ClassVar[tuple[str, ...]] = INTERFACES
    """Whose answers and notices carry a status word of the order; the others only say that they were taken."""
    names_merchant: ClassVar[tuple[str, ...]] = INTERFACES
    """Which of them say whose account it is about. Of the others the key says it."""
    needs_amount: ClassVar[Set[Seen]] = NEEDS_AMOUNT
    """The words that prove nothing unless they say how much."""
    has_other_spellings: ClassVar[bool] = False
    """What is signed is what a message says, not its bytes: the same pairs in another spelling are the same message."""

    @pytest.fixture
    def channel(self) -> Adapter:
        return self.adapter(self.them.settings)

    @pytest.fixture
    def recorded(self) -> Adapter:
        """The adapter as the samples were recorded for it."""
        return self.adapter(self.sample_settings)

    def test_nothing_is_left_to_do(self) -> None:
        """`paydesk channel new` says what it made up. A line goes when the channel or its document has said how it is."""
        if left := list(todos(self.adapter.code, Path(inspect.getfile(type(self))))):
            pytest.fail(f"{len(left)} things are made up, and wait for you:\n" + "\n".join(left), pytrace=False)

    # -- what we write

    def test_a_submit_names_our_order_and_amount(self, channel: Adapter) -> None:
        request = channel.write_submit(ORDER)
        assert ORDER.number.encode() in request.body
        assert self.them.amount_in(request) == ORDER.amount.minor

    def test_a_query_names_our_order(self, channel: Adapter) -> None:
        request = channel.write_query(ORDER)
        assert ORDER.number.encode() in request.path.encode() + request.body

    @pytest.mark.parametrize("write", ["write_submit", "write_query"])
    def test_the_same_order_is_written_the_same_way_at_any_time(self, channel: Adapter, write: str) -> None:
        def written(later: timedelta) -> tuple[object, ...]:
            with clock.replaced(lambda: datetime(2026, 11, 21, 2, tzinfo=UTC) + later):
                request: Request = getattr(channel, write)(ORDER)
            assert set(request.headers) >= self.volatile_headers, (
                "headers that change with the time, and are not written"
            )
            kept = {name: text for name, text in request.headers.items() if name not in self.volatile_headers}
            return request.method, self.lasting(request), request.content_type, kept

        assert written(timedelta()) == written(timedelta(days=3)), (
            "what must change belongs to volatile_headers, or `lasting`"
        )

    @given(amount=Amounts)
    @quick
    def test_every_amount_arrives_as_it_is(self, channel: Adapter, amount: Money) -> None:
        order = replace(ORDER, amount=amount)
        assert self.them.amount_in(channel.write_submit(order)) == amount.minor
        for interface in self.speaks:
            assert self.hear(channel, self.word(Seen.PAID), interface, order=order).amount == amount

    def test_no_secret_is_shown(self, channel: Adapter) -> None:
        secrets = [self.them.settings[setting.name] for setting in self.adapter.settings if setting.secret]
        assert secrets
        for request in (channel.write_submit(ORDER), channel.write_query(ORDER)):
            shown = f"{request!r} {request.path} {request.signed_text} {dict(request.headers)} {channel!r} {ORDER!r}"
            for secret in secrets:
                assert secret not in shown
                assert secret.encode() not in request.body
            assert CARD not in f"{request!r} {request.path} {ORDER!r} {dict(request.headers)}"

    def test_it_is_not_built_without_its_settings(self) -> None:
        needed = [setting for setting in self.adapter.settings if not (setting.optional or setting.default)]
        assert needed
        for setting in needed:
            with pytest.raises(AssertionError, match="settings missing"):
                self.adapter({**self.them.settings, setting.name: ""})

    # -- what we read: recorded samples

    def test_every_sample_is_promised_and_every_promise_has_its_sample(self) -> None:
        found = {path.name.removesuffix(".http") for path in (SAMPLES / self.adapter.code).glob("*.http")}
        can = abilities_of(self.adapter)
        assert found == set(self.samples) | ({"figures.today"} if can.balance else set())

    def test_every_sample_reads_as_promised(self, recorded: Adapter) -> None:
        for name, promised in self.samples.items():
            message = sample(self.adapter.code, name)
            if isinstance(promised, type):
                with pytest.raises(promised):
                    read(recorded, name, message, ORDER)
                continue
            heard: Any = read(recorded, name, message, self.order_of(name))
            if isinstance(promised, dict):
                assert states(heard) == promised, name
                continue
            if promised == UNPROVED:
                assert (heard.seen, heard.signed) == ("pending", False), name
                continue
            assert heard.seen is promised, name
            assert heard.signed, name

    def test_every_final_word_has_a_sample(self, recorded: Adapter) -> None:
        documented = {**self.adapter.words, **self.codes("submit_codes"), **self.codes("query_codes")}
        heard = {
            read(recorded, name, sample(self.adapter.code, name), self.order_of(name)).word
            for name, promised in self.samples.items()
            if isinstance(promised, Seen)
        }
        assert {word for word, seen in documented.items() if seen in FINAL} <= heard

    @given(data=st.data())
    @quick
    def test_one_changed_byte_proves_nothing(self, recorded: Adapter, data: st.DataObject) -> None:
        names = sorted(name for name, promised in self.samples.items() if decides(promised))
        name = data.draw(st.sampled_from(names))
        message, order = sample(self.adapter.code, name), self.order_of(name)
        at = data.draw(st.integers(0, len(message.body) - 1))
        other = data.draw(st.integers(0, 255).filter(lambda byte: byte != message.body[at]))
        body = message.body[:at] + bytes([other]) + message.body[at + 1 :]
        self.proves_nothing_new(recorded, name, replace(message, body=body), order)

    @given(data=st.data())
    @quick
    def test_a_cut_or_lengthened_body_proves_nothing(self, recorded: Adapter, data: st.DataObject) -> None:
        names = sorted(name for name, promised in self.samples.items() if decides(promised))
        name = data.draw(st.sampled_from(names))
        message, order = sample(self.adapter.code, name), self.order_of(name)
        body = data.draw(
            st.one_of(
                st.integers(0, len(message.body) - 1).map(lambda length: message.body[:length]),
                st.binary(min_size=1, max_size=3).map(lambda more: message.body + more),
            )
        )
        self.proves_nothing_new(recorded, name, replace(message, body=body), order)

    # -- what we read: words

    def test_an_undocumented_word_is_pending(self, channel: Adapter) -> None:
        assert channel.read_word("A WORD NOBODY DOCUMENTED") is Seen.PENDING

    @given(
        word=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789成功失败", min_size=1, max_size=20)
    )
    @quick
    def test_an_undocumented_word_or_code_is_pending_wherever_it_is_said(self, channel: Adapter, word: str) -> None:
        for interface in self.speaks:
            if word not in self.adapter.words:
                assert self.hear(channel, word, interface).seen is Seen.PENDING
        for interface, codes in (("submit", "submit_codes"), ("query", "query_codes")):
            if word not in {**self.codes(codes), self.accepted_code(): None}:
                assert self.hear(channel, "", interface, code=word).seen is Seen.PENDING

    def test_a_code_that_nobody_documented_is_no_word_about_the_order(self, channel: Adapter) -> None:
        for interface, codes in (("submit", "submit_codes"), ("query", "query_codes")):
            heard = self.hear(channel, "", interface, code="A CODE NOBODY DOCUMENTED")
            assert (heard.seen, heard.signed, heard.vague) == (Seen.PENDING, True, True)
            for code in self.codes(codes):
                assert not self.hear(channel, "", interface, code=code).vague
            for word in (*self.adapter.words, "A WORD NOBODY DOCUMENTED") if interface in self.speaks else ():
                assert not self.hear(channel, word, interface).vague, (
                    "it took the order, or it would have no word for it"
                )

    def test_a_lost_seat_is_heard_whatever_was_asked_and_only_validly_signed(self, channel: Adapter) -> None:
        stranger = self.adapter({**self.them.settings, **self.them.other_settings})
        for code in self.adapter.kicked_out_words:
            for interface in ("submit", "query"):
                with pytest.raises(KickedOut):
                    self.hear(channel, "", interface, code=code)
                with pytest.raises(BadSignature):
                    self.hear(stranger, "", interface, code=code)
        decides = {*self.adapter.words, *self.codes("submit_codes"), *self.codes("query_codes"), self.accepted_code()}
        assert not decides & self.adapter.kicked_out_words, "it says nothing about any order"

    def test_a_refusal_of_one_interface_says_nothing_in_the_other(self, channel: Adapter) -> None:
        for code in self.codes("submit_codes"):
            assert self.hear(channel, "", "query", code=code).seen is Seen.PENDING
        for code in self.codes("query_codes"):
            assert self.hear(channel, "", "submit", code=code).seen is Seen.PENDING

    def test_every_documented_word_reads_the_same_everywhere(self, channel: Adapter) -> None:
        for word, seen in self.adapter.words.items():
            for interface in self.speaks:
                heard = self.hear(channel, word, interface)
                assert (heard.seen, heard.signed, heard.word) == (seen, True, word)
                assert (heard.number, heard.amount) == (ORDER.number, ORDER.amount)

    def test_a_final_word_without_a_number_or_an_amount_proves_nothing(self, channel: Adapter) -> None:
        for word, seen in self.adapter.words.items():
            if seen in NEEDS_AMOUNT:
                for interface in self.speaks:
                    with pytest.raises(Unreadable):
                        self.hear(channel, word, interface, number="")
                    if seen in self.needs_amount:
                        self.says_nothing(channel, word, interface, amount=None)

    def test_another_order_is_read_as_another_order(self, channel: Adapter) -> None:
        """The service compares; an adapter must not hide what it was told. Or it refuses to read it at all."""
        for interface in self.speaks:
            heard = self.hear(channel, self.word(Seen.PAID), interface, number="W00000000OTHER", amount=Money(1))
            assert (heard.number, heard.amount) == ("W00000000OTHER", Money(1))

    def test_a_forged_callback_is_refused(self, channel: Adapter) -> None:
        forged = self.them.forgeries(ORDER)
        assert "probe signature" in forged and set(forged) <= FORGERIES
        fair = channel.read_callback(self.them.say("callback", ORDER, self.word(Seen.PAID)))
        assert fair.signed and fair.number == ORDER.number
        for raw in forged.values():
            with pytest.raises(Unreadable):
                channel.read_callback(raw)

    def test_new_fields_are_tolerated(self, channel: Adapter) -> None:
        assert self.hear(channel, self.word(Seen.PAID), "query", more="x").seen is Seen.PAID

    # -- what we read: signatures and garbage

    def test_another_accounts_key_is_refused(self, recorded: Adapter) -> None:
        stranger = self.adapter({**self.sample_settings, **self.them.other_settings})
        for name, promised in self.samples.items():
            if decides(promised):
                with pytest.raises(BadSignature):
                    read(stranger, name, sample(self.adapter.code, name), self.order_of(name))

    @pytest.mark.parametrize("status", [301, 302, 401, 403, 429, 500, 502, 503, 504])
    def test_an_undocumented_http_status_proves_nothing(self, channel: Adapter, status: int) -> None:
        for word in self.adapter.words:
            message = self.them.say("query", ORDER, word)
            assert isinstance(message, Reply)
            with pytest.raises(Unreadable):
                channel.read_query(ORDER, replace(message, status=status))

    @pytest.mark.parametrize("name", GARBAGE)
    def test_garbage_is_unreadable_signed_or_not(self, channel: Adapter, name: str) -> None:
        for interface in ("submit", "query", "callback"):
            fair = self.them.say(interface, ORDER, self.word(Seen.PAID))
            for message in (replace(fair, body=GARBAGE[name]), self.them.seal(interface, GARBAGE[name], ORDER)):
                if message is not None:
                    with pytest.raises(Unreadable):
                        read(channel, interface, message, ORDER)

    @given(body=st.binary(max_size=300))
    @quick
    def test_noise_is_unreadable_signed_or_not(self, channel: Adapter, body: bytes) -> None:
        for interface in ("submit", "query", "callback"):
            plain = replace(self.them.say(interface, ORDER, self.word(Seen.PAID)), body=body)
            for message in (plain, self.them.seal(interface, body, ORDER)):
                if message is not None:
                    with pytest.raises(Unreadable):
                        read(channel, interface, message, ORDER)

    def test_an_answer_does_not_pass_for_a_callback_nor_the_other_way_round(self, channel: Adapter) -> None:
        word = self.word(Seen.PAID)
        answer, callback = self.them.say("query", ORDER, word), self.them.say("callback", ORDER, word)
        assert isinstance(answer, Reply)
        assert isinstance(callback, RawCallback)
        with pytest.raises(Unreadable):
            channel.read_callback(RawCallback(body=answer.body, content_type="", headers=answer.headers))
        with pytest.raises(Unreadable):
            channel.read_query(ORDER, Reply(status=200, body=callback.body, headers=callback.headers))

    def test_our_own_request_sent_back_to_us_proves_nothing(self, channel: Adapter) -> None:
        request = channel.write_submit(ORDER)
        headers = {name.lower(): text for name, text in request.headers.items()}
        with pytest.raises(Unreadable):
            channel.read_submit(ORDER, Reply(status=200, body=request.body, headers=headers))
        with pytest.raises(Unreadable):
            channel.read_callback(RawCallback(body=request.body, content_type=request.content_type, headers=headers))

    # -- abilities

    def test_another_merchants_answers_prove_nothing(self, recorded: Adapter) -> None:
        foreign = self.adapter({**self.sample_settings, "merchant_no": "FOREIGN"})
        for name, promised in self.samples.items():
            says_whose = name.partition(".")[0] in self.names_merchant or name.partition(".")[0] not in INTERFACES
            if decides(promised) and says_whose:
                with pytest.raises(Unreadable):
                    read(foreign, name, sample(self.adapter.code, name), self.order_of(name))

    def test_every_ability_has_its_suite(self) -> None:
        for ability, suite in SUITES.items():
            tells_less = ability is ReadsFigures and issubclass(self.adapter, ReadsBalance)
            assert (issubclass(self.adapter, ability) and not tells_less) == isinstance(self, suite), ability
        can = abilities_of(self.adapter)
        assert (can.binds, can.lists) == (issubclass(self.adapter, BindsCards), issubclass(self.adapter, ListsCards))
        assert (can.unbinds, can.settles) == (
            issubclass(self.adapter, UnbindsCards),
            issubclass(self.adapter, Settles),
        )
        assert can.cards_at_once == getattr(self.adapter, "cards_at_once", 1 if can.binds else 0)
        assert can.balance == issubclass(self.adapter, ReadsFigures)
        assert can.totals == (can.balance and not issubclass(self.adapter, ReadsBalance))
        assert can.statements == issubclass(self.adapter, ReadsStatements)
        assert can.pays_to == self.adapter.pays_to and can.pays_to

    # -- helpers

    def hear(
        self, channel: Adapter, word: str, interface: str, *, order: Order = ORDER, **changes: object
    ) -> Observation:
        observation = read(channel, interface, self.them.say(interface, order, word, **changes), order)
        assert isinstance(observation, Observation)
        return observation

    def lasting(self, request: Request) -> object:
        """What must be the same whenever the same order is written."""
        return request.path, request.body

    def says_nothing(self, channel: Adapter, word: str, interface: str, **changes: object) -> None:
        """It is refused, or read as no news."""
        try:
            assert self.hear(channel, word, interface, **changes).seen is Seen.PENDING
        except Unreadable:
            return

    def proves_nothing_new(self, channel: Adapter, name: str, message: Message, order: Order) -> None:
        """It is refused, or says no more than the message it was made from."""
        try:
            heard = read(channel, name, message, order)
        except Unreadable:
            return
        assert self.has_other_spellings, "a changed message was taken"
        assert heard == read(channel, name, sample(self.adapter.code, name), order)

    def word(self, seen: Seen) -> str:
        return next(word for word, meaning in self.adapter.words.items() if meaning is seen)

    def codes(self, name: str) -> Mapping[str, Seen]:
        """Error codes that decide, where the adapter has them apart from its status words."""
        found: Mapping[str, Seen] = getattr(self.adapter, name, {})
        return found

    def accepted_code(self) -> str:
        return ""

    def order_of(self, name: str) -> Order:
        """The order a sample is about: its number may stand in the path that was signed."""
        found = re.search(rb"W[0-9]{18}", sample(self.adapter.code, name).body)
        return replace(ORDER, number=found.group().decode()) if found else ORDER


class ReadsFiguresContract:
    adapter: ClassVar[type[Adapter]]
    sample_figures: ClassVar[Figures]
    them: ClassVar[Any]

    def test_figures_come_back_as_they_are(self, channel: Adapter, recorded: Adapter) -> None:
        assert isinstance(channel, ReadsFigures)
        assert isinstance(recorded, ReadsFigures)
        today = self.sample_figures.day
        message = sample(self.adapter.code, "figures.today")
        assert isinstance(message, Reply)
        assert recorded.read_figures(today, message) == self.sample_figures
        said = Figures(
            day=DAY, total=Money(10**14), yesterday=Money(0), today=Money(1), settled=Money(99), settleable=Money(12345)
        )
        assert channel.read_figures(DAY, self.them.figures(said, DAY)) == said
        with pytest.raises(Unreadable):
            channel.read_figures(DAY, self.them.figures(said, DAY - timedelta(days=1)))


class KeepsDepositsContract:
    """The channel pays of what it collected for us, or of what we paid in, as it is told."""

    adapter: ClassVar[type[Adapter]]
    them: ClassVar[Any]

    def test_an_order_says_of_which_funds_it_is_paid(self, channel: Adapter) -> None:
        assert self.adapter.funds == frozenset(Funds)
        collected, prefunded = (
            json.loads(channel.write_submit(replace(ORDER, funds=funds)).body)
            for funds in (Funds.COLLECTED, Funds.PREFUNDED)
        )
        told = {name: value for name, value in prefunded.items() if collected.get(name) != value}
        assert list(told.values()) == ["DEPOSIT"]
        assert {name: prefunded[name] for name in prefunded if name not in told} == collected

    def test_what_was_paid_in_is_told_beside_what_was_collected(self, channel: Any) -> None:
        said = Figures(
            day=DAY, total=ZERO, yesterday=ZERO, today=ZERO, settled=ZERO, settleable=Money(5), prefunded=Money(700)
        )
        assert channel.read_figures(DAY, self.them.figures(said, DAY)) == said
        none = replace(said, prefunded=ZERO)
        assert channel.read_figures(DAY, self.them.figures(none, DAY)) == none, "nothing is not the same as not told"


class ReadsBalanceContract:
    adapter: ClassVar[type[Adapter]]
    sample_balance: ClassVar[Money]
    them: ClassVar[Any]

    def test_the_balance_comes_back_as_it_is_and_nothing_else_is_made_up(self, channel: Any, recorded: Any) -> None:
        assert recorded.read_balance(sample(self.adapter.code, "figures.today")) == self.sample_balance
        for amount in (Money(0), Money(1), Money(12345), Money(10**14)):
            assert channel.read_balance(self.them.balance(amount)) == amount
            told = channel.read_figures(DAY, self.them.balance(amount))
            assert told == Figures(day=DAY, total=ZERO, yesterday=ZERO, today=ZERO, settled=ZERO, settleable=amount)

    def test_no_other_answer_is_a_balance(self, channel: Any) -> None:
        with pytest.raises(Unreadable):
            channel.read_balance(self.them.say("query", ORDER, next(iter(self.adapter.words))))
        with pytest.raises(Unreadable):
            channel.read_balance(replace(self.them.balance(Money(1)), status=500))


class BindsCardsContract:
    adapter: ClassVar[type[Adapter]]
    them: ClassVar[Any]

    def test_a_card_is_bound_under_our_reference_only(self, channel: Adapter) -> None:
        assert isinstance(channel, BindsCards)
        request = channel.write_bind(TO_BIND)
        assert TO_BIND.reference.encode() in request.body
        words: Mapping[str, BindSeen] = self.adapter.bind_words  # type: ignore[attr-defined]
        for word, seen in words.items():
            assert channel.read_bind(TO_BIND, self.them.bind(TO_BIND.reference, word)).seen is seen
            with pytest.raises(Unreadable):
                channel.read_bind(TO_BIND, self.them.bind("B0", word))
        unlisted = channel.read_bind(TO_BIND, self.them.bind(TO_BIND.reference, "NOBODY_KNOWS"))
        assert (unlisted.seen, unlisted.signed) == (BindSeen.PENDING, False)

    def test_what_a_template_asks_for_is_written_and_nothing_else(self, channel: Adapter) -> None:
        assert isinstance(channel, BindsCards)
        said = unquote_plus(channel.write_bind(CORPORATE).body.decode())
        for value in [CORPORATE.card_number, *(text for key, text in CORPORATE.details.items() if key != "other")]:
            assert value in said
        assert "?" not in said
        assert "corporate" in said.lower()
        assert "corporate" not in unquote_plus(channel.write_bind(TO_BIND).body.decode()).lower()
        assert repr(CORPORATE) == f"CardToBind({CORPORATE.reference})"


class BindsManyContract:
    adapter: ClassVar[type[Adapter]]
    them: ClassVar[Any]

    def test_a_batch_names_every_card_of_ours(self, channel: Any) -> None:
        request = channel.write_bind_many("CB1", [*BATCH, CORPORATE])
        for card in [*BATCH, CORPORATE]:
            assert card.reference.encode() in request.body
        assert b"CB1" in request.body
        assert CARD not in f"{request!r} {request.path} {dict(request.headers)}"

    def test_each_card_of_a_batch_has_its_own_answer(self, channel: Any) -> None:
        words = self.adapter.bind_words  # type: ignore[attr-defined]
        for word, seen in words.items():
            told = channel.read_bind_many(BATCH, self.them.bind_many([(BATCH[0].reference, word)]))
            assert {reference: (it.seen, it.signed) for reference, it in told.items()} == {
                BATCH[0].reference: (seen, True)
            }
        unlisted = channel.read_bind_many(BATCH, self.them.bind_many([(BATCH[0].reference, "NOBODY_KNOWS")]))
        assert (unlisted[BATCH[0].reference].seen, unlisted[BATCH[0].reference].signed) == (BindSeen.PENDING, False)

    def test_a_code_for_the_whole_batch_says_nothing_about_its_cards(self, channel: Any) -> None:
        answered = [(card.reference, next(iter(self.adapter.bind_words))) for card in BATCH]  # type: ignore[attr-defined]
        assert channel.read_bind_many(BATCH, self.them.bind_many(answered, code="NOBODY_KNOWS")) == {}

    def test_a_card_that_is_not_ours_or_stands_twice_makes_a_batch_unreadable(self, channel: Any) -> None:
        word = next(iter(self.adapter.bind_words))  # type: ignore[attr-defined]
        for references in (["B0"], [BATCH[0].reference, "B0"], [BATCH[0].reference] * 2, [""]):
            with pytest.raises(Unreadable):
                channel.read_bind_many(BATCH, self.them.bind_many([(reference, word) for reference in references]))


class ListsCardsContract:
    adapter: ClassVar[type[Adapter]]
    them: ClassVar[Any]

    def test_every_word_of_a_list_is_read_as_in_a_bind(self, channel: Any) -> None:
        words = {**self.adapter.bind_words, "NOBODY_KNOWS": BindSeen.PENDING}  # type: ignore[attr-defined]
        page = channel.read_list("", self.them.page("", "p2", [("K1", "622202*3441", word) for word in words]))
        assert [card.state for card in page.cards] == list(words.values())
        assert page.next == "p2"
        assert page.cards[0] == ListedCard(
            channel_card="card_1",
            reference="K1",
            number_masked="622202*3441",
            holder="张**",
            bank="工商银行",
            state=next(iter(words.values())),
        )
        assert "3441" not in repr(page)

    def test_a_page_is_the_one_that_was_asked_for_and_leads_on(self, channel: Any) -> None:
        assert b"p2" in channel.write_list("p2").body
        assert channel.read_list("p2", self.them.page("p2", "", [])) == CardPage(cards=[], next="")
        for after, following in (("", ""), ("p1", "p3"), ("p2", "p2")):
            with pytest.raises(Unreadable):
                channel.read_list("p2", self.them.page(after, following, []))


class UnbindsCardsContract:
    adapter: ClassVar[type[Adapter]]
    them: ClassVar[Any]

    def test_an_unbind_names_the_card(self, channel: Any) -> None:
        request = channel.write_unbind(TO_UNBIND)
        assert b"card_1" in request.body
        assert TO_UNBIND.reference.encode() in request.body
        assert CARD not in f"{request!r} {request.path} {dict(request.headers)} {TO_UNBIND!r}"
        with pytest.raises(AssertionError):
            channel.write_unbind(CardToUnbind(reference="", channel_card=""))

    def test_only_a_documented_word_about_this_card_lets_it_go(self, channel: Any) -> None:
        words = self.adapter.unbind_words  # type: ignore[attr-defined]
        codes = self.adapter.unbind_codes  # type: ignore[attr-defined]
        assert set(codes.values()) == {UnbindSeen.GONE}, "no such card"
        others = (replace(TO_UNBIND, channel_card="card_2"), replace(TO_UNBIND, reference="B0"))
        for word, seen in words.items():
            heard = channel.read_unbind(TO_UNBIND, self.them.unbind(TO_UNBIND, word))
            assert (heard.seen, heard.signed) == (seen, True)
            for other in others:
                with pytest.raises(Unreadable):
                    channel.read_unbind(TO_UNBIND, self.them.unbind(other, word))
        for code, seen in codes.items():
            heard = channel.read_unbind(TO_UNBIND, self.them.unbind(TO_UNBIND, "", code=code))
            assert (heard.seen, heard.signed) == (seen, True)
            for other in others:
                with pytest.raises(Unreadable):
                    channel.read_unbind(TO_UNBIND, self.them.unbind(other, "", code=code))
        for reply in (
            self.them.unbind(TO_UNBIND, "NOBODY_KNOWS"),
            self.them.unbind(TO_UNBIND, next(iter(words)), code="NOBODY_KNOWS"),
            self.them.unbind(TO_UNBIND, ""),
            self.them.bind(TO_UNBIND.reference, next(iter(self.adapter.bind_words))),  # type: ignore[attr-defined]
        ):
            heard = channel.read_unbind(TO_UNBIND, reply)
            assert (heard.seen, heard.signed) == (UnbindSeen.PENDING, False)


class ReadsStatementsContract:
    adapter: ClassVar[type[Adapter]]
    them: ClassVar[Any]
    strange_amounts: ClassVar[tuple[object, ...]] = (
        "1e2",
        "1.005",
        " 100",
        "１００",
        "-1",
        "NaN",
        "",
        None,
        True,
        [1],
        {},
    )
    """None of them is an amount, however it is written."""

    def test_a_statement_is_asked_for_by_its_day_and_page(self, channel: Any) -> None:
        with clock.replaced(lambda: datetime(2026, 11, 22, 2, tzinfo=UTC)):
            first, other_day, later = (
                channel.write_statement(*asked) for asked in ((DAY, ""), (DAY + timedelta(days=9), ""), (DAY, "p2"))
            )
        said = [request.path.encode() + request.body for request in (first, other_day, later)]
        assert len(set(said)) == 3
        assert b"p2" in said[2]
        assert CARD not in f"{first!r} {first.path} {dict(first.headers)}"

    def test_every_line_is_read_by_the_table_of_words(self, channel: Any) -> None:
        words = {word: seen for word, seen in self.adapter.words.items() if seen is not Seen.NOT_FOUND}
        words["A WORD NOBODY DOCUMENTED"] = Seen.PENDING
        told = [replace(LINE, word=word, seen=seen) for word, seen in words.items()]
        page = channel.read_statement(DAY, "", self.them.statement(told, following="p2"))
        assert page == StatementPage(lines=told, next="p2")
        assert channel.read_statement(DAY, "", self.them.statement([])) == StatementPage(lines=[], next="")
        assert ORDER.holder not in repr(page)

    def test_a_statement_is_the_one_that_was_asked_for_and_leads_on(self, channel: Any) -> None:
        assert channel.read_statement(DAY, "p2", self.them.statement([], after="p2", following="p3")).next == "p3"
        for asked, changes in (
            ((DAY, ""), {"day": DAY - timedelta(days=1)}),
            ((DAY, "p2"), {"after": ""}),
            ((DAY, "p2"), {"after": "p1", "following": "p3"}),
            ((DAY, "p2"), {"after": "p2", "following": "p2"}),
        ):
            with pytest.raises(Unreadable):
                channel.read_statement(*asked, self.them.statement([], **changes))

    def test_a_line_about_nothing_or_of_no_plain_amount_spoils_its_statement(self, channel: Any) -> None:
        paid = next(word for word, seen in self.adapter.words.items() if seen is Seen.PAID)
        line = replace(LINE, word=paid)
        whole = channel.read_statement(DAY, "", self.them.statement([replace(line, number="")])).lines
        assert [(it.number, it.seen) for it in whole] == [("", Seen.PAID)], "paid by hand in their back office"
        spoilt = [self.them.statement([line, replace(line, number="", channel_number="")])]
        spoilt += [self.them.statement([line], amount=amount) for amount in self.strange_amounts]
        spoilt += [self.them.statement([line], fee="1e2"), self.them.statement([line], at="yesterday")]
        for reply in spoilt:
            with pytest.raises(Unreadable):
                channel.read_statement(DAY, "", reply)

    def test_no_other_answer_is_a_statement(self, channel: Any) -> None:
        fair = self.them.statement([replace(LINE, word=next(iter(self.adapter.words)))])
        stranger = self.adapter({**self.them.settings, **self.them.other_settings})
        with pytest.raises(BadSignature):
            stranger.read_statement(DAY, "", fair)  # type: ignore[attr-defined]
        for reply in (replace(fair, status=500), self.them.say("query", ORDER, next(iter(self.adapter.words)))):
            with pytest.raises(Unreadable):
                channel.read_statement(DAY, "", reply)


class SettlesContract:
    them: ClassVar[Any]

    def test_a_settlement_is_written_like_a_payout_and_asked_for_elsewhere(self, channel: Any) -> None:
        order = replace(ORDER, kind="settlement")
        with clock.replaced(lambda: datetime(2026, 11, 21, 2, tzinfo=UTC)):
            payout, settlement = channel.write_submit(order), channel.write_settle(order)
        assert (settlement.body, settlement.method) == (payout.body, payout.method)
        assert settlement.path != payout.path
        assert self.them.amount_in(settlement) == ORDER.amount.minor


SUITES: dict[type, type] = {
    ReadsFigures: ReadsFiguresContract,
    ReadsBalance: ReadsBalanceContract,
    BindsCards: BindsCardsContract,
    BindsManyCards: BindsManyContract,
    ListsCards: ListsCardsContract,
    UnbindsCards: UnbindsCardsContract,
    Settles: SettlesContract,
    ReadsStatements: ReadsStatementsContract,
}


def todos(code: str, suite: Path) -> Iterator[str]:
    """File, line and sentence of each TODO in a channel's adapter, suite and samples."""
    for path in (TOP / "app" / "channels" / "adapters" / f"{code}.py", suite, SAMPLES / code / "README.md"):
        for place, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
            if "TODO:" in line:
                yield f"{path.relative_to(TOP)}:{place}: {line.partition('TODO:')[2].strip()}"


def decides(promised: object) -> bool:
    """Samples after which something is settled: not one byte of them may be another."""
    return bool(promised) if isinstance(promised, dict) else promised in DECIDED


def states(heard: CardPage | StatementPage | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(heard, StatementPage):
        return {f"{line.number} {line.word}": line.seen for line in heard.lines}
    if isinstance(heard, CardPage):
        return {card.reference: card.state for card in heard.cards}
    assert all(it.signed for it in heard.values())
    return {reference: it.seen for reference, it in heard.items()}


def sample(code: str, name: str) -> Message:
    """A recorded message. The order of the file: first line, headers, empty line, raw body."""
    head, _, body = (SAMPLES / code / f"{name}.http").read_bytes().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if first.startswith("POST"):
        return RawCallback(body=body, content_type=headers.get("content-type", ""), headers=headers)
    return Reply(status=int(first.split()[1]), body=body, headers=headers)


def read(channel: Adapter, name: str, message: Message, order: Order) -> Any:
    """By the interface's name, which is the first part of a sample's."""
    interface = name.partition(".")[0]
    if isinstance(message, RawCallback):
        return channel.read_callback(message)
    if interface == "bind_card":
        assert isinstance(channel, BindsCards)
        return channel.read_bind(replace(TO_BIND, reference=f"B20261121{name.partition('.')[2].upper()}"), message)
    if interface == "bind_cards":
        assert isinstance(channel, BindsManyCards)
        return channel.read_bind_many(BATCH, message)
    if interface == "list_cards":
        assert isinstance(channel, ListsCards)
        return channel.read_list("", message)
    if interface == "unbind_card":
        assert isinstance(channel, UnbindsCards)
        reference = f"U20261121{name.partition('.')[2].upper()}"
        return channel.read_unbind(CardToUnbind(reference=reference, channel_card=""), message)
    if interface == "statement":
        assert isinstance(channel, ReadsStatements)
        return channel.read_statement(DAY, "", message)
    if interface == "settle":
        interface = "submit"
    if interface == "figures":
        assert isinstance(channel, ReadsFigures)
        return channel.read_figures(date(2020, 1, 1), message)
    return getattr(channel, f"read_{interface}")(order, message)
