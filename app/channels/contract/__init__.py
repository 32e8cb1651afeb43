"""What a channel must be able to say. An adapter translates; it never calls, stores or decides.

Value in, value out: `write_*` makes a Request of ours, `read_*` reads a Reply of theirs. Whatever an adapter cannot read
with certainty it refuses with `Unreadable`; the gateway turns that into "pending, not signed": what we do not understand
has not failed.
"""

from app.channels.contract.adapter import (
    Adapter,
    BindsCards,
    BindsManyCards,
    ListsCards,
    ReadsBalance,
    ReadsFigures,
    Setting,
    Settles,
    Shape,
    UnbindsCards,
)
from app.channels.contract.values import (
    Abilities,
    BadSignature,
    BindObservation,
    BindSeen,
    CardPage,
    CardToBind,
    CardToUnbind,
    Figures,
    Interface,
    KickedOut,
    ListedCard,
    Observation,
    Order,
    RawCallback,
    Reply,
    Request,
    Seen,
    UnbindObservation,
    UnbindSeen,
    Unreadable,
)
from app.kernel.payee import Payee

__all__ = [
    "Abilities",
    "Adapter",
    "BadSignature",
    "BindObservation",
    "BindSeen",
    "BindsCards",
    "BindsManyCards",
    "CardPage",
    "CardToBind",
    "CardToUnbind",
    "Figures",
    "Interface",
    "KickedOut",
    "ListedCard",
    "ListsCards",
    "Observation",
    "Order",
    "Payee",
    "RawCallback",
    "ReadsBalance",
    "ReadsFigures",
    "Reply",
    "Request",
    "Seen",
    "Setting",
    "Settles",
    "Shape",
    "UnbindObservation",
    "UnbindSeen",
    "UnbindsCards",
    "Unreadable",
]
