"""试一下: a harmless question with one version's parameters, to see whether address, keys and merchant number are right.

It moves nothing and nothing is kept of it but the call, which people read. Never called with a transaction open.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import literal_column, select

from app.channels import rules, speaking
from app.channels.contract import (
    Figures,
    Interface,
    Observation,
    Order,
    ReadsBalance,
    ReadsFigures,
    Seen,
    Unreadable,
)
from app.channels.models import ChannelCall
from app.kernel import clock
from app.kernel.errors import Text, gettext_noop
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.runtime import http
from app.runtime.db import db, let_go

WAITS_S = 30
"""No call takes longer: after that a trial without an outcome was cut off."""
_MOST = 10
_LONGEST = 300
ADVICE: Mapping[str, Text] = {
    "ok": gettext_noop("地址、商户号与密钥都对：渠道认得我们的签名，我们也验过了它的。"),
    "not_sent": gettext_noop("一个字节也没有发出。请核对接口地址：域名、端口、证书，以及它是否在允许访问的网络里。"),
    "unanswered": gettext_noop("请求已发出，没有等到完整的答复。请核对接口地址，并问渠道是否要登记我们的出口 IP。"),
    "bad_signature": gettext_noop(
        "渠道答复了，但答复的签名验不过。请核对渠道的公钥（或密钥）：是不是另一套环境的、旧的，或贴错了。"
    ),
    "unreadable": gettext_noop(
        "收到的不是业务应答，或渠道拒绝了请求。请看响应：多半是路径不对、商户号不对，或渠道不认我们的签名。"
    ),
    "open": gettext_noop("还没有结果：可能仍在等渠道答复，也可能中途被打断。"),
}
"""What to look at, by the outcome of a trial."""

_IS_TRIAL = ChannelCall.interface == literal_column(f"'{Interface.TRY}'")
"""Written out, as the index of the trials is, or it would not serve: the log has millions of rows, and hardly any of them."""
_FIGURES = gettext_noop("可结算 ¥%(settleable)s，今日 ¥%(today)s，昨日 ¥%(yesterday)s，交易总额 ¥%(total)s")
_BALANCE = gettext_noop("可结算 ¥%(settleable)s")
_UNKNOWN = gettext_noop("我们问了一笔不存在的订单，渠道答复没有这一笔")
_SAID = gettext_noop("我们问了一笔不存在的订单，渠道的状态词是“%(word)s”")


def ask(call: speaking.Call) -> bool:
    """Balance and totals; of a channel that does not tell them, an order that was never made. The call's row says the rest.

    Was it answered with sense? "Too busy" is none.
    """
    let_go()
    adapter = speaking.build(call.setting_id)
    cover = rules.Cover(speaking.private(adapter))
    day, order = clock.business_day(), _nothing()
    with suppress(http.NotSent, http.Unanswered, Unreadable):
        if isinstance(adapter, ReadsFigures):
            told = _told_balance if isinstance(adapter, ReadsBalance) else _told
            request = adapter.write_figures(day)
            speaking.exchange(call, adapter, request, lambda reply: adapter.read_figures(day, reply), cover, told)
            return True
        request = adapter.write_query(order)
        heard = speaking.exchange(call, adapter, request, lambda reply: adapter.read_query(order, reply), cover, _heard)
        return not heard.vague
    return False


def latest(setting_id: int, *, since: datetime | None = None) -> Sequence[ChannelCall]:
    """How it went with this version (since then), newest first."""
    recent = () if since is None else (ChannelCall.at >= since,)
    found = select(ChannelCall).where(_IS_TRIAL, ChannelCall.setting_id == setting_id, *recent)
    return db.session.scalars(found.order_by(ChannelCall.id.desc()).limit(_MOST)).all()


def is_under_way() -> bool:
    """Is another trial still waiting for its channel?"""
    waits = (ChannelCall.outcome == "open", ChannelCall.at > clock.later(-WAITS_S))
    found = select(ChannelCall.id).where(_IS_TRIAL, *waits).limit(1)
    return db.session.scalar(found) is not None


def _nothing() -> Order:
    """An order that nobody made."""
    number = new_number("T")
    return Order(number=number, amount=Money(1), card_number="", holder="", bank="", made_at=clock.now())


def _told(figures: Figures) -> speaking.Told:
    names = ("settleable", "today", "yesterday", "total")
    return _kept(Text(_FIGURES, **{name: getattr(figures, name) for name in names}))


def _told_balance(figures: Figures) -> speaking.Told:
    """Of a channel that tells no totals: none are made up."""
    return _kept(Text(_BALANCE, settleable=figures.settleable))


def _heard(seen: Observation) -> speaking.Told:
    return _kept(_UNKNOWN if seen.seen is Seen.NOT_FOUND else Text(_SAID, word=seen.word[:40]))


def _kept(text: Text) -> speaking.Told:
    return speaking.Told(message=text.kept(_LONGEST))
