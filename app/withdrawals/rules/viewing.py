"""How a list may be looked at: its columns, the spans of days people name, what a saved view keeps of a search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.kernel.errors import Refused, Text, gettext_noop

PAGE = "withdrawals.index"
VIEWS_MOST = 10
NAME_LONGEST = 20
KEPT = ("state", "account", "from", "to", "least", "most", "sheet", "size")
"""What a saved view keeps of a search. Not what was typed to find one payee: a view is no place for names and cards."""


@dataclass(frozen=True, slots=True)
class Column:
    """`required`: always there. `first`: there unless somebody chose otherwise. `width` in characters, for sheets."""

    title: Text
    required: bool = False
    first: bool = True
    width: int = 16


COLUMNS: dict[str, Column] = {
    "number": Column(gettext_noop("订单编号"), required=True, width=24),
    "made": Column(gettext_noop("提现时间"), width=20),
    "amount": Column(gettext_noop("金额"), required=True),
    "holder": Column(gettext_noop("开户人")),
    "bank": Column(gettext_noop("开户行"), width=20),
    "card": Column(gettext_noop("账号"), width=24),
    "state": Column(gettext_noop("状态"), required=True, width=12),
    "memo": Column(gettext_noop("备注"), width=24),
    "account": Column(gettext_noop("渠道账号"), width=24),
    "people": Column(gettext_noop("操作员")),
    "fee": Column(gettext_noop("手续费"), first=False, width=12),
    "kind": Column(gettext_noop("种类"), first=False, width=8),
    "account_type": Column(gettext_noop("账户类型"), first=False, width=8),
    "funds": Column(gettext_noop("代付方式"), first=False, width=10),
    "channel_number": Column(gettext_noop("渠道单号"), first=False, width=26),
    "checker": Column(gettext_noop("审批人"), first=False),
    "sent": Column(gettext_noop("发送时间"), first=False, width=20),
    "finished": Column(gettext_noop("完成时间"), first=False, width=20),
    "message": Column(gettext_noop("渠道说明"), first=False, width=30),
}
DEFAULT_COLUMNS = tuple(key for key, column in COLUMNS.items() if column.first)

SPANS: dict[str, Text] = {
    "today": gettext_noop("今日"),
    "yesterday": gettext_noop("昨日"),
    "week": gettext_noop("近 7 天"),
    "month": gettext_noop("本月"),
    "quarter": gettext_noop("近 90 天"),
}


def span(name: str, today: date) -> tuple[date, date]:
    """The first and the last day of a span, both in it."""
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "week": (today - timedelta(days=6), today),
        "month": (today.replace(day=1), today),
        "quarter": (today - timedelta(days=89), today),
    }[name]


def days(first: date, last: date) -> dict[str, str]:
    """A span of days as a search says it."""
    return {"from": f"{first:%Y%m%d}", "to": f"{last:%Y%m%d}"}


def kept(asked: Mapping[str, str], today: date) -> dict[str, str]:
    """What a view keeps of this search. Days that have a name today are kept by it: 今日 is today tomorrow as well."""
    found = {name: asked[name].strip() for name in KEPT if asked.get(name, "").strip()}
    for name in SPANS:
        named = days(*span(name, today))
        if all(found.get(end) == day for end, day in named.items()):
            return {key: value for key, value in found.items() if key not in named} | {"span": name}
    return found


def opened(view: Mapping[str, str], today: date) -> dict[str, str]:
    """The search that a view is today."""
    found = {name: value for name, value in view.items() if name in KEPT}
    return found | (days(*span(view["span"], today)) if view.get("span") in SPANS else {})


def require_name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= NAME_LONGEST:
        raise Refused("视图名称须为 1 到 20 个字")
    return name


def require_room(count: int) -> None:
    if count >= VIEWS_MOST:
        raise Refused("最多保存 %(count)d 个视图", count=VIEWS_MOST, advice="请先删除不用的视图")


def chosen(wanted: Iterable[str]) -> tuple[str, ...]:
    """The columns as chosen, each once; those that must be there stand where they are by default if nobody placed them."""
    found = list(dict.fromkeys(key for key in wanted if key in COLUMNS))
    missing = [key for key, column in COLUMNS.items() if column.required and key not in found]
    for key in missing:
        found.insert(min(list(COLUMNS).index(key), len(found)), key)
    return tuple(found)


def placed(ticked: Sequence[str], places: Mapping[str, int | None]) -> tuple[str, ...]:
    """The ticked columns by the numbers that people gave them; without a number a column stays behind those with one."""
    order = {key: at for at, key in enumerate(COLUMNS)}
    wanted = {*ticked, *(key for key, column in COLUMNS.items() if column.required)}
    return chosen(sorted(wanted & order.keys(), key=lambda key: (places.get(key) or len(order) + 1, order[key])))
