"""A channel that is described keeps every promise of the adapter that was written for it: same samples, same pen."""

from typing import ClassVar

from app.channels.adapters.templated import adapter_of, dump, parse
from app.channels.adapters.templated.examples import NAMES, example
from app.channels.adapters.templated.parsing import read
from tests.channels.contract import (
    BindsCardsContract,
    ChannelContract,
    KeepsDepositsContract,
    ListsCardsContract,
    ReadsFiguresContract,
    ReadsStatementsContract,
    SettlesContract,
    UnbindsCardsContract,
)
from tests.channels.test_dolphin import DolphinThem, TestDolphin
from tests.channels.test_egret import EgretThem, TestEgret
from tests.channels.test_spruce import SpruceThem, TestSpruce

DOLPHIN, EGRET, SPRUCE = (parse(example(name)) for name in NAMES)
EGRET_SAMPLES = TestEgret.samples


class TestDescribedDolphin(
    ReadsFiguresContract, BindsCardsContract, ListsCardsContract, UnbindsCardsContract, SettlesContract, ChannelContract
):
    adapter = adapter_of("dolphin", DOLPHIN)
    them = DolphinThem()
    sample_settings: ClassVar = TestDolphin.sample_settings
    sample_figures = TestDolphin.sample_figures
    samples: ClassVar = TestDolphin.samples

    def accepted_code(self) -> str:
        return "0000"


class TestDescribedEgret(
    KeepsDepositsContract,
    ReadsFiguresContract,
    BindsCardsContract,
    ListsCardsContract,
    UnbindsCardsContract,
    SettlesContract,
    ReadsStatementsContract,
    ChannelContract,
):
    """All but cards in batches, which no description can say: they go one by one."""

    adapter = adapter_of("egret", EGRET)
    them = EgretThem()
    volatile_headers = TestEgret.volatile_headers
    sample_settings: ClassVar = TestEgret.sample_settings
    sample_figures = TestEgret.sample_figures
    samples: ClassVar = {name: it for name, it in TestEgret.samples.items() if not name.startswith("bind_cards.")}

    def accepted_code(self) -> str:
        return "OK"

    def test_every_sample_is_promised_and_every_promise_has_its_sample(self) -> None:
        assert not any(name.startswith("bind_cards.") for name in self.samples)
        assert set(self.samples) < set(EGRET_SAMPLES)


class TestDescribedSpruce(ReadsFiguresContract, BindsCardsContract, ChannelContract):
    adapter = adapter_of("spruce", SPRUCE)
    them = SpruceThem()
    volatile_headers = TestSpruce.volatile_headers
    sample_settings: ClassVar = TestSpruce.sample_settings
    sample_figures = TestSpruce.sample_figures
    samples: ClassVar = TestSpruce.samples


del TestDolphin, TestEgret, TestSpruce


def test_what_is_written_down_reads_back_the_same() -> None:
    for description in (DOLPHIN, EGRET, SPRUCE):
        assert read(dump(description)) == description
