"""What may be made, decided, forgotten: refusals in words, as plain functions of plain values."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from app.kernel.bank_card import has_card_number
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.withdrawals.states import Kind


def require_amount(amount: Money, *, limit: Money) -> None:
    if amount <= ZERO:
        raise Refused("提现金额必须大于 0")
    if amount > limit:
        raise Refused(
            "金额 ¥%(amount)s 超过该渠道账号的单笔限额 ¥%(limit)s",
            amount=str(amount),
            limit=str(limit),
            advice="请换一个单笔限额够用的渠道账号",
        )


def require_fit_funds(kind: Kind, funds: Funds) -> None:
    """A settlement is of what the channel took in for us: what we paid in there ourselves it does not settle."""
    if kind is Kind.SETTLEMENT and funds is not Funds.COLLECTED:
        raise Refused("结算的是收款资金，不能用预存资金", advice="要用预存资金，请新建提现")


class UncleanMemo(Refused):
    """There is something in the memo that must not be there."""


def require_clean_memo(memo: str, *, payee: str = "") -> None:
    """`payee`: what names the payee's account, where that is no card."""
    if has_card_number(memo):
        raise UncleanMemo(gettext_noop("备注里不能写银行卡号"), advice=gettext_noop("请删去卡号后再提交"))
    if payee and payee.lower() in memo.lower():
        raise UncleanMemo(gettext_noop("备注里不能写收款账号"), advice=gettext_noop("请删去账号后再提交"))


APPROVAL_LASTS_H = 24
"""What was approved and could not be sent for so long is looked at again."""
KEEP_SELECTIONS_DAYS = 30
"""What was picked to be decided together; the decisions themselves stand with each withdrawal, for ever."""


def require_another_pair_of_eyes(*, maker_id: int, checker_id: int, approved_by: Collection[int] = ()) -> None:
    if maker_id == checker_id:
        raise Refused("不能审批自己创建的提现，请由另一人审批")
    if checker_id in approved_by:
        raise Refused("您已审批过这笔提现，还需要另一人审批")


def require_never_sent(*, attempts: int) -> None:
    """What left once may be paid: nobody takes it back."""
    if attempts:
        raise Refused("这笔提现已经发送过，不能撤回", advice="请等渠道的结果")


def objection(*, black: str, old_is_certain: bool, is_payable: bool = True) -> Text | None:
    """Why something that was made by the rules must not leave after all. `old_is_certain`: what it is made in place of, if
    there is such a one, is certain never to be paid. `is_payable`: its channel pays to accounts of this kind, of these
    funds, as it is now."""
    if black:
        return Text("收款人已列入黑名单，不能再付")
    if not is_payable:
        return Text("渠道账号现在的渠道协议不能付到这种收款账号，或不能用这种资金付，不能再付")
    return None if old_is_certain else Text("它代替的那一笔可能已付或还没有定论，不能再付")


def is_stale(approved_at: datetime | None, *, now: datetime) -> bool:
    return approved_at is not None and now - approved_at > timedelta(hours=APPROVAL_LASTS_H)


def require_nothing_open(numbers: Sequence[str]) -> None:
    if numbers:
        raise Refused(
            "还有 %(count)s 笔提现用到这个收款账号且没有办完（如 %(number)s），不能删除收款人资料",
            count=len(numbers),
            number=numbers[0],
            advice="请等它们有结果、人工待办处理完后再删除",
        )
