"""What is allowed and how long things last, as plain functions of plain values."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, timedelta
from functools import cached_property, lru_cache
from html import escape
from urllib.parse import quote, quote_plus

from app.channels.contract import CardToBind, Order
from app.kernel.bank_card import mask, mask_runs, normalise
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import Money
from app.kernel.payee import PAYEES, Payee, masked

_HEXADECIMAL = re.compile(r"(?<=%)[0-9A-Fa-f]{2}|(?<=\\u)[0-9A-Fa-f]{4}|(?<=%5Cu)[0-9A-Fa-f]{4}")
_HEAD, _TAIL = re.compile("[0-9]+"), re.compile("[0-9]{4}$")

TOPIC = "channels"
"""Under which pages hear that something about channels has changed."""

LEASE_S = 600
"""A claim lives ten minutes from the last sign of life of its holder."""
WARN_S = 120
"""So long before it ends, the holder is asked whether they are still there."""
SHOWN_S = 60
"""So long the password of a platform account stands on the page."""
STALE_AFTER_S = 300
"""Figures older than this are shown as stale."""
UNREAD_AFTER_S = 600
"""When they could not be read for so long, people are told."""

LOOK_BACK_DAYS = 30
"""How far back days are fetched on which nobody asked for figures."""

KEEP_SESSIONS_DAYS = 365
"""How long it is known of a session that it was, and from which browser."""
LONGEST_TEXT = 8000
"""So much is kept of what was said in a call."""
_LOOKED_AT = LONGEST_TEXT + 100
"""Somewhat more than is kept: a card that the end cuts in two is still found."""
HIDDEN = "******"
DROPPED = gettext_noop("（已按保存期限或个人信息要求删除）")
"""What stands where the words of a call were."""

ENDINGS = {
    "released": gettext_noop("主动释放"),
    "finished": gettext_noop("完成"),
    "forced": gettext_noop("强制释放"),
    "expired": gettext_noop("超时失效"),
    "signed_out": gettext_noop("退出登录"),
    "handed_over": gettext_noop("已交接"),
    "kicked": gettext_noop("被第三方踢下线"),
}

OUTCOMES = {
    "open": (gettext_noop("尚无答复"), "wait"),
    "ok": (gettext_noop("已答复"), "good"),
    "not_sent": (gettext_noop("未发出"), "neutral"),
    "unanswered": (gettext_noop("无答复"), "odd"),
    "bad_signature": (gettext_noop("签名不符"), "bad"),
    "unreadable": (gettext_noop("无法识别"), "odd"),
    "taken": (gettext_noop("已收下"), "good"),
    "refused": (gettext_noop("已拒收"), "bad"),
}
KICKED_OUT = gettext_noop("第三方已有他人登录")
"""What stands in the row of a call that was answered so (see KickedOut)."""
SEEN = {
    "paid": gettext_noop("款已付出"),
    "failed": gettext_noop("没有付款"),
    "returned": gettext_noop("已退票"),
    "pending": gettext_noop("还没有结果"),
    "not_found": gettext_noop("无此订单"),
}
"""What a call or callback said about an order, whatever the channel's own word for it."""

INTERFACES = {
    "submit": gettext_noop("提交代付"),
    "query": gettext_noop("查询结果"),
    "figures": gettext_noop("余额与汇总"),
    "bind_card": gettext_noop("绑定银行卡"),
    "bind_cards": gettext_noop("批量绑卡"),
    "list_cards": gettext_noop("查询已绑卡"),
    "unbind_card": gettext_noop("解绑银行卡"),
    "settle": gettext_noop("提交结算"),
    "statement": gettext_noop("渠道流水"),
    "callback": gettext_noop("回调"),
    "try": gettext_noop("试一下"),
    "probe": gettext_noop("试探"),
}


def told(outcome: str, message: str, interface: str = "") -> str:
    """The message of a call or callback: the channel's own words, or why there are none, which is a sentence of ours; so is
    what was read when parameters were tried out."""
    if outcome == "ok" and interface in ("try", "probe"):
        return Text.told(message)
    return message if outcome in ("ok", "taken") else reason(message)


def kept(text: str) -> str:
    """The words of a call, or in the reader's language that they are gone."""
    return DROPPED if text == DROPPED else text


def reason(text: str) -> str:
    """A sentence of ours as it was written down (see Unreadable), for the reader's language."""
    what, colon, detail = text.partition("：")
    return Text("%(what)s：%(detail)s", what=Text(what), detail=detail) if colon else Text(what)


def masked_again(text: str) -> str:
    """A number that a channel says is masked, in our own form: whatever it sends, no more than first six and last four."""
    number = normalise(text)
    if not number or (number.isascii() and number.isdigit()):
        return mask(number)
    head, tail = _HEAD.match(number), _TAIL.search(number)
    last = tail[0] if tail else ""
    if head is None or len(head[0]) < 6 or len(number) < 12:
        return f"**** {last}"
    return f"{head[0][:4]} {head[0][4:6]}** **** {last}"


def fee(amount: Money, *, fixed: Money, rate_ppm: int) -> Money:
    """What the channel takes for one payout: fixed + rate, half up to the fen."""
    return fixed + amount.share(rate_ppm)


def missed(known: Sequence[date], *, today: date) -> list[date]:
    """The days before today without figures, from the first known one on."""
    days = (today - min(known, default=today)).days
    return [day for back in reversed(range(1, days)) if (day := today - timedelta(days=back)) not in known]


def require_enabled(*, channel: bool, account: bool, name: str) -> None:
    if not (channel and account):
        raise Refused("渠道账号“%(name)s”已停用，不能办理业务", name=name, advice="请联系管理员启用，或换一个渠道账号")


def takes_nothing_new(*, channel: bool, account: bool, is_ready: bool) -> Text | None:
    """Why an account takes no new withdrawals, however well its channel does. None: it takes them."""
    if not is_ready:
        return gettext_noop("还没有启用过参数")
    if not channel:
        return gettext_noop("渠道已停用，已在途的照常办完")
    return None if account else gettext_noop("渠道账号已停用，已在途的照常办完")


def require_pays_to(kind: Payee, kinds: Set[Payee], *, name: str) -> None:
    if kind not in kinds:
        raise Refused(
            "渠道账号“%(name)s”不能付到%(kind)s",
            name=name,
            kind=PAYEES[kind],
            advice="请换一个能付的渠道账号，或换一个收款人",
        )


def require_funds(funds: Funds, offered: Set[Funds], *, name: str) -> None:
    if funds not in offered:
        raise Refused(
            "渠道账号“%(name)s”不能用%(funds)s付款",
            name=name,
            funds=FUNDS[funds],
            advice="请换一种代付方式，或换一个渠道账号",
        )


def require_complete(lacks: Text | None, *, name: str) -> None:
    """`lacks`: what the channel's adapter says of the payee's account."""
    if lacks is not None:
        raise Refused.saying(
            Text("渠道账号“%(name)s”不能付到这个对公账户：%(why)s", name=name, why=lacks),
            Text("请换一个能付的渠道账号，或补全收款人资料后重新登记"),
        )


def of_card(card: CardToBind) -> dict[str, str]:
    """What is private of a card, and what stands in its place."""
    return of_names(*card.details.values(), card.phone, card.holder) | {card.card_number: mask(card.card_number)}


def of_payee(order: Order) -> dict[str, str]:
    """Whom an order pays, and what stands in its place."""
    return of_names(order.holder) | {order.card_number: masked(order.payee, order.card_number)}


def of_names(*names: str) -> dict[str, str]:
    return {name: f"{name[:1] if len(name) > 1 else ''}**" for name in names}


class Cover:
    """Makes texts fit for people and for the database: cards masked, secrets and names out, however they are written.

    A batch has thousands of values and a long text: each place of it is looked up once, by the lengths that a value with
    these first two letters may have. Prepared when it is first needed, from what is private by then.
    """

    def __init__(self, private: Mapping[str, str]) -> None:
        self._private = private

    @cached_property
    def _covers(self) -> Mapping[str, str]:
        return {it: cover for value, cover in self._private.items() if value for it in _spellings(value)}

    @cached_property
    def _lengths(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, set[int]] = {}
        for spelling in self._covers:
            found.setdefault(spelling[:2], set()).add(len(spelling))
        # One letter alone may be a value too.
        return {start: sorted(them | found.get(start[:1], set()), reverse=True) for start, them in found.items()}

    @cached_property
    def _starts(self) -> re.Pattern[str]:
        """The letters with which a value may begin: hardly any place of a text does."""
        letters = {spelling[0] for spelling in self._covers}
        return re.compile(f"[{''.join(map(re.escape, sorted(letters)))}]" if letters else r"(?!)")

    def over(self, text: str) -> str:
        if not text:
            return ""
        text = text.replace("\0", "\N{SYMBOL FOR NULL}")  # PostgreSQL cannot hold it
        shown, at = "", 0
        for start, end, cover in self._found(text):
            shown, at = f"{shown}{text[at:start]}{cover}", end
        shown += text[at : at + _LOOKED_AT]
        return mask_runs(shown[:_LOOKED_AT])[:LONGEST_TEXT]

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where values stand, and their covers, until enough is looked at. Values that overlap are covered as one."""
        lengths, covers = self._lengths.get, self._covers.get
        start, end, cover, size = 0, 0, "", 0  # the last span, and how long the text to its end is with its cover
        for place in self._starts.finditer(text):
            at = place.start()
            if size + at - end > _LOOKED_AT:
                break
            for length in lengths(text[at : at + 2]) or lengths(text[at]) or ():
                found = covers(text[at : at + length])
                if found is None:
                    continue
                if at >= end:
                    if end:
                        yield start, end, cover
                    size += at - end + len(found)
                    start, end, cover = at, at + length, found
                elif at + length > end:
                    size += len(HIDDEN) - len(cover)
                    end, cover = at + length, HIDDEN
                break
        if end:
            yield start, end, cover


def _spellings(value: str) -> Set[str]:
    """As JSON, a form, a URL or XML may write it, in both cases of their hexadecimal digits; long numbers also in fours."""
    return _of_a_key(value) if len(value) > _LONGEST_NAME else _written(value)


_LONGEST_NAME = 200


@lru_cache(maxsize=256)
def _of_a_key(value: str) -> Set[str]:
    """A channel's key in PEM is long, and in every call: it is spelt once. Nothing about people is that long, or kept."""
    return _written(value)


def _written(value: str) -> Set[str]:
    if value.isascii() and value.isalnum():
        fours = [value[at : at + 4] for at in range(0, len(value), 4)]
        return {value, " ".join(fours), "-".join(fours)} if value.isdigit() and len(value) >= 8 else {value}
    written: set[str] = set()
    for it in {value, value.replace("&", "＆")}:  # so some adapters write it where "&" parts the fields
        written |= {it, json.dumps(it)[1:-1], json.dumps(it, ensure_ascii=False)[1:-1], escape(it)}
        written |= {quote(it, safe=""), quote_plus(it), quote(it)}
        in_json = json.dumps(it)[1:-1].replace("&", "＆")
        written |= {in_json, quote_plus(in_json), quote_plus(json.dumps(it)[1:-1])}
    return written | {_HEXADECIMAL.sub(lambda found: found[0].swapcase(), one) for one in written}
