"""Many withdrawals decided together: what was seen is what is approved, each by the rules of one."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.auth.models import AuditRecord, RoleGrant
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.withdrawals import queries, service
from app.withdrawals.models import Selection, SelectionRow, Withdrawal
from app.withdrawals.queries import selections
from app.withdrawals.service import selecting
from tests.world import World

REVIEW = {"state": "review"}


@pytest.fixture
def account(world: World) -> str:
    return world.account()


@pytest.fixture
def three(world: World, account: str) -> list[str]:
    return [world.withdrawal(amount, account=account) for amount in ("10.00", "20.00", "30.00")]


def pick(world: World, numbers: list[str]) -> str:
    return selecting.pick(numbers, {}, account_id=None, everything="", actor=world.checker).reference


def outcomes(reference: str) -> dict[str, int]:
    db.session.rollback()
    found = db.session.scalars(select(Selection).where(Selection.reference == reference)).one()
    return selections.outcomes(found.id)


def test_what_is_picked_is_approved_one_by_one(world: World, three: list[str]) -> None:
    reference = pick(world, three)
    picked = selections.selection(reference, world.checker)
    assert (picked.count, picked.amount, picked.left_out) == (3, Money.parse("60.00"), 0)
    assert [row[1:] for row in selections.by_account(picked.id)] == [(3, Money.parse("60.00"))]
    assert selecting.decide(reference, "approve", actor=world.checker)
    assert outcomes(reference) == {"done": 3}
    assert {world.state(number) for number in three} == {"queued"}
    record = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "selection.approve")).one()
    assert record.subject == reference and "60.00" in str(record.after)
    assert len(db.session.scalars(select(AuditRecord).where(AuditRecord.action == "withdrawal.approve")).all()) == 3
    with pytest.raises(Refused, match="已经办理过"):
        selecting.decide(reference, "reject", why="晚了", actor=world.checker)
    for number in three:
        world.until_state(number, "paid")
    world.all_is_well()


def test_what_changed_since_it_was_seen_is_refused_and_the_rest_goes(world: World, three: list[str]) -> None:
    reference = pick(world, three)
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == three[1]).values(holder="李四"))
    service.cancel(three[2], actor=world.maker)
    selecting.decide(reference, "approve", actor=world.checker)
    assert outcomes(reference) == {"done": 1, "refused": 2}
    assert [world.state(number) for number in three] == ["queued", "review", "cancelled"]
    picked = selections.selection(reference, world.checker)
    told = {row.number: str(selections.message_of(row)) for row in selections.rows(picked.id, {}).rows if row.message}
    assert "有变化" in told[three[1]] and "已撤销" in told[three[2]]


def test_all_are_rejected_with_one_reason(world: World, three: list[str]) -> None:
    reference = pick(world, three)
    selecting.decide(reference, "reject", why="资料不全", actor=world.checker)
    assert {world.state(number) for number in three} == {"rejected"}
    assert {queries.events(queries.by_number(number).id)[-1].why for number in three} == {"资料不全"}
    world.all_is_well()


def test_nobodys_own_and_nothing_decided_is_among_them(world: World, account: str, three: list[str]) -> None:
    service.cancel(three[0], actor=world.maker)
    assert selections.selection(pick(world, three), world.checker).left_out == 1
    with pytest.raises(Refused, match="没有等您审批的"):
        selecting.pick(three, {}, account_id=None, everything="", actor=world.maker)
    with pytest.raises(Refused, match="没有选中"):
        selecting.pick([], {}, account_id=None, everything="", actor=world.checker)


def test_a_selection_is_its_owners_alone(world: World, three: list[str]) -> None:
    reference = pick(world, three)
    with pytest.raises(NotThere):
        selections.selection(reference, world.maker)
    with pytest.raises(NotThere):
        selecting.decide(reference, "approve", actor=world.maker)
    assert outcomes(reference) == {"waiting": 3}


def test_everything_is_what_the_filter_finds_now_and_a_change_is_told(world: World, three: list[str]) -> None:
    seal = selections.seal_of(REVIEW, queries.totals(REVIEW, account_id=None))
    whole = selecting.pick([], REVIEW, account_id=None, everything=seal, actor=world.checker)
    assert not whole.changed
    assert selections.selection(whole.reference, world.checker).count == 3
    world.withdrawal("5.00", account=next(iter(world.terms)))
    later = selecting.pick([], REVIEW, account_id=None, everything=seal, actor=world.checker)
    assert later.changed
    assert selections.selection(later.reference, world.checker).amount == Money.parse("65.00")


def test_many_are_a_workers_and_go_on_where_it_stopped(
    world: World, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "AT_ONCE", 1)
    monkeypatch.setattr(selecting, "ROWS_A_RUN", 2)
    reference = pick(world, three)
    assert not selecting.decide(reference, "approve", actor=world.checker)
    assert outcomes(reference) == {"waiting": 3}
    assert isinstance(selecting.work(reference), jobs.Again)
    assert outcomes(reference) == {"done": 2, "waiting": 1}
    world.until(lambda: outcomes(reference) == {"done": 3})
    assert selections.selection(reference, world.checker).ended_at is not None


def test_who_may_no_longer_approve_approves_nothing_more(
    world: World, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "AT_ONCE", 1)
    reference = pick(world, three)
    selecting.decide(reference, "approve", actor=world.checker)
    with transaction():
        gone = db.session.scalars(select(RoleGrant).where(RoleGrant.permission == "withdrawal:approve")).all()
        for grant in gone:
            db.session.delete(grant)
    jobs.drain(Line.SHEETS)
    assert outcomes(reference) == {"refused": 3}
    assert {world.state(number) for number in three} == {"review"}


def test_a_process_that_dies_between_a_row_and_its_outcome_is_no_refusal(world: World, three: list[str]) -> None:
    """The withdrawal was approved, the row still waits: who looks again finds that it is done."""
    reference = pick(world, three)
    world.approve(three[0])
    selecting.decide(reference, "approve", actor=world.checker)
    assert outcomes(reference) == {"done": 3}


def test_what_was_picked_long_ago_goes_unless_it_is_being_decided(world: World, three: list[str]) -> None:
    looked_at, decided = pick(world, three[:1]), pick(world, three[1:2])
    selecting.decide(decided, "approve", actor=world.checker)
    world.until_state(three[1], "paid")
    world.until(lambda: any(line.title == "回调" for line in queries.trace(queries.by_number(three[1]))))
    begun, recent = pick(world, three[2:]), ""
    with transaction():
        db.session.execute(update(Selection).where(Selection.reference == begun).values(verb="approve"))
    later = clock.now() + timedelta(seconds=1)
    world.ahead += timedelta(days=1)
    recent = pick(world, three[:1])
    was = queries.trace(queries.by_number(three[1]))
    assert service.drop_old_selections(later, only_count=True) == 2
    assert service.drop_old_selections(later) == 2
    db.session.rollback()
    assert set(db.session.scalars(select(Selection.reference))) == {begun, recent}
    assert set(db.session.scalars(select(SelectionRow.selection_id))) == set(db.session.scalars(select(Selection.id)))
    assert queries.trace(queries.by_number(three[1])) == was
    for gone in (looked_at, decided):
        with pytest.raises(NotThere):
            selections.selection(gone, world.checker)
    assert service.drop_old_selections(later) == 0
