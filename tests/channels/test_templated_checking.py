"""A broken description says what is wrong with it, and where."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.channels.adapters.templated import Broken, adapter_of, dump, flaws, line_of, parse, pretty, warnings
from app.channels.adapters.templated.examples import NAMES, beginning, example
from app.channels.adapters.templated.parsing import read

Change = Callable[[dict[str, Any]], object]


def changed(change: Change, name: str = "dolphin") -> Any:
    found = json.loads(example(name))
    change(found)
    return found


def submit(found: dict[str, Any]) -> dict[str, Any]:
    it: dict[str, Any] = found["interfaces"]["submit"]
    return it


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_whole_and_need_no_warning(name: str) -> None:
    assert flaws(parse(example(name))) == []
    assert warnings(parse(example(name))) == []


def test_what_nobody_says_was_proved_was_not() -> None:
    unsaid = read(changed(lambda it: (it.pop("verified"), it.pop("basis"))))
    assert not unsaid.verified and not adapter_of("wave", unsaid).verified
    assert [flaw.place for flaw in warnings(unsaid)] == ["verified"] and flaws(unsaid) == []
    bare = read(changed(lambda it: it.pop("basis")))
    assert adapter_of("wave", bare).verified and [flaw.place for flaw in warnings(bare)] == ["basis"]
    assert [flaw.place for flaw in flaws(read(changed(lambda it: it.update(basis="长" * 201))))] == ["basis"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_begun_from_an_example_was_not_proved(name: str) -> None:
    begun = parse(beginning(name))
    assert replace(begun, verified=True, basis=parse(example(name)).basis) == parse(example(name))
    assert not begun.verified and adapter_of(name, parse(example(name))).basis


def test_a_balance_of_which_nothing_can_be_paid_is_not_read() -> None:
    def change(it: dict[str, Any]) -> None:
        it["interfaces"]["figures"]["prefunded"] = "data.deposit"

    assert [flaw.place for flaw in flaws(read(changed(change)))] == ["interfaces.figures.prefunded"]


MISREAD: list[tuple[str, Change]] = [
    ("surprise", lambda it: it.update(surprise=1)),
    ("interfaces.submit.ask.parameters[3].filter", lambda it: submit(it)["ask"]["parameters"][3].update(filter="fen")),
    ("interfaces.query", lambda it: it["interfaces"].pop("query")),
    ("interfaces.submit.reads.amount.unit", lambda it: submit(it)["reads"]["amount"].pop("unit")),
    ("interfaces.submit.ask.body", lambda it: submit(it)["ask"].update(body="yaml")),
    ("answer.statuses[0]", lambda it: it["answer"].update(statuses=["200"])),
    ("manner.deduplicates", lambda it: it["manner"].update(deduplicates=1)),
    ("words.SUCCESS", lambda it: it["words"].update(SUCCESS="payed")),
    ("samples", lambda it: it.update(samples={})),
    ("signing", lambda it: it.update(signing=[])),
    ("title", lambda it: it.update(title=None)),
    ("verified", lambda it: it.update(verified="yes")),
]


@pytest.mark.parametrize(("place", "change"), MISREAD, ids=[place for place, _ in MISREAD])
def test_what_is_no_description_is_refused_with_its_place(place: str, change: Change) -> None:
    with pytest.raises(Broken) as caught:
        read(changed(change))
    assert [flaw.place for flaw in caught.value.flaws] == [place]


@pytest.mark.parametrize("text", ['{"format": 1, "format": 1}', '{"format": NaN}', "{", "[]", '{"format": 1.0}'])
def test_json_with_two_readings_is_no_description(text: str) -> None:
    with pytest.raises(Broken):
        parse(text)


BROKEN: list[tuple[str, str, Change]] = [
    ("a secret that is not there", "signing.request.secret", lambda it: it["signing"]["request"].update(secret="no")),
    ("a key that is shown", "signing.request.secret", lambda it: it["settings"][2].update(secret=False)),
    ("a text without the key", "signing.answer", lambda it: it["signing"]["answer"].pop("key_joiner")),
    ("nowhere to put it", "signing.request", lambda it: it["signing"]["request"].pop("field")),
    ("requests not signed", "signing.request.text", lambda it: it["signing"].update(request={"text": "none"})),
    ("callbacks not signed", "signing.callback.text", lambda it: it["signing"].update(callback={"text": "none"})),
    ("not signed and no reason", "signing.answer.why", lambda it: it["signing"].update(answer={"text": "none"})),
    ("a status not signed", "signing.answer.unsigned", lambda it: it["signing"]["answer"].update(unsigned=["status"])),
    ("a card not signed", "interfaces.submit.ask.parameters[3].name",
     lambda it: it["signing"]["request"].update(unsigned=["accountNo"])),
    ("an amount without unit", "interfaces.submit.ask.parameters[2].filters",
     lambda it: submit(it)["ask"]["parameters"][2].pop("filters")),
    ("a time without form", "interfaces.submit.ask.parameters[6].filters",
     lambda it: submit(it)["ask"]["parameters"][6].pop("filters")),
    ("an unknown filter", "interfaces.submit.ask.parameters[3].filters[0]",
     lambda it: submit(it)["ask"]["parameters"][3].update(filters=["eval"])),
    ("a filter that does not fit", "interfaces.submit.ask.parameters[3].filters[0]",
     lambda it: submit(it)["ask"]["parameters"][3].update(filters=["fen"])),
    ("a source of another interface", "interfaces.submit.ask.parameters[3].source",
     lambda it: submit(it)["ask"]["parameters"][3].update(source="card.card_number")),
    ("the key itself in a request", "interfaces.submit.ask.parameters[3].source",
     lambda it: submit(it)["ask"]["parameters"].insert(3, {"name": "k", "source": "account.key"})),
    ("no amount at all", "interfaces.submit.ask.parameters",
     lambda it: submit(it)["ask"]["parameters"].pop(2)),
    ("a word for a kind of account left out", "interfaces.bind_card.ask.parameters[6].words",
     lambda it: it["interfaces"]["bind_card"]["ask"]["parameters"][6].update(words={"private": "P"})),
    ("a card in an address", "interfaces.query.ask.path[1].source",
     lambda it: it["interfaces"]["query"]["ask"]["path"].append({"source": "order.card_number"})),
    ("a failure that is a payment", "words.SUCCESS", lambda it: submit(it)["codes"].update(SUCCESS="failed")),
    ("the same in other letters", "words.SUCCESS", lambda it: it["words"].update(success="failed")),
    ("a payment by code alone", "interfaces.submit.codes.1001", lambda it: submit(it)["codes"].update({"1001": "paid"})),
    ("an accepted refusal", "interfaces.submit.codes.0000", lambda it: submit(it)["codes"].update({"0000": "failed"})),
    ("no word for paid", "words", lambda it: it["words"].pop("SUCCESS")),
    ("a bind that may be another's", "interfaces.bind_card.echoes",
     lambda it: it["interfaces"]["bind_card"].pop("echoes")),
    ("a check of nothing", "callback.checks[0]", lambda it: it["callback"]["checks"].insert(0, {"path": "x"})),
    ("a callback without its recipe", "callback", lambda it: it["signing"].pop("callback")),
    ("no merchant number", "settings", lambda it: it["settings"].pop(1)),
    ("a future format", "format", lambda it: it.update(format=2)),
    ("no query waits", "manner.query_waits_s", lambda it: it["manner"].update(query_waits_s=[])),
    ("no keys for the samples", "sample_settings", lambda it: it["sample_settings"].pop("key")),
    ("no sample of a query", "samples",
     lambda it: it.update(samples=[one for one in it["samples"] if one["interface"] != "query"])),
    ("a sample that reads otherwise", "samples[1].expects", lambda it: it["samples"][1].update(expects="paid")),
    ("a sample about nobody knows what", "samples[0].about", lambda it: it["samples"][0].update(about={"order.x": "1"})),
    ("a worked example that is not ours", "worked[0].signature", lambda it: it["worked"][0].update(signature="0")),
    ("some totals and not others", "interfaces.figures", lambda it: it["interfaces"]["figures"].pop("yesterday")),
    ("totals of no day", "interfaces.figures.ask.parameters",
     lambda it: it["interfaces"]["figures"]["ask"].update(parameters=[])),
    ("cards of no page", "interfaces.list_cards.ask.parameters",
     lambda it: it["interfaces"]["list_cards"]["ask"]["parameters"].pop(1)),
    ("answers that pass for callbacks", "callback.checks",
     lambda it: it["callback"].update(checks=[{"path": "mchId", "source": "account.merchant_no"}])),
]  # fmt: skip


@pytest.mark.parametrize(("place", "change"), [(it[1], it[2]) for it in BROKEN], ids=[it[0] for it in BROKEN])
def test_what_is_broken_says_where(place: str, change: Change) -> None:
    assert place in [flaw.place for flaw in flaws(read(changed(change)))]


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("signing.request.parts[1]", lambda it: it["signing"]["request"]["parts"].insert(1, {"source": "account.api_secret"})),
        ("signing.request.parts[2]", lambda it: it["headers"].pop(1)),
        ("signing.answer.parts", lambda it: it["signing"]["answer"]["parts"].pop(-1)),
        ("interfaces.query.ask.path", lambda it: it["interfaces"]["query"]["ask"]["path"].append({"source": "call.nonce"})),
        ("interfaces.figures.ask.body", lambda it: it["interfaces"]["figures"]["ask"].update(method="POST")),
        ("headers[0].source", lambda it: it["headers"][0].update(source="account.api_secret")),
    ],
)  # fmt: skip
def test_what_is_broken_in_parts_says_where(place: str, change: Change) -> None:
    assert place in [flaw.place for flaw in flaws(read(changed(change, "spruce")))]


def statement(found: dict[str, Any]) -> dict[str, Any]:
    it: dict[str, Any] = found["interfaces"]["statement"]
    return it


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("interfaces.statement.ask.parameters", lambda it: statement(it)["ask"]["parameters"].pop(1)),
        ("interfaces.statement.ask.parameters", lambda it: statement(it)["ask"]["parameters"].pop(2)),
        ("interfaces.statement.lines", lambda it: statement(it).update(lines="")),
        ("interfaces.statement.each.number", lambda it: statement(it)["each"].update(number="")),
        ("interfaces.statement.words", lambda it: statement(it).update(words={"REFUND": "returned"})),
        ("interfaces.statement.words.NONE", lambda it: statement(it).update(words={"OK": "paid", "NONE": "not_found"})),
        ("interfaces.statement.echoes[0].source", lambda it: statement(it)["echoes"][0].update(source="order.number")),
        ("samples", lambda it: it.update(samples=[one for one in it["samples"] if one["interface"] != "statement"])),
    ],
)  # fmt: skip
def test_a_broken_statement_says_where(place: str, change: Change) -> None:
    assert place in [flaw.place for flaw in flaws(read(changed(change, "egret")))]


def test_a_statement_may_have_words_units_and_moments_of_its_own() -> None:
    def of_its_own(found: dict[str, Any]) -> None:
        found["samples"] = [one for one in found["samples"] if one["interface"] != "statement"]
        statement(found).update(words={"SUCCESS": "returned", "PAY": "paid"})

    description = read(changed(of_its_own, "egret"))
    assert [flaw.place for flaw in flaws(description)] == ["samples"]
    assert dump(read(dump(description))) == dump(description)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("signing.request", lambda it: it["signing"]["request"].update(keeps_ampersand=True)),
        ("answer.checks", lambda it: it["answer"].pop("checks")),
        ("interfaces.figures", lambda it: it["interfaces"]["figures"].pop("echoes")),
    ],
)
def test_what_may_be_accepted_is_a_warning(place: str, change: Change) -> None:
    assert place in [flaw.place for flaw in warnings(read(changed(change)))]


def quiet(found: dict[str, Any]) -> None:
    """Its document: answers are not signed. So nothing may be asked whose answer would have to be believed."""
    found["signing"]["answer"] = {"text": "none", "why": "文档：同步应答不签名"}
    for name in ("settle", "figures", "bind_card", "list_cards", "unbind_card"):
        del found["interfaces"][name]
    heard = [it | {"expects": "pending"} for it in found["samples"] if it["name"] in ("accepted", "paid")]
    asked = [it for it in heard if it["interface"] in ("submit", "query")]
    found["samples"] = [*asked, *(it for it in found["samples"] if it["interface"] == "callback")]


def test_answers_that_are_not_signed_leave_the_word_to_a_signed_callback() -> None:
    description = read(changed(quiet))
    assert flaws(description) == []
    assert [flaw.place for flaw in warnings(description)] == ["signing.answer"]

    def silent(found: dict[str, Any]) -> None:
        quiet(found)
        del found["callback"], found["signing"]["callback"]
        found["samples"] = [it for it in found["samples"] if it["interface"] != "callback"]

    assert "callback" in [flaw.place for flaw in flaws(read(changed(silent)))]

    def believing(found: dict[str, Any]) -> None:
        figures = found["interfaces"]["figures"]
        quiet(found)
        found["interfaces"]["figures"] = figures

    assert "interfaces.figures" in [flaw.place for flaw in flaws(read(changed(believing)))]


def test_every_place_has_its_line() -> None:
    text, places = pretty(json.loads(example("dolphin")))
    lines = text.splitlines()
    assert json.loads(text) == json.loads(example("dolphin"))
    assert lines[line_of("words.SUCCESS", places) - 1].strip().startswith('"SUCCESS"')
    assert "accountNo" in lines[line_of("interfaces.submit.ask.parameters[3].name", places) - 1]
    parent = line_of("interfaces.submit.ask.parameters[3].filters[0]", places)
    assert parent == line_of("interfaces.submit.ask.parameters[3]", places), "what is missing stands where it should"
