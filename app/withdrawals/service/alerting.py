"""Money whose fate nobody knows for too long: people are told, account by account."""

from app.alerts import bell
from app.alerts.bell import Severity
from app.channels import queries as channels
from app.channels.queries import Account
from app.kernel import clock
from app.kernel.errors import Text
from app.runtime.db import transaction
from app.withdrawals import queries, rules
from app.withdrawals.queries import Unknown


def look_at_unknown() -> None:
    """Whatever is out for an hour without a signed word of its channel rings; after a day it is severe."""
    with transaction():
        aged = queries.unknown_before(clock.later(-rules.AGED_AFTER_S))
        accounts = {it.number: it for it in channels.accounts() if it.id in aged}
        for _number, account in sorted(accounts.items()):
            _ring(account, aged[account.id])
        bell.hush_others("unknown-money", but=accounts, said=Text("都有结果了"))


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
