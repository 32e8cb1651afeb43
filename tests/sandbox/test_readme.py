"""The third party's document says what its program does, and its worked examples can be worked."""

import re

import pytest

from app.channels.adapters import ADAPTERS, abilities_of
from app.channels.adapters.dolphin import Dolphin
from app.channels.adapters.egret import Egret
from app.channels.adapters.spruce import Spruce
from app.channels.contract import Adapter, UnbindSeen
from app.kernel import signing
from app.sandbox.cards import ENDINGS
from app.sandbox.faults import FAULTS, NORMAL
from app.sandbox.manners import MANNERS as MANNERS_OF
from app.sandbox.manners import dolphin, egret, spruce
from app.sandbox.manners.manner import PROBLEMS, Manner
from app.sandbox.states import State
from app.sandbox.switches import INTERFACES
from tests.sandbox.third_party import ROOT

DOCUMENT = (ROOT / "app/sandbox/README.md").read_text()
MANNERS = [(Dolphin, dolphin), (Egret, egret), (Spruce, spruce)]


def test_the_fault_table_is_the_one_in_the_code() -> None:
    written = re.findall(r"^\| (其余|\.\d\d) \| `(\w+)` \| (.+) \| (.+) \|$", DOCUMENT, re.MULTILINE)
    coded = [
        ("其余" if fault.ending is None else f".{fault.ending:02d}", fault.name, fault.title, fault.english)
        for fault in (NORMAL, *FAULTS)
    ]
    assert written == coded


def test_the_card_endings_are_named() -> None:
    for ending in ENDINGS:
        assert f"`{ending}` " in DOCUMENT


def test_the_worked_example_of_dolphin() -> None:
    found = re.search(r"^(accountName=.*)&key=dolphin-demo-key\nsign=([0-9A-F]{32})$", DOCUMENT, re.MULTILINE)
    assert found is not None
    fields = dict(pair.split("=", 1) for pair in found[1].split("&"))
    assert signing.sorted_pairs(fields) == found[1]
    assert signing.md5_with_key(found[1], "dolphin-demo-key") == found[2]


def test_the_worked_example_of_spruce() -> None:
    found = re.search(r"```\n(POST\n/v1/payouts\n\d+\n\w+\n\{.*\}\n)\nX-Spruce-Signature: (\w+)\n```", DOCUMENT)
    assert found is not None
    assert signing.hmac_sha256(found[1].encode(), b"spruce-demo-secret") == found[2]


@pytest.mark.parametrize(("adapter", "manner"), MANNERS, ids=lambda one: getattr(one, "code", ""))
def test_every_word_and_code_is_documented_and_read_or_deliberately_unlisted(adapter: type[Adapter], manner) -> None:  # type: ignore[no-untyped-def]
    said = {word for state, word in manner.WORDS.items() if state is not State.STRANGE}
    assert said <= set(adapter.words)
    assert manner.WORDS[State.STRANGE] not in adapter.words
    assert manner.WORDS[State.STRANGE] not in DOCUMENT
    unbinds = "unbind_card" in type(MANNERS_OF[adapter.code]).interfaces.values()
    assert set(PROBLEMS) - set(manner.CODES) == (set() if unbinds else {"no_card"})
    deciding = {**adapter.submit_codes, **adapter.query_codes}  # type: ignore[attr-defined]
    assert set(deciding) == {manner.CODES[name] for name in ("balance", "card", "name", "card_not_bound", "not_found")}
    words = {**adapter.words, **adapter.bind_words}  # type: ignore[attr-defined]
    if unbinds:
        assert adapter.unbind_codes == {manner.CODES["no_card"]: UnbindSeen.GONE}  # type: ignore[attr-defined]
        assert set(manner.UNBIND_WORDS.values()) == set(adapter.unbind_words)  # type: ignore[attr-defined]
        words |= adapter.unbind_words  # type: ignore[attr-defined]
    for word in (*words, *manner.CODES.values()):
        assert word in DOCUMENT, word


@pytest.mark.parametrize("manner", MANNERS_OF.values(), ids=lambda one: one.code)
def test_every_interface_is_documented_can_be_spoilt_and_belongs_to_an_ability(manner: Manner) -> None:
    for rule, name in manner.interfaces.items():
        assert rule in DOCUMENT, rule
        assert name in INTERFACES
        assert name in DOCUMENT
    can, offers = abilities_of(ADAPTERS[manner.code]), set(manner.interfaces.values())
    assert (can.lists, can.unbinds, can.settles, can.cards_at_once > 1, can.statements) == tuple(
        name in offers for name in ("list_cards", "unbind_card", "settle", "bind_cards", "statement")
    )
