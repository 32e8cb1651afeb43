"""人工认定: what people may say became of a withdrawal, and what must be known before they may. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.kernel.errors import Refused, Text, gettext_noop
from app.withdrawals.rules.verdict import BETWEEN_NOT_FOUND_S, HTTP_TOTAL_S, SEND_WITHIN_S
from app.withdrawals.states import State


class Outcome(StrEnum):
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    AS_IS = "as_is"


OUTCOMES = {
    Outcome.PAID: gettext_noop("款已付出"),
    Outcome.FAILED: gettext_noop("款没有付出，也不会再付"),
    Outcome.RETURNED: gettext_noop("付出后已退回（退票）"),
    Outcome.AS_IS: gettext_noop("我方记录无误，不需改动"),
}
VERBS = {
    (State.SENDING, Outcome.PAID): "declare_paid",
    (State.PENDING, Outcome.PAID): "declare_paid",
    (State.SENDING, Outcome.FAILED): "declare_failed",
    (State.PENDING, Outcome.FAILED): "declare_failed",
    (State.QUEUED, Outcome.PAID): "declare_paid",
    (State.QUEUED, Outcome.FAILED): "declare_failed",
    (State.FAILED, Outcome.PAID): "declare_late",
    (State.REJECTED, Outcome.PAID): "declare_late",
    (State.CANCELLED, Outcome.PAID): "declare_late",
    (State.PAID, Outcome.RETURNED): "declare_returned",
}
"""What an outcome does to a withdrawal in this state. As it is: nothing, but what waited for people is closed."""

ACKNOWLEDGED = frozenset({"returned", "number_differs"})
"""Work that one person may close with a word: no money depends on it."""
CLOSES_ITSELF = frozenset({"aged", "no_resend"})
"""Work that a signed word of the channel makes needless."""

STOPS = {
    "paused": gettext_noop("由人停发"),
    "restored": gettext_noop("数据库是从备份恢复的：发送日志里有它不知道的付款，渠道逐笔答复之前不再发送"),
    "broken": gettext_noop("账目核对发现问题，问题解决之前不再发送"),
}
"""Why nothing is sent."""
HOUSE_STOPS = {
    "paused": gettext_noop("由人全部停发"),
    "restored": gettext_noop("从备份恢复后正在逐笔核对，全部停发"),
    "broken": gettext_noop("账目核对没有通过，全部停发"),
}
"""The same of all accounts, in few words, beside each."""

_NEVER_LEFT = (State.REJECTED, State.CANCELLED)
REPLACEABLE = (State.FAILED, State.RETURNED, State.REJECTED, State.CANCELLED)
LARGEST_FILE = 5 * 1024 * 1024
FILE_TYPES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""What evidence may be, by its first bytes: what a browser shows and nothing that a browser runs."""


def possible(state: State, *, waits: bool, attempts: int) -> list[Outcome]:
    """What may be proposed now. `waits`: something about it waits for a person.

    Of what never left nothing is said: there are ordinary ways back. Only a restored house, or a channel that speaks of
    an order it was never sent, gives reason to.
    """
    silent = (state == State.QUEUED and not attempts) or (state in _NEVER_LEFT and not waits)
    found = [outcome for outcome in Outcome if (state, outcome) in VERBS and not silent]
    return found + ([Outcome.AS_IS] if waits else [])


def file_type(content: bytes) -> str:
    """The type of an evidence file, or Refused."""
    if not content:
        raise Refused("证据文件是空的", advice="请上传渠道后台截图或回单（PDF、PNG、JPEG）")
    if len(content) > LARGEST_FILE:
        raise Refused("证据文件超过 5 MB", advice="请压缩后再上传")
    for beginning, kind in FILE_TYPES.items():
        if content.startswith(beginning):
            return kind
    raise Refused("证据文件只能是 PDF、PNG 或 JPEG", advice="请上传渠道后台截图或回单")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that must be known before it counts as proved that nothing was paid."""

    what: Text
    there: bool
    note: Text | None = None
    at: datetime | None = None
    denied_at: datetime | None = None
    """When the opposite was heard: waiting does not make it true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What is known of a withdrawal that is out."""

    sent_at: datetime
    window_s: int
    not_found: int
    first_not_found_at: datetime | None
    signed_at: datetime | None
    now: datetime


def proof_of_non_payment(traces: Traces) -> list[Evidence]:
    """RELIABILITY I-1, item by item, for a page that says what is missing. Proved only if all of it is there."""
    last = traces.sent_at + timedelta(seconds=SEND_WITHIN_S + HTTP_TOTAL_S + traces.window_s)
    first = traces.first_not_found_at
    second = None if first is None else first + timedelta(seconds=BETWEEN_NOT_FOUND_S)
    silent = traces.signed_at is None or (first is not None and traces.signed_at < first)
    return [
        Evidence(
            what=Text("已过最后可能送达的时刻，并超过渠道受理窗口"),
            there=traces.now >= last,
            note=Text("在此之前查无此单不算证据"),
            at=last,
        ),
        Evidence(
            what=Text("渠道没有有签名地承认过这笔订单"),
            there=silent,
            note=Text("以渠道的最终结果为准：除非它此后两次改口说“无此订单”，不能由此认定未付，也不能用新单号再付"),
            denied_at=None if silent else traces.signed_at,
        ),
        Evidence(
            what=Text("此后渠道第一次有签名地回复“无此订单”"),
            there=traces.not_found >= 1 and first is not None,
            at=first,
        ),
        Evidence(
            what=Text("至少 60 秒后第二次有签名地回复“无此订单”"),
            there=traces.not_found >= 2 and second is not None and traces.now >= second,
            at=second,
        ),
    ]


def is_old(evidence: list[Evidence]) -> bool:
    """Is it out for so long that one asks for proof? Before, every request may still arrive, and nothing is odd."""
    return bool(evidence) and evidence[0].there


def is_proved(evidence: list[Evidence]) -> bool:
    return all(item.there for item in evidence)


def require_evidence(outcome: Outcome, state: State, *, has_file: bool, evidence: list[Evidence]) -> None:
    """A file, unless the channel's own signed words are the proof. Never "not paid" while a request may still arrive."""
    if (state, outcome) in VERBS and VERBS[state, outcome] == "declare_failed":
        if not evidence[0].there:
            raise Refused("请求还可能送达渠道，现在不能认定未付", advice="请等证据清单第一项满足后再提出")
        if is_proved(evidence):
            return
    if outcome is not Outcome.AS_IS and not has_file:
        raise Refused("请附上证据文件", advice="渠道后台截图或回单（PDF、PNG、JPEG，最多 5 MB）")


def require_other_decider(*, proposer_id: int, maker_id: int, decider_id: int) -> None:
    if decider_id == proposer_id:
        raise Refused("不能确认自己提出的认定，请由另一人确认")
    if decider_id == maker_id:
        raise Refused("不能确认自己创建的提现的认定，请由另一人确认")


def require_same(seq: int, proposed_at_seq: int) -> None:
    if seq != proposed_at_seq:
        raise Refused("认定提出之后，这笔提现有了新的情况", advice="请先看经过，再由提出人收回或另提")


def require_replaceable(state: State, *, waits: bool, replaced_by: str) -> None:
    """Paid once more under a new number: only when it is certain that this number never will be."""
    if replaced_by:
        raise Refused("这笔提现已由 %(number)s 代替，不能再代替一次", number=replaced_by)
    if state not in REPLACEABLE:
        raise Refused(
            "这笔提现还没有被证明未付，不能用新单号再付",
            advice="证据齐全之前请勿另建；缺什么见“未付款证据”",
        )
    if waits:
        raise Refused("这笔提现还有人工待办，处理完才能用新单号再付")


LATE = "-L"


def late(number: str) -> str:
    """The business number under which the ledger has what a payment cost that had counted as failed."""
    return number + LATE
