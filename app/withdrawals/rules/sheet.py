"""What a sheet of withdrawals holds, and what may be said of all of it: plain functions of plain values."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from app.kernel.cells import Column, Kind
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.money import Money
from app.kernel.payee import Payee
from app.kernel.written import PAYMENTS

NUMBER, HOLDER, AMOUNT, MEMO, OWN_NUMBER = "number", "holder", "amount", "memo", "own_number"


def _column(key: str, title: Text, kind: Kind, *, note: Text, required: bool = False, longest: int = 0) -> Column:
    aliases, example = PAYMENTS[key]
    return Column(
        key=key,
        title=title,
        kind=kind,
        required=required,
        aliases=tuple(aliases.split()),
        longest=longest,
        example=example,
        note=note,
    )


COLUMNS = (
    _column(NUMBER, gettext_noop("卡号"), Kind.CARD, note=gettext_noop("已绑定在该渠道账号上的卡"), required=True),
    _column(HOLDER, gettext_noop("开户人"), Kind.NAME, note=gettext_noop("与绑定时一致"), required=True),
    _column(AMOUNT, gettext_noop("金额"), Kind.AMOUNT, note=gettext_noop("单位为元，最多两位小数"), required=True),
    _column(MEMO, gettext_noop("备注"), Kind.TEXT, note=gettext_noop("不要写卡号"), longest=100),
    _column(
        OWN_NUMBER,
        gettext_noop("业务编号"),
        Kind.REFERENCE,
        note=gettext_noop("您自己的编号，同一文件里不能重复"),
        longest=40,
    ),
)

OF_PAYEES = (
    replace(
        COLUMNS[0],
        title=gettext_noop("收款账号"),
        kind=Kind.PAYEE,
        aliases=tuple(PAYMENTS["payee"][0].split()),
        example=PAYMENTS["payee"][1],
        note=gettext_noop("已登记在该渠道账号上的账号，或它的编号（K 开头）"),
    ),
    *COLUMNS[1:],
)
"""Of a channel that pays to more than bank cards."""
FORMS = (COLUMNS, OF_PAYEES)
"""By the number that an upload keeps."""


def form_of(kinds: Set[Payee]) -> int:
    """What a sheet is read by whose channel pays to these."""
    return FORMS.index(COLUMNS if kinds <= {Payee.BANK_CARD} else OF_PAYEES)


BOUND, BINDING = "bound", "binding"
NOT_BOUND = gettext_noop("没有绑定或登记在该渠道账号上，请先绑定再提现")
STILL_BINDING = gettext_noop("还在绑定中，请等绑定成功后重新上传")
OTHER_HOLDER = gettext_noop("与绑定时的开户人不一致，请核对；换了户名请先重新绑定")
OWN_NUMBER_TWICE = gettext_noop("与第 %(row)d 行的业务编号重复")
SAME_PAYMENT = gettext_noop("与第 %(row)d 行的卡号、金额都相同，请确认不是重复付款")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the good rows of a sheet add up to."""

    count: int
    amount: Money
    fee: Money

    @property
    def hold(self) -> Money:
        return self.amount + self.fee

    def less(self, *, count: int, amount: Money, fee: Money) -> "Totals":
        """Without so many of them."""
        return Totals(self.count - count, self.amount - amount, self.fee - fee)


def flaw_of_payee(*, state: str | None, holder: str, named: str | None) -> tuple[str, Text] | None:
    """Why this row cannot be paid: the column to blame and a sentence. `named`: as the row has it; None: wrong already."""
    if state == BINDING:
        return NUMBER, STILL_BINDING
    if state != BOUND:
        return NUMBER, NOT_BOUND
    if named is not None and named != holder:
        return HOLDER, OTHER_HOLDER
    return None


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows of a file of which some are left out; `amount` None: there are some whose amount cannot be read."""

    count: int
    amount: Money | None


def require_control_totals(*, count: int, amount: Money, good: Totals, whole: Whole | None = None) -> None:
    """What was typed in by hand is what the sheet has, or nothing is made. Who typed what the whole file has is told that
    and asked for the rest: an unexplained difference would send them looking for a mistake that nobody made."""
    if (count, amount) != (good.count, good.amount):
        if whole is not None and whole.count == count and whole.amount in (amount, None):
            raise _of_the_whole(whole, good)
        raise Refused(
            "手工输入的控制总数是 %(count)d 笔、¥%(amount)s，可以提交的是 %(good)d 笔、¥%(sum)s，两者不一致",
            count=count,
            amount=str(amount),
            good=good.count,
            sum=str(good.amount),
            advice="请与制表人核对后再提交",
        )


def _of_the_whole(whole: Whole, good: Totals) -> Refused:
    told = {"whole": whole.count, "left": whole.count - good.count, "good": good.count}
    if whole.amount is None:
        return Refused(
            "您输入的是整个文件的 %(whole)d 笔；其中 %(left)d 笔有误不提（有的金额读不出来）："
            "请从制表人给的数里减去它们，输入其余 %(good)d 笔的合计",
            **told,
            advice="有误的行先改好、重新上传也可以",
        )
    return Refused(
        "文件共 %(whole)d 笔、¥%(all)s，与您输入的一致；其中 %(left)d 笔有误不提："
        "请从制表人给的数里减去它们，输入其余 %(good)d 笔的合计",
        **told,
        all=str(whole.amount),
        advice="有误的行先改好、重新上传也可以",
    )


def require_same_review(*, then: Mapping[str, object], now: Mapping[str, object], is_same: bool) -> None:
    """An order about a whole sheet is about what was on the screen."""
    if not is_same:
        raise Refused(
            "待审批的内容在您打开页面后有变化：当时是 %(count)s 笔、¥%(amount)s，现在是 %(now_count)s 笔、¥%(now_amount)s",
            count=then["count"],
            amount=then["amount"],
            now_count=now["count"],
            now_amount=now["amount"],
            advice="请核对页面上现在的内容后再办理",
        )
