"""A channel that is described keeps every promise of the adapter that was written for it: same samples, same pen."""

from typing import ClassVar

from app.channels.adapters.templated import adapter_of, dump, parse
from app.channels.adapters.templated.examples import example
from app.channels.adapters.templated.parsing import read
from tests.channels.contract import ChannelContract, ListsCardsContract, SettlesContract, UnbindsCardsContract
from tests.channels.test_dolphin import DolphinThem, TestDolphin
from tests.channels.test_spruce import SpruceThem, TestSpruce

DOLPHIN, SPRUCE = (parse(example(name)) for name in ("dolphin", "spruce"))


class TestDescribedDolphin(ListsCardsContract, UnbindsCardsContract, SettlesContract, ChannelContract):
    adapter = adapter_of("dolphin", DOLPHIN)
    them = DolphinThem()
    sample_settings: ClassVar = TestDolphin.sample_settings
    sample_figures = TestDolphin.sample_figures
    samples: ClassVar = TestDolphin.samples

    def accepted_code(self) -> str:
        return "0000"


class TestDescribedSpruce(ChannelContract):
    adapter = adapter_of("spruce", SPRUCE)
    them = SpruceThem()
    volatile_headers = TestSpruce.volatile_headers
    sample_settings: ClassVar = TestSpruce.sample_settings
    sample_figures = TestSpruce.sample_figures
    samples: ClassVar = TestSpruce.samples


del TestDolphin, TestSpruce


def test_what_is_written_down_reads_back_the_same() -> None:
    for description in (DOLPHIN, SPRUCE):
        assert read(dump(description)) == description
