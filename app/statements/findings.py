"""What this room lends to those above: the lines that nobody has laid beside our payments yet, and what was found.

Who reads them marks them in a transaction of its own; a line that was read twice is marked the same twice.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select, update

from app.alerts import bell
from app.alerts.bell import Severity
from app.channels.queries import Account
from app.kernel.errors import Text
from app.runtime import live_events
from app.runtime.db import db, in_transaction
from app.statements import queries
from app.statements.models import StatementLine
from app.statements.rules import TOPIC, in_steps, subject
from app.statements.states import LOOKED_AT_AGAIN, STRANGE, Finding

__all__ = ["STRANGE", "Finding", "conclude", "mark", "unread"]
_L = StatementLine


def unread(account_id: int, day: date, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """The next lines to be looked at, as the channel told them: those that nobody has, those that were about nothing of ours
    then, and those that people were to decide about."""
    found = queries.statement(account_id, day)
    if found is None:
        return []
    mine = (_L.statement_id == found.id, _L.last_edition.is_(None), _L.id > after)
    lines = select(*queries.LINE).where(*mine, _L.finding.in_(list(LOOKED_AT_AGAIN)))
    return db.session.execute(lines.order_by(_L.id).limit(limit)).all()


def mark(found: Mapping[int, Finding], *, said: Mapping[int, str]) -> None:
    """What these lines say to us; `said`: their messages, where they named somebody. Joins the caller's transaction."""
    assert in_transaction()
    for finding in sorted(set(found.values())):
        for ids in in_steps(line_id for line_id, it in sorted(found.items()) if it is finding):
            mine = (_L.id.in_(ids), _L.finding != finding)
            db.session.execute(
                update(_L).where(*mine).values(finding=finding).execution_options(synchronize_session=False)
            )
    for line_id, message in sorted(said.items()):
        db.session.execute(
            update(_L).where(_L.id == line_id).values(message=message).execution_options(synchronize_session=False)
        )


def conclude(account: Account, day: date, *, is_news: bool) -> None:
    """All of it is read: its page says how much of it is odd, and people are told of what is none of our payments.

    `is_news`: some of it was not known as such before; whoever has closed the alert is not told of the same once more.
    Joins the caller's transaction.
    """
    statement = queries.held(account.id, day)
    statement.odd = queries.odd(statement.id)
    db.session.flush()
    count, amount = queries.strange(statement.id)
    name = subject(account.number, day)
    if not count:
        bell.hush("statement", name, said=Text("对账单上的每一笔都对上了"))
    elif is_news:
        bell.ring(
            "statement",
            name,
            severity=Severity.WARNING,
            said=Text(
                "“%(account)s”%(day)s的渠道流水里有 %(count)s 笔不是我方的提现，共 ¥%(amount)s",
                account=account.title,
                day=f"{day:%Y%m%d}",
                count=count,
                amount=amount,
            ),
            path=f"/statements/{name}?show=odd",
            channel=account.channel_code,
        )
    live_events.announce(TOPIC, account.number)
