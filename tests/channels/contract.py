"""Every adapter keeps these promises. Subclass `ChannelContract`, name the adapter, its samples and its other side.

Samples are recorded answers, `samples/<code>/<interface>.<name>.http`: a first line, headers, an empty line, the raw body.
`Them` is the third party's pen: it words and signs what the samples do not hold, with keys of its own.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.channels.contract import (
    Adapter,
    BadSignature,
    BindsCards,
    BindSeen,
    CardToBind,
    Figures,
    Observation,
    Order,
    RawCallback,
    ReadsFigures,
    Reply,
    Request,
    Seen,
    Unreadable,
)
from app.kernel import clock
from app.kernel.money import LARGEST_MINOR, Money

SAMPLES = Path(__file__).parent / "samples"
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
DAY = date(2026, 11, 21)
FINAL = {Seen.PAID, Seen.FAILED, Seen.RETURNED, Seen.NOT_FOUND}
NEEDS_AMOUNT = {Seen.PAID, Seen.FAILED, Seen.RETURNED}

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
    def figures(self, figures: Figures, day_said: date) -> Reply: ...

    @abstractmethod
    def bind(self, reference: str, word: str) -> Reply: ...

    @abstractmethod
    def amount_in(self, request: Request) -> int:
        """Fen, read out of our submit as their document says."""

    def seal(self, interface: str, body: bytes, order: Order) -> Message | None:
        """Any body at all with a valid signature, where the signature stands outside of the body."""
        return None


class ChannelContract:
    adapter: ClassVar[type[Adapter]]
    sample_settings: ClassVar[Mapping[str, str]]
    sample_figures: ClassVar[Figures]
    samples: ClassVar[Mapping[str, Seen | BindSeen | type[Exception]]]
    volatile_headers: ClassVar[frozenset[str]] = frozenset()
    them: ClassVar[Them]

    @pytest.fixture
    def channel(self) -> Adapter:
        return self.adapter(self.them.settings)

    @pytest.fixture
    def recorded(self) -> Adapter:
        """The adapter as the samples were recorded for it."""
        return self.adapter(self.sample_settings)

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
            assert set(request.headers) >= self.volatile_headers
            kept = {name: text for name, text in request.headers.items() if name not in self.volatile_headers}
            return request.method, request.path, request.body, request.content_type, kept

        assert written(timedelta()) == written(timedelta(days=3))

    @given(amount=Amounts)
    @quick
    def test_every_amount_arrives_as_it_is(self, channel: Adapter, amount: Money) -> None:
        order = replace(ORDER, amount=amount)
        assert self.them.amount_in(channel.write_submit(order)) == amount.minor
        for interface in ("submit", "query", "callback"):
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
        for setting in self.adapter.settings:
            with pytest.raises(AssertionError, match="settings missing"):
                self.adapter({**self.them.settings, setting.name: ""})

    # -- what we read: recorded samples

    def test_every_sample_is_promised_and_every_promise_has_its_sample(self) -> None:
        found = {path.name.removesuffix(".http") for path in (SAMPLES / self.adapter.code).glob("*.http")}
        assert found == set(self.samples) | {"figures.today"}

    def test_every_sample_reads_as_promised(self, recorded: Adapter) -> None:
        for name, promised in self.samples.items():
            message = sample(self.adapter.code, name)
            if isinstance(promised, type):
                with pytest.raises(promised):
                    read(recorded, name, message, ORDER)
                continue
            heard: Any = read(recorded, name, message, self.order_of(name))
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
        names = sorted(name for name, promised in self.samples.items() if promised in FINAL)
        name = data.draw(st.sampled_from(names))
        message, order = sample(self.adapter.code, name), self.order_of(name)
        at = data.draw(st.integers(0, len(message.body) - 1))
        other = data.draw(st.integers(0, 255).filter(lambda byte: byte != message.body[at]))
        body = message.body[:at] + bytes([other]) + message.body[at + 1 :]
        with pytest.raises(Unreadable):
            read(recorded, name, replace(message, body=body), order)

    @given(data=st.data())
    @quick
    def test_a_cut_or_lengthened_body_proves_nothing(self, recorded: Adapter, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(name for name, promised in self.samples.items() if promised in FINAL)))
        message, order = sample(self.adapter.code, name), self.order_of(name)
        body = data.draw(
            st.one_of(
                st.integers(0, len(message.body) - 1).map(lambda length: message.body[:length]),
                st.binary(min_size=1, max_size=3).map(lambda more: message.body + more),
            )
        )
        with pytest.raises(Unreadable):
            read(recorded, name, replace(message, body=body), order)

    # -- what we read: words

    def test_an_undocumented_word_is_pending(self, channel: Adapter) -> None:
        assert channel.read_word("A WORD NOBODY DOCUMENTED") is Seen.PENDING

    @given(
        word=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789成功失败", min_size=1, max_size=20)
    )
    @quick
    def test_an_undocumented_word_or_code_is_pending_wherever_it_is_said(self, channel: Adapter, word: str) -> None:
        for interface in ("submit", "query", "callback"):
            if word not in self.adapter.words:
                assert self.hear(channel, word, interface).seen is Seen.PENDING
        for interface, codes in (("submit", "submit_codes"), ("query", "query_codes")):
            if word not in {**self.codes(codes), self.accepted_code(): None}:
                assert self.hear(channel, "", interface, code=word).seen is Seen.PENDING

    def test_a_refusal_of_one_interface_says_nothing_in_the_other(self, channel: Adapter) -> None:
        for code in self.codes("submit_codes"):
            assert self.hear(channel, "", "query", code=code).seen is Seen.PENDING
        for code in self.codes("query_codes"):
            assert self.hear(channel, "", "submit", code=code).seen is Seen.PENDING

    def test_every_documented_word_reads_the_same_everywhere(self, channel: Adapter) -> None:
        for word, seen in self.adapter.words.items():
            for interface in ("submit", "query", "callback"):
                heard = self.hear(channel, word, interface)
                assert (heard.seen, heard.signed, heard.word) == (seen, True, word)
                assert (heard.number, heard.amount) == (ORDER.number, ORDER.amount)

    def test_a_final_word_without_a_number_or_an_amount_proves_nothing(self, channel: Adapter) -> None:
        for word, seen in self.adapter.words.items():
            if seen in NEEDS_AMOUNT:
                for interface in ("submit", "query", "callback"):
                    for missing in ({"number": ""}, {"amount": None}):
                        with pytest.raises(Unreadable):
                            self.hear(channel, word, interface, **missing)

    def test_another_order_is_read_as_another_order(self, channel: Adapter) -> None:
        """The service compares; an adapter must not hide what it was told. Or it refuses to read it at all."""
        for interface in ("submit", "query", "callback"):
            heard = self.hear(channel, self.word(Seen.PAID), interface, number="W00000000OTHER", amount=Money(1))
            assert (heard.number, heard.amount) == ("W00000000OTHER", Money(1))

    def test_new_fields_are_tolerated(self, channel: Adapter) -> None:
        assert self.hear(channel, self.word(Seen.PAID), "query", more="x").seen is Seen.PAID

    # -- what we read: signatures and garbage

    def test_another_accounts_key_is_refused(self, recorded: Adapter) -> None:
        stranger = self.adapter({**self.sample_settings, **self.them.other_settings})
        for name, promised in self.samples.items():
            if promised in FINAL:
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
        assert unlisted.seen is BindSeen.PENDING

    # -- helpers

    def hear(
        self, channel: Adapter, word: str, interface: str, *, order: Order = ORDER, **changes: object
    ) -> Observation:
        observation = read(channel, interface, self.them.say(interface, order, word, **changes), order)
        assert isinstance(observation, Observation)
        return observation

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
    if interface == "figures":
        assert isinstance(channel, ReadsFigures)
        return channel.read_figures(date(2020, 1, 1), message)
    return getattr(channel, f"read_{interface}")(order, message)
