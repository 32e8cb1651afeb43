"""Requests filled from the account, the order or card, and the call. Closed lists of sources and filters, nothing else."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from app.channels.adapters.templated import recipe as recipes
from app.channels.adapters.templated.description import (
    Ask,
    Body,
    Description,
    Parameter,
    Piece,
    Recipe,
    SignedText,
)
from app.channels.contract import CardToBind, CardToUnbind, Order, Request
from app.kernel import clock
from app.kernel.errors import Malformed, gettext_noop
from app.kernel.funds import Funds
from app.kernel.money import Money


class Kind(StrEnum):
    """What a source gives, and so which filters fit. Only a text can be sent."""

    TEXT = "text"
    MONEY = "money"
    DAY = "day"
    MOMENT = "moment"


BRANCH = ("branch", "cnaps", "province", "city")
DETAILS = ("id_number", *BRANCH)
_ORDER = {
    **dict.fromkeys(("order.number", "order.card_number", "order.holder", "order.bank", "order.kind"), Kind.TEXT),
    **dict.fromkeys(("order.account_type", "order.funds", *(f"order.branch.{name}" for name in BRANCH)), Kind.TEXT),
    "order.amount": Kind.MONEY,
    "order.made_at": Kind.MOMENT,
}
_CARD = dict.fromkeys(
    (
        *("card.reference", "card.card_number", "card.holder", "card.bank", "card.phone", "card.account_type"),
        *(f"card.details.{name}" for name in DETAILS),
    ),
    Kind.TEXT,
)
_CARD_TO_UNBIND = dict.fromkeys(("card.reference", "card.channel_card", "card.card_number", "card.holder"), Kind.TEXT)
CALL = {"call.time": Kind.MOMENT, "call.nonce": Kind.TEXT}
SOURCES: dict[str, dict[str, Kind]] = {
    "submit": _ORDER,
    "query": _ORDER,
    "settle": _ORDER,
    "callback": {},
    "figures": {"call.day": Kind.DAY},
    "bind_card": _CARD,
    "list_cards": {"list.after": Kind.TEXT},
    "unbind_card": _CARD_TO_UNBIND,
    "statement": {"call.day": Kind.DAY, "list.after": Kind.TEXT},
}
"""What is known in each interface, beside the account's settings and the call."""
_TYPES = ("private", "corporate")
CHOICES = {
    "card.account_type": _TYPES,
    "order.account_type": _TYPES,
    "order.kind": ("payout", "settlement"),
    "order.funds": tuple(str(it) for it in Funds),
}
"""Sources of few values, which a channel has words of its own for."""

DATES = {
    "date:YYYYMMDD": "%Y%m%d",
    "date:YYYY-MM-DD": "%Y-%m-%d",
    "date:YYYYMMDDHHmmss": "%Y%m%d%H%M%S",
    "date:YYYY-MM-DD HH:mm:ss": "%Y-%m-%d %H:%M:%S",
}


def _date(form: str) -> Callable[[Any], str]:
    def written(at: date | datetime) -> str:
        return (at.astimezone(clock.BUSINESS_ZONE) if isinstance(at, datetime) else at).strftime(form)

    return written


def _hexadecimal(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


FILTERS: dict[str, tuple[frozenset[Kind], Callable[[Any], str]]] = {
    "fen": (frozenset({Kind.MONEY}), lambda amount: str(amount.minor)),
    "yuan": (frozenset({Kind.MONEY}), lambda amount: str(amount.yuan)),
    **{
        name: (frozenset({Kind.MOMENT} if "HH" in name else {Kind.MOMENT, Kind.DAY}), _date(form))
        for name, form in DATES.items()
    },
    "epoch": (frozenset({Kind.MOMENT}), lambda at: str(int(at.timestamp()))),
    "epoch_ms": (frozenset({Kind.MOMENT}), lambda at: str(int(at.timestamp() * 1000))),
    "upper": (frozenset({Kind.TEXT}), str.upper),
    "lower": (frozenset({Kind.TEXT}), str.lower),
    "md5": (frozenset({Kind.TEXT}), _hexadecimal("md5")),
    "sha256": (frozenset({Kind.TEXT}), _hexadecimal("sha256")),
    "full_width_ampersand": (frozenset({Kind.TEXT}), recipes.unjoined),
}
"""What each takes, and what it makes of it: a text, always."""
DIGESTS = frozenset({"md5", "sha256"})
NUMERIC = frozenset({"fen", "epoch", "epoch_ms"})


@dataclass(frozen=True, slots=True)
class Known:
    """All that one call may be filled with, by source."""

    settings: Mapping[str, str]
    values: Mapping[str, Any]

    def text(self, piece: Piece) -> str:
        if not piece.source:
            return piece.constant
        kind, _, name = piece.source.partition(".")
        found = self.settings[name] if kind == "account" else self.values[piece.source]
        if piece.words:
            return piece.words[found]
        for one in piece.filters:
            found = FILTERS[one][1](found)
        return str(found)


def of_order(order: Order) -> dict[str, Any]:
    return {
        "order.number": order.number,
        "order.amount": order.amount,
        "order.card_number": order.card_number,
        "order.holder": order.holder,
        "order.bank": order.bank,
        "order.made_at": order.made_at,
        "order.kind": order.kind,
        "order.account_type": order.account_type,
        "order.funds": order.funds,
        **{f"order.branch.{name}": order.branch.get(name, "") for name in BRANCH},
    }


def of_card(card: CardToBind) -> dict[str, Any]:
    return {
        "card.reference": card.reference,
        "card.card_number": card.card_number,
        "card.holder": card.holder,
        "card.bank": card.bank,
        "card.phone": card.phone,
        "card.account_type": card.account_type,
        **{f"card.details.{name}": card.details.get(name, "") for name in DETAILS},
    }


def of_unbinding(card: CardToUnbind) -> dict[str, Any]:
    return {
        "card.reference": card.reference,
        "card.channel_card": card.channel_card,
        "card.card_number": card.card_number,
        "card.holder": card.holder,
    }


def path(ask: Ask, known: Known) -> str:
    """Without the parameters of a query: the fixed parts as they are, the others with every special letter encoded."""
    return "".join(quote(known.text(it), safe="") if it.source else it.constant for it in ask.path)


def target(description: Description, ask: Ask, known: Known) -> str:
    """The path and query that an answer belongs to. Only asked of what is not signed inside the query."""
    fields = _fields(ask.parameters, known, description.signing.request)
    return _with_query(ask, path(ask, known), fields)


def request(description: Description, ask: Ask, known: Known) -> Request:
    """Complete and signed."""
    return signed(description, ask, known)[0]


def signed(description: Description, ask: Ask, known: Known) -> tuple[Request, str]:
    """The request and, by itself, its signature."""
    recipe = description.signing.request
    fields = _fields(ask.parameters, known, recipe)
    headers = {it.name: known.text(it) for it in description.headers}
    where = path(ask, known)
    key = known.settings[recipe.secret]
    if recipe.text is SignedText.PAIRS:
        signature = recipes.sign(recipe, recipes.pairs(recipe, fields, key), key)
        shown = recipes.pairs(recipe, fields, recipes.HIDDEN)
    else:
        body = _body(ask, fields)
        about = {
            "request.method": str(ask.method),
            "request.path": _with_query(ask, where, fields),
            "body": body.decode(),
        }
        lowered = {name.lower(): text for name, text in headers.items()}
        signature = recipes.sign(recipe, recipes.parts(recipe, about, lowered, known.settings, key), key)
        shown = recipes.parts(recipe, about, lowered, known.settings, recipes.HIDDEN)
    if recipe.header:
        headers[recipe.header] = signature
    else:
        fields[recipe.field] = signature
    request = Request(
        method=str(ask.method),
        path=_with_query(ask, where, fields),
        body=_body(ask, fields),
        content_type=_CONTENT_TYPES[ask.body],
        headers=headers,
        signed_text=shown,
    )
    return request, signature


_CONTENT_TYPES = {
    Body.FORM: "application/x-www-form-urlencoded",
    Body.JSON: "application/json",
    Body.XML: "application/xml",
    Body.QUERY: "application/x-www-form-urlencoded",
    Body.NONE: "application/x-www-form-urlencoded",
}


class Bare(str):
    """Written without quotes in JSON."""


def _fields(parameters: Sequence[Parameter], known: Known, recipe: Recipe) -> dict[str, str]:
    """The parameters that are sent, in order. Of signed pairs nothing is empty and nothing holds "&"."""
    is_paired = recipe.text is SignedText.PAIRS
    fields: dict[str, str] = {}
    for it in parameters:
        text = known.text(it)
        if text == "" and (is_paired or not it.send_empty):
            continue
        if is_paired and not recipe.keeps_ampersand:
            text = recipes.unjoined(text)
        fields[it.name] = Bare(text) if it.integer else text
    return fields


def _with_query(ask: Ask, where: str, fields: Mapping[str, str]) -> str:
    return f"{where}?{urlencode(fields)}" if ask.body is Body.QUERY and fields else where


def _body(ask: Ask, fields: Mapping[str, str]) -> bytes:
    if ask.body is Body.FORM:
        return urlencode(fields).encode()
    if ask.body is Body.JSON:
        given = _nested({name: int(text) if isinstance(text, Bare) else text for name, text in fields.items()})
        return json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
    if ask.body is Body.XML:
        return f"<xml>{_xml(_nested(fields))}</xml>".encode()
    return b""


def _nested(fields: Mapping[str, object]) -> dict[str, Any]:
    """`data.amount` stands inside `data`."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        *outer, last = name.split(".")
        inside = found
        for step in outer:
            inside = inside.setdefault(step, {})
        inside[last] = value
    return found


def _xml(fields: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(value) if isinstance(value, dict) else escape(str(value))}</{name}>"
        for name, value in fields.items()
    )


def example(interface: str, about: Mapping[str, str]) -> dict[str, Any]:
    """Values to try an interface with; those of `about` instead of ours. KeyError or Malformed where it is none of them."""
    wanted = {**SOURCES[interface], **CALL}
    given = {name: _read(wanted[name], text) for name, text in about.items()}
    return {name: given.get(name, _EXAMPLES[name]) for name in wanted}


def example_texts(interface: str) -> dict[str, str]:
    """The examples as people would type them; what each call makes for itself is not among them."""
    given = {name: _EXAMPLES[name] for name in SOURCES[interface]}
    return {name: f"{it:%Y-%m-%d %H:%M:%S}" if isinstance(it, datetime) else str(it) for name, it in given.items()}


def _read(kind: Kind, text: str) -> Any:
    if kind is Kind.MONEY:
        return Money.parse(text)
    if kind is Kind.DAY:
        return clock.parse_day(text)
    if kind is Kind.MOMENT:
        return _moment(text)
    return text


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed("“%(text)s”不是时间，请写成 2026-11-21 09:30:00", text=text[:30]) from None
    return at if at.tzinfo else at.replace(tzinfo=clock.BUSINESS_ZONE)


_EXAMPLES: dict[str, Any] = {
    "order.number": "W20261121ABCDE",
    "order.amount": Money(123450),
    "order.card_number": "6222020200112233441",
    "order.holder": gettext_noop("张三"),
    "order.bank": gettext_noop("中国工商银行"),
    "order.made_at": datetime(2026, 11, 21, 9, 30, tzinfo=clock.BUSINESS_ZONE),
    "order.kind": "payout",
    "order.account_type": "private",
    "order.funds": Funds.COLLECTED,
    **dict.fromkeys((f"order.branch.{name}" for name in BRANCH), ""),
    "card.reference": "K20261121ABCDE",
    "card.channel_card": "card_1",
    "card.card_number": "6222020200112233441",
    "card.holder": gettext_noop("张三"),
    "card.bank": gettext_noop("中国工商银行"),
    "card.phone": "13800000000",
    "card.account_type": "private",
    **dict.fromkeys((f"card.details.{name}" for name in DETAILS), ""),
    "list.after": "",
    "call.day": date(2026, 11, 21),
    "call.time": datetime(2026, 11, 21, 9, 30, tzinfo=clock.BUSINESS_ZONE),
    "call.nonce": "NONCE00000000001",
}


def order_of(values: Mapping[str, Any]) -> Order:
    plain = {
        name.removeprefix("order."): it for name, it in values.items() if name.count(".") == 1 and name[:5] == "order"
    }
    return Order(**plain, branch={name: values.get(f"order.branch.{name}", "") for name in BRANCH})


def card_of(values: Mapping[str, Any]) -> CardToBind:
    plain = {
        name.removeprefix("card."): it for name, it in values.items() if name.count(".") == 1 and name[:4] == "card"
    }
    details = {name: values[f"card.details.{name}"] for name in DETAILS}
    return CardToBind(**plain, details=details)


def unbinding_of(values: Mapping[str, Any]) -> CardToUnbind:
    return CardToUnbind(**{name.removeprefix("card."): it for name, it in values.items() if name.startswith("card.")})
