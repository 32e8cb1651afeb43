"""What a new figure means for the ledger, and what people may enter, as plain functions of plain values."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta

from app.collections.states import Kind
from app.kernel.bank_card import has_card_number
from app.kernel.errors import Refused
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import ZERO, Money

LOOK_BACK_DAYS = 31
"""How far back a day may still grow: the days that `pull_missed` fetches, and the one before them."""


def reported(figures: Sequence[tuple[date, Money, Money]], *, since: date) -> dict[date, Money]:
    """What the channel says it collected on each day, from rows of (day, of that day, of the day before).

    The next day's word about a day is the later one; the larger of the two wins, as neither day shrinks.
    """
    found: dict[date, Money] = {}
    for day, of_the_day, of_the_day_before in figures:
        for at, amount in ((day, of_the_day), (day - timedelta(days=1), of_the_day_before)):
            if at >= since:
                found[at] = max(amount, found.get(at, ZERO))
    return found


def newly_collected(*, reported: Money, booked: Money) -> Money:
    """What is to be posted so that the day's entries add up to the channel's figure.

    A figure that fell posts nothing: a channel that takes back collected money does so by a refund with its own line,
    and until that is read the difference belongs before a person, not into the ledger.
    """
    return max(reported - booked, ZERO)


def opening(*, settleable: Money, today: Money) -> Money:
    """What the account held before today, when its figures are read for the first time."""
    return max(settleable - today, ZERO)


OLDEST_DAYS = 366
"""So far back money may have arrived that is entered by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One balance of an account: what its channel says it holds (None: it says nothing), and what our book says."""

    reported: Money | None
    available: Money
    kept: Money = ZERO
    """Set aside, and certainly still at the channel: what waits to be approved or to be sent."""
    out: Money = ZERO
    """Set aside for what may have left: nobody knows whether the channel still counts it."""
    has_begun: bool = True
    """Is the first balance that the channel told in the book?"""

    @property
    def held(self) -> Money:
        return self.kept + self.out

    @property
    def most(self) -> Money:
        """What may be missing in our book at most: all that is on its way has left the channel already."""
        assert self.reported is not None
        return self.reported - self.available - self.kept

    @property
    def gap(self) -> Money:
        """What is certainly missing (above zero) or too much (below): a difference that what is on its way can explain is
        none."""
        least = self.most - self.out
        return least if least > ZERO else self.most if self.most < ZERO else ZERO


def is_by_hand(funds: Funds, *, offered: Set[Funds], totals: bool) -> bool:
    """Do people enter what comes into this balance? What we pay in ourselves no channel tells us, nor what some collect."""
    return funds in offered and (funds is Funds.PREFUNDED or not totals)


def require_by_hand(
    standing: Standing, *, funds: Funds, offered: Set[Funds], totals: bool, kind: Kind, name: str
) -> None:
    """Where the channel tells what came in, people do not."""
    if funds not in offered:
        raise Refused("“%(name)s”没有%(funds)s", name=name, funds=FUNDS[funds])
    if funds is Funds.PREFUNDED:
        return
    if totals:
        raise Refused(
            "“%(name)s”的收款由系统按渠道的汇总自动入账", name=name, advice="如有差额，请核对渠道的汇总与流水"
        )
    if standing.reported is None and standing.has_begun:
        return
    if not standing.has_begun:
        raise Refused("还没有取得“%(name)s”的渠道余额", name=name, advice="请先刷新渠道数据：首次余额会自动记为期初")
    if kind is Kind.OPENING:
        raise Refused("“%(name)s”的期初已按渠道的首次余额自动记入", name=name, advice="之后到账的，请选“充值到账”")


def require_amount(amount: Money, standing: Standing) -> None:
    """No more than the channel itself shows beyond our book."""
    if amount <= ZERO:
        raise Refused("金额必须大于 0")
    if standing.reported is not None and amount > standing.most:
        raise Refused(
            "渠道余额 ¥%(reported)s，账上 ¥%(available)s（含还没发出的冻结 ¥%(kept)s），最多可以记入 ¥%(most)s",
            reported=str(standing.reported),
            available=str(standing.available + standing.kept),
            kept=str(standing.kept),
            most=str(max(standing.most, ZERO)),
            advice="如刚刚到账，请先刷新渠道数据再记",
        )


def require_day(arrived_on: date, *, today: date) -> None:
    if arrived_on > today:
        raise Refused("到账日期不能晚于今天")
    if arrived_on < today - timedelta(days=OLDEST_DAYS):
        raise Refused("到账日期不能早于一年前")


def require_clean_evidence(evidence: str) -> None:
    if has_card_number(evidence):
        raise Refused("凭证说明里不能写银行卡号", advice="请删去卡号后再提交")


def require_another_pair_of_eyes(*, maker_id: int, checker_id: int) -> None:
    if maker_id == checker_id:
        raise Refused("不能审批自己记的入账，请由另一人审批", advice="记错了可以撤回")


def require_still_there(*, available: Money, amount: Money) -> None:
    """What was withdrawn meanwhile cannot be taken out of the book again (I-4)."""
    if amount > available:
        raise Refused(
            "账上可用 ¥%(available)s，不足这笔入账的 ¥%(amount)s：钱已经用掉或冻结，不能冲正",
            available=str(available),
            amount=str(amount),
            advice="等在途的提现有结果，或记入真正到账的钱之后再冲正",
        )


def require_another_to_reverse(*, maker_id: int, checker_id: int) -> None:
    if maker_id == checker_id:
        raise Refused("不能审批自己申请的冲正，请由另一人审批", advice="不需要了可以撤回")


def require_own_reversal(*, maker_id: int, actor_id: int) -> None:
    if maker_id != actor_id:
        raise Refused("只有申请的人可以撤回冲正", advice="审批人可以驳回")


def require_own(*, maker_id: int, actor_id: int) -> None:
    if maker_id != actor_id:
        raise Refused("只有记入的人可以撤回", advice="审批人可以驳回")
