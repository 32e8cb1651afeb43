"""The channels we speak. Adding one: `paydesk channel new <code>` writes its file and adds it here."""

from app.channels.adapters.alipay import Alipay
from app.channels.adapters.dolphin import Dolphin
from app.channels.adapters.egret import Egret
from app.channels.adapters.spruce import Spruce
from app.channels.adapters.unionpay import Unionpay
from app.channels.adapters.wechat import Wechat
from app.channels.contract import (
    Abilities,
    Adapter,
    BindsCards,
    BindsManyCards,
    ListsCards,
    ReadsBalance,
    ReadsFigures,
    ReadsStatements,
    Settles,
    UnbindsCards,
)

ADAPTERS: dict[str, type[Adapter]] = {
    adapter.code: adapter
    for adapter in (
        Dolphin,
        Egret,
        Spruce,
        Alipay,
        Wechat,
        Unionpay,
    )
}


def abilities_of(adapter: type[Adapter]) -> Abilities:
    """What a channel with this adapter can do."""
    at_once = adapter.cards_at_once if issubclass(adapter, BindsManyCards) else 1
    return Abilities(
        binds=issubclass(adapter, BindsCards),
        cards_at_once=at_once if issubclass(adapter, BindsCards) else 0,
        lists=issubclass(adapter, ListsCards),
        unbinds=issubclass(adapter, UnbindsCards),
        settles=issubclass(adapter, Settles),
        balance=issubclass(adapter, ReadsFigures),
        totals=issubclass(adapter, ReadsFigures) and not issubclass(adapter, ReadsBalance),
        statements=issubclass(adapter, ReadsStatements),
        pays_to=adapter.pays_to,
        funds=adapter.funds,
    )
