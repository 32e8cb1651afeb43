"""What can go wrong, by the last two digits of the amount in fen. The same table for all manners.

This table is what the control page and the README show and what the tests walk through. A fault falls on the first
submit of an order number only: whoever asks again is answered properly.
"""

from dataclasses import dataclass
from enum import StrEnum


class Say(StrEnum):
    """What becomes of the answer to the submit."""

    PROPERLY = "properly"
    SLOWLY = "slowly"
    AFTER_CALLBACK = "after_callback"
    NOTHING = "nothing"  # the connection is closed without a byte
    HALF = "half"  # the connection is closed in the middle of the body
    ERROR = "error"  # HTTP 500, not signed
    HTML = "html"  # HTTP 200 and a web page
    BADLY_SIGNED = "badly_signed"
    BUSY = "busy"  # validly signed: the system is busy, which proves nothing
    KICKED_OUT = "kicked_out"  # validly signed: somebody else signed in; the request was not looked at
    OF_ANOTHER = "of_another"  # validly signed, about another order


class When(StrEnum):
    AT_ONCE = "at_once"
    SOON = "soon"
    LATE = "late"
    LONG = "long"
    AFTERWARDS = "afterwards"


class Call(StrEnum):
    """One callback that a step posts."""

    RIGHT = "right"
    BADLY_SIGNED = "badly_signed"  # sent once, whatever is answered; the right one follows
    WRONG_AMOUNT = "wrong_amount"


@dataclass(frozen=True, slots=True)
class Step:
    """At its time the payout makes a move of `states.PAYOUT` and posts these callbacks."""

    when: When
    verb: str
    calls: tuple[Call, ...] = (Call.RIGHT,)


PAID_SOON = (Step(When.SOON, "pay"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    ending: int | None
    name: str
    title: str
    english: str
    taken: bool = True
    say: Say = Say.PROPERLY
    refusal: str = ""
    hidden_queries: int = 0
    """So many queries are answered "not found" although the payout was taken."""
    life: tuple[Step, ...] = PAID_SOON


NORMAL = Fault(
    ending=None,
    name="normal",
    title="正常：受理，约 1–3 秒到账，随后通知",
    english="accepted, paid in 1–3 s, called back",
)

FAULTS = (
    Fault(
        ending=1,
        name="refused",
        title="受理时明确拒绝（可用余额不足，签名有效）",
        english="refused at once, validly signed",
        refusal="balance",
        life=(),
    ),
    Fault(
        ending=2,
        name="fails_later",
        title="受理，随后银行拒绝：失败通知",
        english="accepted, fails a little later",
        life=(Step(When.SOON, "fail"),),
    ),
    Fault(ending=3, name="slow", title="受理，但应答慢于任何超时", english="taken, answers too slowly", say=Say.SLOWLY),
    Fault(
        ending=4,
        name="drop_before",
        title="未受理，断开连接",
        english="not taken, connection closed",
        taken=False,
        say=Say.NOTHING,
    ),
    Fault(
        ending=5,
        name="drop_after",
        title="已受理，不应答就断开连接",
        english="taken, connection closed without an answer",
        say=Say.NOTHING,
    ),
    Fault(
        ending=6, name="error_taken", title="已受理，应答 HTTP 500", english="taken, answers HTTP 500", say=Say.ERROR
    ),
    Fault(
        ending=7,
        name="error_not_taken",
        title="未受理，应答 HTTP 500",
        english="not taken, answers HTTP 500",
        taken=False,
        say=Say.ERROR,
    ),
    Fault(
        ending=8,
        name="garbage",
        title="已受理，应答一张网页（HTTP 200）",
        english="taken, answers a web page",
        say=Say.HTML,
    ),
    Fault(
        ending=9,
        name="wrong_signature",
        title="已受理，应答签名错误",
        english="taken, the answer is badly signed",
        say=Say.BADLY_SIGNED,
    ),
    Fault(
        ending=10,
        name="not_found_then_found",
        title="已受理并断开，前 2 次查询答“订单不存在”",
        english="taken and dropped, the first 2 queries say not found",
        say=Say.NOTHING,
        hidden_queries=2,
    ),
    Fault(
        ending=11,
        name="duplicate_callbacks",
        title="同一通知同时发 3 次",
        english="the same callback 3 times at once",
        life=(Step(When.SOON, "pay", (Call.RIGHT, Call.RIGHT, Call.RIGHT)),),
    ),
    Fault(
        ending=12,
        name="late_callback",
        title="20 秒后才到账和通知，其间查询为处理中",
        english="paid and called back after 20 s",
        life=(Step(When.LATE, "pay"),),
    ),
    Fault(
        ending=13,
        name="no_callback",
        title="到账但从不通知，只能查询",
        english="paid, never called back",
        life=(Step(When.SOON, "pay", ()),),
    ),
    Fault(
        ending=14,
        name="callback_badly_signed_first",
        title="先发一个签名错误的通知，再发正确的",
        english="a badly signed callback first, then a right one",
        life=(Step(When.SOON, "pay", (Call.BADLY_SIGNED, Call.RIGHT)),),
    ),
    Fault(
        ending=15,
        name="callback_wrong_amount",
        title="通知中的金额不对（多 1 元）",
        english="the callback names another amount",
        life=(Step(When.SOON, "pay", (Call.WRONG_AMOUNT,)),),
    ),
    Fault(
        ending=16,
        name="returned",
        title="到账约 15 秒后退票",
        english="paid, returned some 15 s later",
        life=(Step(When.SOON, "pay"), Step(When.AFTERWARDS, "return")),
    ),
    Fault(
        ending=17,
        name="long_pending",
        title="长时间处理中（30 分钟）",
        english="pending for half an hour",
        life=(Step(When.LONG, "pay"),),
    ),
    Fault(
        ending=18,
        name="unknown_word",
        title="状态是文档里没有的词，20 秒后到账",
        english="a word nobody documented, paid after 20 s",
        life=(Step(When.AT_ONCE, "mumble"), Step(When.LATE, "pay")),
    ),
    Fault(
        ending=19,
        name="failed_then_paid",
        title="自相矛盾：先失败，约 15 秒后又说到账",
        english="failed, then paid after all",
        life=(Step(When.SOON, "fail"), Step(When.AFTERWARDS, "pay")),
    ),
    Fault(
        ending=20,
        name="answer_of_another",
        title="已受理，应答说的是别的订单（签名有效）",
        english="taken, the answer is about another order",
        say=Say.OF_ANOTHER,
    ),
    Fault(
        ending=21,
        name="early_callback",
        title="通知先于应答到达",
        english="the callback overtakes the answer",
        say=Say.AFTER_CALLBACK,
        life=(Step(When.AT_ONCE, "pay"),),
    ),
    Fault(ending=22, name="half", title="已受理，应答只到一半就断开", english="taken, half an answer", say=Say.HALF),
    Fault(
        ending=23,
        name="busy_taken",
        title="已受理，应答“系统繁忙”（签名有效）",
        english="taken, answers a signed “system busy”",
        say=Say.BUSY,
    ),
    Fault(
        ending=24,
        name="kicked_out",
        title="未受理，应答“已有他人登录”（签名有效）",
        english="not taken, answers a signed “somebody else signed in”",
        taken=False,
        say=Say.KICKED_OUT,
    ),
)

BY_ENDING = {fault.ending: fault for fault in FAULTS}
BY_NAME = {fault.name: fault for fault in FAULTS}


def fault_of(amount_minor: int) -> Fault:
    return BY_ENDING.get(amount_minor % 100, NORMAL)
