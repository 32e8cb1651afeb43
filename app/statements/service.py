"""Pulling statements: page after page, each line kept once, and what is told no more kept as what was told before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import ColumnElement, update

from app.alerts import bell
from app.alerts.bell import Severity
from app.auth import audit
from app.auth.identity import Actor
from app.channels import gateway
from app.channels import queries as channels
from app.channels.contract import Interface
from app.channels.contract import StatementLine as Told
from app.channels.rules import reason
from app.kernel import clock
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.money import ZERO
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, insert, transaction
from app.runtime.queue import Line
from app.statements import queries, rules
from app.statements.models import STANDS, Statement, StatementLine
from app.statements.states import Finding, State

PULL = "app.statements.jobs.pull"
READ = "app.withdrawals.jobs.read_statement"
_AT_ONCE = 500
_L, _S = StatementLine, Statement


def refresh(number: str, day: date, *, actor: Actor) -> None:
    """取流水: ask the channel for this day's statement now; the answer comes by itself."""
    with transaction():
        account = channels.account(number)
        if not account.can.statements:
            raise Refused("该渠道没有对账单接口", advice="以本系统的记录和渠道的后台为准")
        if channels.active_setting_id(account.id) is None:
            raise Refused("这个渠道账号还没有启用过参数", advice="请先填好参数草稿并启用")
        rules.require_day(day, today=clock.business_day())
        _ask(account.id, day, by=actor.display_name)
        jobs.promise(PULL, rules.subject(number, day), line=Line.SHEETS)
        audit.record(actor, "statement.refresh", number, after={"day": day.isoformat()})
        live_events.announce(rules.TOPIC, number)


def pull_due() -> None:
    """Put the statements on the list whose time has come, and those of days on which nobody asked."""
    today, now = clock.business_day(), clock.now()
    with transaction():
        accounts = {it.id: it for it in channels.accounts() if it.usable and it.can.statements}
        first = queries.opened_on(list(accounts))
        days = {it: rules.days_due(first=first[it], today=today) for it in accounts}
        known = queries.pulled(list(accounts), min((it for found in days.values() for it in found), default=today))
        for account_id, account in sorted(accounts.items()):
            for day in days[account_id]:
                pulled_at, failed_at = known.get((account_id, day), (None, None))
                if rules.is_due(day, pulled_at=pulled_at, failed_at=failed_at, now=now):
                    jobs.promise(PULL, rules.subject(account.number, day), line=Line.SHEETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pull:
    """One reading of a statement, from its first page on."""

    subject: str
    account_id: int
    setting_id: int
    day: date
    statement_id: int
    turn: int
    edition: int
    copies: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)


def pull(subject: str) -> None:
    """The worker's part: every page of it. Only a statement that came to its end says what stands no more."""
    begun = _begin(subject)
    if begun is None:
        return
    try:
        _read_pages(begun)
    except gateway.NoAnswer as problem:
        with transaction():
            _fail(begun, str(problem)[:200])
        return
    _conclude(begun)


def _fail(it: _Pull, why: str) -> None:
    """What was told before still stands. Of a day that nobody could read until the next noon, people are told."""
    number, day = rules.of_subject(it.subject)
    failed = {"state": State.FAILED, "failed_at": clock.now(), "failure": why}
    mine = update(_S).where(*_mine(it)).values(**failed)
    if changed(mine) and queries.held(it.account_id, day).pulled_at is None and clock.now() >= rules.late_from(day):
        account = channels.account(number)
        bell.ring(
            "statement",
            rules.unread_subject(it.subject),
            severity=Severity.WARNING,
            said=Text(
                "“%(account)s”%(day)s的渠道流水到现在还没有取到：%(why)s",
                account=account.title,
                day=f"{day:%Y%m%d}",
                why=reason(why),
            ),
            path=f"/statements/{it.subject}",
            channel=account.channel_code,
        )
    live_events.announce(rules.TOPIC, number)


def _begin(subject: str) -> _Pull | None:
    number, day = rules.of_subject(subject)
    with transaction():
        account = channels.account(number)
        setting_id = channels.active_setting_id(account.id)
        if setting_id is None or not account.can.statements:
            return None
        statement = _ask(account.id, day)
        statement.pulls += 1
        db.session.flush()
        return _Pull(
            subject=subject,
            account_id=account.id,
            setting_id=setting_id,
            day=day,
            statement_id=statement.id,
            turn=statement.pulls,
            edition=statement.edition + 1,
        )


def _ask(account_id: int, day: date, *, by: str = "") -> Statement:
    """The statement's row, locked; made where nobody has asked before. Joins the caller's transaction."""
    asked: dict[str, object] = {"asked_at": clock.now(), "state": State.ASKED} | ({"asked_by": by} if by else {})
    row = insert(_S).values(account_id=account_id, business_day=day, **_NOTHING | asked)
    keys = [_S.account_id, _S.business_day]
    db.session.execute(row.on_conflict_do_update(index_elements=keys, set_=asked))
    return queries.held(account_id, day)


_NOTHING: dict[str, object] = {
    **dict.fromkeys(("edition", "pulls", "lines", "paid", "returned", "odd"), 0),
    **dict.fromkeys(("paid_sum", "returned_sum", "fees"), ZERO),
    **dict.fromkeys(("asked_by", "failure"), ""),
}


def _read_pages(it: _Pull) -> None:
    """Each page is kept as it comes. NoAnswer where the end is not reached."""
    after, asked = "", {""}
    for _page in range(rules.PAGES_MOST):
        with transaction():
            call = gateway.announce(
                Interface.STATEMENT, account_id=it.account_id, setting_id=it.setting_id, subject=it.subject
            )
        page = gateway.statement(call, it.day, after)
        if it.copies.total() + len(page.lines) > rules.LINES_MOST:
            break
        _keep(it, page.lines)
        after = page.next
        if not after:
            return
        if after in asked:
            raise gateway.NoAnswer(gettext_noop("对账单的分页绕了回来"))
        asked.add(after)
    raise gateway.NoAnswer(gettext_noop("对账单太长，没有取完"))


def _keep(it: _Pull, lines: Sequence[Told]) -> None:
    """What is new among these lines; what stands already stands once."""
    rows = [_row(it, line) for line in lines]
    for some in (rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE)):
        with transaction():
            new = insert(_L).values(some)
            db.session.execute(
                new.on_conflict_do_nothing(index_elements=[_L.statement_id, _L.digest], index_where=STANDS)
            )


def _row(it: _Pull, line: Told) -> dict[str, object]:
    alike = rules.digest(line, 1)
    it.copies[alike] += 1
    digest = rules.digest(line, it.copies[alike])
    it.told.add(digest)
    return {
        "statement_id": it.statement_id,
        "digest": digest,
        "number": line.number[: rules.LONGEST_NUMBER],
        "channel_number": line.channel_number[: rules.LONGEST_NUMBER],
        "word": line.word[: rules.LONGEST_WORD],
        "seen": str(line.seen),
        "amount": line.amount,
        "fee": line.fee,
        "happened_at": line.at,
        "message": line.message[: rules.LONGEST_MESSAGE],
        "first_edition": it.edition,
        "last_edition": None,
        "copy": it.copies[alike],
        "finding": Finding.UNREAD,
        "told_at": clock.now(),
    }


def _conclude(it: _Pull) -> None:
    """All of it was told. What stood before and was not told again has ended; whoever lays lines beside payments is called."""
    gone = [row.id for row in queries.standing(it.statement_id) if row.digest not in it.told]
    with transaction():
        if not changed(update(_S).where(*_mine(it)).values(pulls=_S.pulls)):
            return  # another pull began meanwhile, and its word counts
        for ids in rules.in_steps(gone):
            ended = update(_L).where(_L.id.in_(ids)).values(last_edition=it.edition - 1)
            db.session.execute(ended.execution_options(synchronize_session=False))
        is_new = bool(gone) or it.edition == 1 or queries.has_begun(it.statement_id, it.edition)
        told = {
            **queries.sums(it.statement_id),
            **{"state": State.WHOLE, "pulled_at": clock.now(), "failed_at": None, "failure": ""},
            **{"edition": it.edition if is_new else it.edition - 1, "odd": queries.odd(it.statement_id)},
        }
        db.session.execute(update(_S).where(_S.id == it.statement_id).values(**told))
        jobs.promise(READ, it.subject, line=Line.SHEETS)
        bell.hush("statement", rules.unread_subject(it.subject), said=Text("已经取到"))
        live_events.announce(rules.TOPIC, rules.of_subject(it.subject)[0])


def _mine(it: _Pull) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """As long as no other pull of it has begun."""
    return _S.id == it.statement_id, _S.pulls == it.turn
