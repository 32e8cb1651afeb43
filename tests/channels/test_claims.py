"""领取并锁定: one holder, a lease, a fence that only grows, whoever comes at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.channels import claims, history, queries, rules, service
from app.channels.models import ChannelAccount, Claim
from app.kernel import clock
from app.kernel.errors import Malformed, Refused
from app.runtime.db import db, transaction
from tests.world import World

_second = timedelta(seconds=1)


def at_once(app: Flask, *deeds: Callable[[], Any]) -> list[Any]:
    """All of them at one moment, each in a request of its own; what they returned or raised."""
    line = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        line.wait()
        return told_by(app, deed)

    with ThreadPoolExecutor(len(deeds)) as pool:
        answers = list(pool.map(do, deeds))
    db.session.rollback()
    return answers


def told_by(app: Flask, deed: Callable[[], Any]) -> Any:
    with app.app_context():
        try:
            return deed()
        except Exception as problem:
            return problem


def holder(account: str) -> queries.Held:
    db.session.rollback()
    held = queries.holder(queries.account(account).id)
    assert held is not None
    return held


def fence(account: str) -> int:
    db.session.rollback()
    return db.session.scalars(select(ChannelAccount.fence).where(ChannelAccount.number == account)).one()


def require(account: str, fence: int, actor: Actor) -> None:
    with transaction():
        claims.require(queries.account(account).id, fence=fence, actor=actor)


def test_of_two_who_claim_at_once_one_holds_and_the_other_is_told_by_whom(world: World) -> None:
    account = world.account()
    people = [world.person(f"racer{number}", Role.OPERATOR) for number in range(4)]
    for _ in range(10):
        answers = at_once(world.app, *(lambda actor=actor: service.claim(account, actor=actor) for actor in people))
        held = holder(account)
        losers = [answer for answer in answers if answer is not None]
        assert [actor.display_name for actor, answer in zip(people, answers, strict=True) if answer is None] == [
            held.holder
        ]
        assert all(isinstance(answer, Refused) and held.holder in str(answer) for answer in losers), losers
        service.release(account, actor=next(actor for actor in people if actor.operator_id == held.operator_id))
    assert queries.problems() == []


def test_a_lapsed_claim_is_taken_over_by_exactly_one(world: World) -> None:
    account = world.account()
    people = [world.person(f"racer{number}", Role.OPERATOR) for number in range(4)]
    for _ in range(10):
        world.ahead += (rules.LEASE_S + 1) * _second
        answers = at_once(world.app, *(lambda actor=actor: service.claim(account, actor=actor) for actor in people))
        assert len([answer for answer in answers if answer is None]) == 1, answers
        winner = people[answers.index(None)]
        assert holder(account).operator_id == winner.operator_id
    open_claims = select(func.count()).select_from(Claim).where(Claim.released_at.is_(None))
    assert db.session.scalar(open_claims) == 1


def test_whoever_looked_before_somebody_claimed_ends_nothing(world: World) -> None:
    """The slow one saw nobody there, and would end the newcomer's fresh claim as lapsed."""
    account, slow = world.account(), world.person("slow", Role.OPERATOR)
    account_id = queries.account(account).id
    with ThreadPoolExecutor(1) as pool:
        with transaction():
            if db.engine.dialect.name == "postgresql":  # it looks at the figures between its look and its deed
                db.session.execute(text("LOCK TABLE daily_figures IN ACCESS EXCLUSIVE MODE"))
            told = pool.submit(told_by, world.app, lambda: service.claim(account, actor=slow))
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while db.engine.dialect.name == "postgresql" and not db.session.scalar(waiting):
                pass
            claims.take(account_id, world.maker)
        answer = told.result(60)
    assert isinstance(answer, Refused) and "maker" in str(answer)
    assert holder(account).holder == "maker"


def test_claiming_again_changes_nothing(world: World) -> None:
    account = world.account()
    first = world.claimed(account)
    assert world.claimed(account) == first == fence(account)


def test_a_claim_lives_as_long_as_its_page_gives_signs_of_life(world: World) -> None:
    account = world.account()
    mine = world.claimed(account)
    for _ in range(3):
        world.ahead += rules.LEASE_S * 0.9 * _second
        assert service.renew(account, fence=mine, actor=world.maker)
    world.ahead += (rules.LEASE_S + 1) * _second
    assert not service.renew(account, fence=mine, actor=world.maker)
    with pytest.raises(Refused, match="超时"):
        require(account, mine, world.maker)
    assert queries.holder(queries.account(account).id) is None


def test_who_comes_after_a_lapsed_claim_gets_a_higher_fence_and_the_old_page_is_void(world: World) -> None:
    account, other = world.account(), world.person("other", Role.OPERATOR)
    old = world.claimed(account)
    world.ahead += (rules.LEASE_S + 1) * _second
    new = world.claimed(account, by=other)
    assert new > old
    with pytest.raises(Refused, match="other"):
        require(account, old, world.maker)
    with pytest.raises(Refused, match="other"):
        require(account, new, world.maker)
    require(account, new, other)
    latest, before = queries.claims_of(queries.account(account).id)
    assert (before.ending, before.ended_by, latest.released_at) == ("expired", "other", None)


def test_releasing_what_is_not_held_is_refused_in_words(world: World) -> None:
    account, other = world.account(), world.person("other", Role.OPERATOR)
    world.claimed(account)
    with pytest.raises(Refused, match="没有领取"):
        service.release(account, actor=other)
    assert holder(account).holder == "maker"


def test_finishing_leaves_a_note_for_the_next(world: World) -> None:
    account = world.account()
    world.claimed(account)
    service.finish(account, note="余额已对", actor=world.maker)
    (claim,) = queries.claims_of(queries.account(account).id)
    assert (claim.ending, claim.note, claim.settleable_at_end) == ("finished", "余额已对", claim.settleable_at_start)


def test_a_supervisor_ends_a_claim_and_names_its_holder(world: World) -> None:
    account = world.account()
    mine = world.claimed(account)
    assert service.force_release(account, reason="下班了", actor=world.checker) == "maker"
    assert fence(account) > mine
    with pytest.raises(Refused, match="没有领取"):
        require(account, mine, world.maker)
    with pytest.raises(Refused, match="没有人领取"):
        service.force_release(account, reason="下班了", actor=world.checker)


def test_a_supervisor_ends_the_claim_they_saw_and_no_other(world: World) -> None:
    """Two supervisors at once: one ends it, the other is told that nobody holds it."""
    account, second = world.account(), world.person("second", Role.SUPERVISOR)
    for _ in range(5):
        world.claimed(account)
        answers = at_once(
            world.app,
            *(lambda by=by: service.force_release(account, reason="交接", actor=by) for by in (world.checker, second)),
        )
        assert sorted(str(answer)[:5] for answer in answers) == sorted(["maker", "该渠道账号"])


def test_signing_out_gives_everything_back(world: World) -> None:
    accounts = [world.account(), world.account()]
    fences = [world.claimed(account) for account in accounts]
    auth.sign_out(world.maker)
    for account, before in zip(accounts, fences, strict=True):
        assert queries.holder(queries.account(account).id) is None
        assert fence(account) > before


def test_a_new_sign_in_carries_the_claim_along_with_a_new_fence(world: World) -> None:
    account = world.account()
    old_page, old = world.maker, world.claimed(account)
    world.maker = world.signed_in("maker")
    held = holder(account)
    assert held.operator_id == old_page.operator_id and held.session_id == world.maker.session_id
    assert held.fence > old
    assert not service.renew(account, fence=old, actor=old_page)
    assert not service.renew(account, fence=held.fence, actor=old_page)
    assert service.renew(account, fence=held.fence, actor=world.maker)
    auth.sign_out(old_page)  # the displaced browser's 退出: it is over already, and takes nothing with it
    assert holder(account).fence == held.fence


def test_signing_in_while_a_supervisor_ends_the_claim_hurts_nobody(world: World) -> None:
    account = world.account()
    for _ in range(5):
        world.maker = world.signed_in("maker")
        world.claimed(account)
        answers = at_once(
            world.app,
            lambda: auth.sign_in("maker", "correct horse battery staple", address="", user_agent=""),
            lambda: service.force_release(account, reason="交接", actor=world.checker),
        )
        assert answers[1] == "maker" and not isinstance(answers[0], Exception), answers
        assert queries.holder(queries.account(account).id) is None
    assert queries.problems() == []


def test_a_claim_that_ran_out_is_ended_for_everybody_to_see(world: World) -> None:
    account, alive = world.account(), world.account()
    world.claimed(account)
    world.ahead += rules.LEASE_S * 0.5 * _second
    world.claimed(alive)
    world.ahead += (rules.LEASE_S * 0.5 + 1) * _second
    service.end_lapsed()
    db.session.rollback()
    (claim,) = queries.claims_of(queries.account(account).id)
    assert (claim.ending, claim.ended_by) == ("expired", "worker") and claim.released_at
    assert claim.settleable_at_end == claim.settleable_at_start
    assert holder(alive).holder == "maker"
    service.end_lapsed()
    told = select(AuditRecord.subject).where(AuditRecord.action == "claim.expire")
    assert db.session.scalars(told).all() == [account]


def test_a_renewal_and_the_sweep_at_once_leave_a_claim_or_its_end(world: World) -> None:
    account = world.account()
    for _ in range(5):
        mine = world.claimed(account)
        world.ahead += (rules.LEASE_S - 0.05) * _second
        answers = at_once(
            world.app, service.end_lapsed, lambda mine=mine: service.renew(account, fence=mine, actor=world.maker)
        )
        assert answers[0] is None and isinstance(answers[1], bool), answers
        world.ahead += _second
        if answers[1]:
            assert holder(account).fence == mine
            service.release(account, actor=world.maker)
        else:
            service.end_lapsed()
    assert queries.problems() == []


def test_every_claim_is_found_by_its_holder_and_its_day(world: World) -> None:
    account, other = world.account(), world.person("other", Role.OPERATOR)
    account_id = queries.account(account).id
    world.claimed(account)
    service.finish(account, note="早班", actor=world.maker)
    world.ahead += timedelta(days=2)
    world.claimed(account, by=other)
    today = clock.business_day()
    for asked, found in (
        ({}, ["other", "maker"]),
        ({"who": "mak"}, ["maker"]),
        ({"who": "%"}, []),
        ({"day": f"{today:%Y%m%d}"}, ["other"]),
        ({"day": (today - timedelta(days=2)).isoformat()}, ["maker"]),
        ({"day": (today - timedelta(days=1)).isoformat()}, []),
        ({"size": "20", "before": "1"}, []),
    ):
        assert [row.holder for row in history.page(account_id, asked).rows] == found, asked
    with pytest.raises(Malformed):
        history.page(account_id, {"day": "昨天"})
