"""Reading what somebody holds, what waits there, and what was handed over. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.auth import queries as auth
from app.auth.models import Operator
from app.auth.permissions import Permission
from app.cards.queries import standing as cards
from app.channels import history
from app.channels import queries as channels
from app.channels.models import Claim, UnsignedHandover
from app.channels.queries import Account, Held
from app.kernel import clock
from app.kernel.errors import NotThere, Text
from app.kernel.money import ZERO
from app.runtime.db import db
from app.tasks.models import Handover
from app.tasks.rules import Brief, Part, Run
from app.withdrawals.queries import Unknown, standing
from app.withdrawals.queries.standing import Sum
from app.withdrawals.states import State

NOTHING = Unknown(0, ZERO, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An account that somebody holds, and what waits on it."""

    account: Account
    claim: Held
    open: Sequence[Sum]
    unknown: Unknown
    work: int
    runs: Sequence[cards.Run]
    sheets: Sequence[str]
    unsigned: UnsignedHandover | None

    @property
    def review(self) -> Sum | None:
        return next((it for it in self.open if it.state == State.REVIEW), None)

    @property
    def under_way(self) -> Sequence[Sum]:
        return [it for it in self.open if it.state != State.REVIEW]


def tasks(operator_id: int) -> list[Task]:
    """What this person holds now, and what waits there."""
    accounts = channels.held_by(operator_id)
    ids = [account.id for account in accounts]
    claims, waits = channels.holders(ids), {it.account_id: it for it in channels.unsigned_handovers()}
    sums, unknown, work = standing.open_by_state(ids), standing.unknown_of(ids), standing.work_of(ids)
    runs, sheets = cards.runs_under_way(ids), standing.sheets_under_way(ids)
    return [
        Task(
            account=account,
            claim=claims[account.id],
            open=sums[account.id],
            unknown=unknown.get(account.id, NOTHING),
            work=sum(work.get(account.id, {}).values()),
            runs=runs.get(account.id, ()),
            sheets=sheets.get(account.id, ()),
            unsigned=waits.get(account.id),
        )
        for account in accounts
        if account.id in claims
    ]


def waiting_for(operator_id: int) -> list[UnsignedHandover]:
    """What this person is to sign: given to them by name, or with an account that they hold, or to whoever comes."""
    waits = channels.unsigned_handovers()
    held = channels.holders([it.account_id for it in waits])
    return [
        it
        for it in waits
        if it.successor_id == operator_id
        or (
            it.successor_id is None
            and (
                held[it.account_id].operator_id == operator_id if it.account_id in held else it.giver_id != operator_id
            )
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What somebody has done since midnight."""

    claims: Sequence[Claim]
    made: Sequence[Sum]


def today(operator_id: int) -> Today:
    start, _end = clock.day_bounds(clock.business_day())
    return Today(claims=history.ended(operator_id, start), made=standing.made_by(operator_id, start))


def brief(account: Account, claim: Held) -> Brief:
    """How the account stands now, and what its holder has done with it."""
    ids, started = [account.id], history.last(account.id, claim.operator_id)
    assert started is not None, "whoever holds an account has claimed it"
    figures = channels.latest_figures(ids).get(account.id)
    unknown = standing.unknown_of(ids).get(account.id, NOTHING)
    return Brief(
        since=claim.taken_at,
        at=clock.now(),
        settleable_before=started.settleable_at_start,
        settleable=figures.settleable if figures else None,
        figures_at=figures.pulled_at if figures else None,
        figures_failure=account.figures_failure if account.figures_failed_at else "",
        open=_parts(standing.open_by_state(ids)[account.id]),
        unknown_count=unknown.count,
        unknown_amount=unknown.amount,
        unknown_since=unknown.since,
        work=standing.work_of(ids).get(account.id, {}),
        made=_parts(standing.made_by(claim.operator_id, claim.taken_at, account_id=account.id)),
        ended=_parts(standing.ended(account.id, claim.taken_at)),
        cards=cards.bound_since(account.id, claim.taken_at),
        runs=tuple(Run(**it._asdict()) for it in cards.runs_under_way(ids).get(account.id, ())),
        sheets=tuple(standing.sheets_under_way(ids).get(account.id, ())),
    )


def successors(account: Account, *, but: int) -> list[Operator]:
    """Who may take the account over."""
    return [one for one in auth.colleagues(Permission.CLAIM_TAKE, account.channel_code) if one.id != but]


def handover(reference: str) -> Handover:
    """By its reference; NotThere otherwise, and where its account is foreign."""
    mine = select(Handover).where(Handover.reference == reference, channels.within_reach(Handover.account_id))
    found = db.session.scalars(mine).one_or_none() if "\0" not in reference else None
    if found is None:
        raise NotThere(reference)
    return found


def held_handover(reference: str) -> Handover:
    """The same, locked until the transaction ends."""
    found = select(Handover).where(Handover.id == handover(reference).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def open_work(accounts: Sequence[Account]) -> Text | None:
    """What is not finished on these accounts, in words; None where nothing is."""
    ids = [account.id for account in accounts]
    withdrawals: Mapping[int, Sequence[Sum]] = standing.open_by_state(ids)
    count = sum(it.count for sums in withdrawals.values() for it in sums)
    if count:
        return Text("关联的渠道账号还有 %(count)s 笔未完成的提现，不能删除", count=count)
    if cards.runs_under_way(ids):
        return Text("关联的渠道账号还有未完成的批量绑卡，不能删除")
    if standing.sheets_under_way(ids):
        return Text("关联的渠道账号还有未完成的批量提现，不能删除")
    return None


def _parts(sums: Sequence[Sum]) -> tuple[Part, ...]:
    return tuple(Part(state=it.state, count=it.count, amount=it.amount) for it in sums)
