"""What waits for people, in their words: what it is, what was heard, what to do about it and who does it. Pure."""

from collections.abc import Mapping

from app.channels.contract import Observation, Seen
from app.kernel.errors import Text, gettext_noop
from app.withdrawals.rules.verdict import Known

ADVICE: Mapping[str, Text] = {
    "amount_differs": gettext_noop(
        "系统不按渠道所说的金额记账。请主管或财务到渠道后台核对实际付出的金额，再提出人工认定，由另一人确认。"
    ),
    "number_differs": gettext_noop(
        "这份答复不算数，没有据此改动任何记录；结果以渠道对本单号的答复与通知为准。请把它告诉渠道客服，然后在“人工待办”里办结。"
    ),
    "contradiction": gettext_noop(
        "我方记录保持不变，系统不会自行改判，也不会再付一次。请主管或财务到渠道后台核对款是否付出，"
        "再提出人工认定，由另一人确认；查清之前请勿重新提现。"
    ),
    "never_sent": gettext_noop(
        "系统不会据此改动。请主管或财务到渠道后台核对这笔款从何而来，再提出人工认定，由另一人确认。"
    ),
    "no_resend": gettext_noop(
        "再发一次可能付两次，所以系统不会重发。请主管或财务到渠道后台确认没有这笔，再提出人工认定，由另一人确认；"
        "认定未付之后，可以用新单号重新提现。"
    ),
    "aged": gettext_noop(
        "系统会继续查询，渠道一有结果就自动更新并撤下这项待办。请向渠道催问；渠道后台已有结果时，"
        "由主管或财务提出人工认定，另一人确认。"
    ),
    "returned": gettext_noop("请与收款人核对户名与卡号，然后在“人工待办”里办结；办结之后才能用新单号重新提现。"),
    "lost": gettext_noop("请核对它的创建人、审批人与收款人，再由主管或财务提出人工认定，另一人确认。"),
    "approval_broken": gettext_noop(
        "审批之后内容有了变化，系统不会发送。请立即通知管理员查明；没有发送过的由主管或财务退回审批，"
        "发送过的提出人工认定，由另一人确认。"
    ),
    "objection": gettext_noop(
        "系统不再重发，也不会自行改判。请主管或财务到渠道后台核对前一次是否付出，再提出人工认定，由另一人确认。"
    ),
}
"""Who does what about each kind of work. Each sentence fits every state in which that work can be open."""

SAYS = {
    Seen.PAID: gettext_noop("渠道现在说：款已付出"),
    Seen.FAILED: gettext_noop("渠道现在说：没有付款"),
    Seen.RETURNED: gettext_noop("渠道现在说：付出后已退票"),
    Seen.NOT_FOUND: gettext_noop("渠道现在说：无此订单"),
}


def heard(known: Known, reason: str, seen: Observation) -> Text | None:
    """What the channel said that our record does not say."""
    if reason == "amount_differs":
        return Text("渠道说 ¥%(theirs)s，我方记录 ¥%(ours)s", theirs=str(seen.amount), ours=str(known.amount))
    if reason == "number_differs":
        return Text("渠道的答复写的是 %(theirs)s", theirs=seen.number[:64])
    return SAYS.get(seen.seen)
