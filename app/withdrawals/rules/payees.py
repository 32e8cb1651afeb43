"""The lists of payees: what they are called, and where somebody stands on them."""

import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum

from app.kernel.errors import gettext_noop
from app.withdrawals.rules.admission import Standing


class PayeeList(StrEnum):
    BLACK = "black"
    WHITE = "white"
    SOURCE = "source"


LISTS = {
    PayeeList.BLACK: (gettext_noop("黑名单"), gettext_noop("不能付给名单中的收款人")),
    PayeeList.WHITE: (gettext_noop("白名单"), gettext_noop("达到规则所定的金额时，只能付给名单中的收款人")),
    PayeeList.SOURCE: (gettext_noop("来源卡"), gettext_noop("资金来自银行卡的渠道账号，只能退回名单中的卡")),
}
NAMELESS = frozenset({PayeeList.SOURCE})
"""Lists of cards only: money goes back to a card, not to a person."""


def plain(name: str) -> str:
    """A name as it is compared: one way of writing it, without blanks at the ends and with single ones inside."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


@dataclass(frozen=True, slots=True)
class Listed:
    """Who stands on the lists now: by the card's index, and by name. The black list knows why."""

    black: Mapping[str, str] = field(default_factory=dict)
    white_cards: Set[str] = frozenset()
    white_names: Set[str] = frozenset()
    sources: Set[str] = frozenset()

    def standing(self, card_index: str, name: str) -> Standing:
        if not (self.black or self.white_cards or self.white_names or self.sources):
            return NOWHERE
        name = plain(name)
        return Standing(
            black=self.black.get(card_index) or self.black.get(name, ""),
            white=card_index in self.white_cards or name in self.white_names,
            vouched=card_index in self.white_cards,
            source=card_index in self.sources,
        )


NOWHERE = Standing()
