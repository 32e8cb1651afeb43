"""What people are told of withdrawals, account by account: money whose fate nobody knows, orders that hang, work that waits.

Each kind rings once for an account, with how many there are, and leads to the list of exactly these.
"""

from app.alerts import bell
from app.alerts.bell import Severity
from app.channels import queries as channels
from app.channels.queries import Account
from app.kernel import clock
from app.kernel.errors import Text
from app.runtime.db import transaction
from app.withdrawals import queries, rules
from app.withdrawals.queries import Pressed, Unknown
from app.withdrawals.rules import Pressing
from app.withdrawals.states import HANGING

WORK_KINDS: dict[Pressing, str] = {
    Pressing.BROKEN: "work-broken",
    Pressing.DIFFERS: "work-differs",
    Pressing.RETURNED: "work-returned",
    Pressing.LEFT: "work-left",
}


def look_at_unknown() -> None:
    """Whatever is out for an hour without a signed word of its channel rings; after a day it is severe. What the channel
    has taken rings when it has had no outcome for a day."""
    with transaction():
        aged = queries.unknown_before(clock.later(-rules.AGED_AFTER_S))
        accounts = {it.number: it for it in channels.accounts() if it.id in aged}
        for _number, account in sorted(accounts.items()):
            _ring(account, aged[account.id])
        bell.hush_others("unknown-money", but=accounts, said=Text("都有结果了"))
        hanging = queries.hanging_since(clock.later(-rules.HANGS_AFTER_S))
        accounts = {it.number: it for it in channels.accounts() if it.id in hanging}
        for number, account in sorted(accounts.items()):
            count, amount = hanging[account.id]
            bell.ring(
                "hanging",
                number,
                severity=Severity.WARNING,
                said=Text(
                    "“%(account)s”有 %(count)s 笔提现渠道已受理、超过 %(hours)s 小时仍没有结果，共 ¥%(amount)s",
                    account=account.title,
                    count=count,
                    hours=rules.HANGS_AFTER_S // 3600,
                    amount=amount,
                ),
                path=f"/withdrawals/?account={number}&state={HANGING}",
                channel=account.channel_code,
            )
        bell.hush_others("hanging", but=accounts, said=Text("都有结果了"))


def _ring(account: Account, aged: Unknown) -> None:
    assert aged.since is not None, "what is out was sent"
    badly = aged.since < clock.later(-rules.AGED_BADLY_S)
    bell.ring(
        "unknown-money",
        account.number,
        severity=Severity.SEVERE if badly else Severity.WARNING,
        said=Text(
            "“%(account)s”有 %(count)s 笔提现去向未明，共 ¥%(amount)s，最早的发出已超过 %(hours)s 小时",
            account=account.title,
            count=aged.count,
            amount=aged.amount,
            hours=(rules.AGED_BADLY_S if badly else rules.AGED_AFTER_S) // 3600,
        ),
        path=f"/withdrawals/?account={account.number}&state=unknown",
        channel=account.channel_code,
    )


def look_at_work() -> None:
    """What a channel says otherwise than our book, and what came back, rings at once (`movement` asks for this look);
    whatever people leave lying rings after an hour."""
    with transaction():
        for pressing in WORK_KINDS:
            pressed = queries.pressing_work(pressing)
            accounts = {it.number: it for it in channels.accounts() if it.id in pressed}
            for number, account in sorted(accounts.items()):
                severity, said = _WORDS[pressing](account.title, pressed[account.id])
                path = f"/work/?account={number}&pressing={pressing}"
                bell.ring(
                    WORK_KINDS[pressing], number, severity=severity, said=said, path=path, channel=account.channel_code
                )
            bell.hush_others(WORK_KINDS[pressing], but=accounts, said=_OVER[pressing])


def _broken(account: str, work: Pressed) -> tuple[Severity, Text]:
    return Severity.SEVERE, Text(
        "“%(account)s”有 %(count)s 笔提现在批准之后内容有变，没有发送，涉及 ¥%(amount)s，请查明是怎么改动的",
        account=account,
        count=work.items,
        amount=work.amount,
    )


def _differs(account: str, work: Pressed) -> tuple[Severity, Text]:
    return Severity.SEVERE, Text(
        "“%(account)s”有 %(count)s 项：渠道的说法与我方记录不一致，涉及 ¥%(amount)s，须由两个人认定",
        account=account,
        count=work.items,
        amount=work.amount,
    )


def _returned(account: str, work: Pressed) -> tuple[Severity, Text]:
    return Severity.WARNING, Text(
        "“%(account)s”有 %(count)s 笔退票，共 ¥%(amount)s，请核对收款人后决定是否再付",
        account=account,
        count=work.items,
        amount=work.amount,
    )


def _left(account: str, work: Pressed) -> tuple[Severity, Text]:
    told: dict[str, object] = {"account": account, "count": work.items, "amount": work.amount}
    a_day = rules.WORK_LEFT_BADLY_S // 3600
    if work.ownerless_since is None:
        said = Text(
            "“%(account)s”有 %(count)s 项人工待办超过 %(hours)s 小时没有办完，涉及 ¥%(amount)s", **told, hours=a_day
        )
        return Severity.WARNING, said
    badly = work.ownerless_since < clock.later(-rules.WORK_LEFT_BADLY_S)
    return Severity.SEVERE if badly else Severity.WARNING, Text(
        "“%(account)s”有 %(count)s 项人工待办久未办理，涉及 ¥%(amount)s；其中无人办理的，最早的已超过 %(hours)s 小时",
        **told,
        hours=a_day if badly else rules.WORK_LEFT_S // 3600,
    )


_WORDS = {Pressing.BROKEN: _broken, Pressing.DIFFERS: _differs, Pressing.RETURNED: _returned, Pressing.LEFT: _left}
_OVER = {
    Pressing.BROKEN: Text("都查明了"),
    Pressing.DIFFERS: Text("都认定了"),
    Pressing.RETURNED: Text("都处理了"),
    Pressing.LEFT: Text("都有人办理了"),
}
