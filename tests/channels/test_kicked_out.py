"""A channel says that somebody else signed in there: the seat is free, and nothing else has happened."""

import pytest
from sqlalchemy import select

from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.channels import gateway, jobs, manners, platforms, queries, service
from app.channels.adapters.templated.examples import example
from app.channels.contract import Interface, Seen
from app.channels.service import templates
from app.kernel import clock, signing
from app.runtime.db import db
from app.withdrawals import queries as withdrawals
from tests.cards.test_pages import enters
from tests.channels.test_gateway_cards import Gossips, announced, gossips, moved, order
from tests.channels.test_platforms import actions, place_of
from tests.world import World

assert gossips, "a fixture of theirs"


def kicks(world: World, account: str, interface: str) -> None:
    """The next question of this kind is answered: somebody else signed in."""
    manner, merchant_no = world.terms[account]
    forced = {"manner": manner, "merchant_no": merchant_no, "interface": interface, "fault": "kicked_out", "times": 1}
    assert world.third.post("/control/faults", json=forced).status_code == 200


def ended(account: str) -> list[tuple[str, str]]:
    db.session.rollback()
    return [(claim.ending, claim.ended_by) for claim in queries.claims_of(queries.account(account).id)]


@pytest.mark.parametrize("manner", ["dolphin", "egret", "spruce"])
def test_a_kicked_out_answer_frees_all_that_hangs_on_the_seat(world: World, manner: str) -> None:
    first, second, apart = world.account(manner), world.account(manner), world.account(manner)
    place_of(world, first, second, channel=manner)
    maker = enters(world, "maker")
    before, *_others = (world.claimed(account) for account in (first, second, apart))
    kicks(world, first, "figures")
    service.pull_figures(first)
    world.until(lambda: ended(first) == ended(second) == [("kicked", "worker")])
    assert ended(apart) == [("", "")]
    for account in (first, second):
        (record,) = db.session.scalars(
            select(AuditRecord).where(AuditRecord.subject == account, AuditRecord.action == "claim.kicked")
        )
        assert (record.actor, "maker" in str(record.before)) == ("worker", True)
    assert "被第三方踢下线" in maker.get(f"/channels/{first}/lease").text
    (call,) = [it for it in queries.calls(queries.account(first).id, {}, {}).rows if it.outcome != "ok"]
    assert (call.outcome, "第三方已有他人登录" in call.message) == ("unreadable", True)
    assert world.claimed(first, by=world.person("other", Role.OPERATOR)) == before + 2, (
        "the former holder's pages are void"
    )


@pytest.mark.parametrize(("manner", "fate"), [("dolphin", "paid"), ("egret", "paid"), ("spruce", "pending")])
def test_what_became_of_the_money_is_found_out_as_ever(world: World, manner: str, fate: str) -> None:
    """The answer says nothing about it. It was not taken: who pays a number once is sent it again, the other is not."""
    number = world.withdrawal("10.24", account=world.account(manner))
    (account,) = world.terms
    world.approve(number)
    world.until(lambda: ended(account)[0] == ("kicked", "worker"))
    assert world.until_state(number, fate, "sending", hurry_s=5) in (fate, "sending")
    if fate == "paid":
        assert world.until_state(number, "paid", hurry_s=5) == "paid"
        world.all_is_well()
    assert {"fail", "reject"}.isdisjoint(event.verb for event in withdrawals.events(withdrawals.by_number(number).id))


def test_badly_signed_it_does_nothing(world: World, gossips: Gossips) -> None:
    account = moved(world, gossips, "dolphin")
    world.claimed(account)
    said = {"mchId": world.terms[account][1], "respCode": "4001"}
    for key in ("somebody's", gossips.key):
        sign = signing.md5_with_key(signing.sorted_pairs(said), key)
        gossips.answer = lambda _path, _given, sign=sign: "&".join(  # type: ignore[method-assign,misc]
            f"{name}={text}" for name, text in (said | {"sign": sign}).items()
        ).encode()
        seen = gateway.query(announced(account, Interface.QUERY), order("payout"))
        assert (seen.seen, seen.signed) == (Seen.PENDING, False), "about the order it proves nothing, signed or not"
        world.until(lambda: True)
        assert ended(account) == [("kicked", "worker") if key == gossips.key else ("", "")]


def test_parameters_on_trial_may_be_of_another_seat(world: World) -> None:
    account = world.account()
    world.claimed(account)
    kicks(world, account, "figures")
    call = queries.call(service.settings.try_out(account, 1, actor=world.checker))
    assert call.outcome == "unreadable"
    world.until(lambda: True)
    assert ended(account) == [("", "")]


def test_who_took_the_seat_afterwards_keeps_it(world: World) -> None:
    """A job may come late, and twice."""
    account = world.account()
    world.claimed(account)
    newest = platforms.newest_claim(queries.account(account).id, since=clock.now())
    db.session.rollback()
    service.release(account, actor=world.maker)
    world.claimed(account, by=world.checker)
    for _ in range(2):
        jobs.free_seat(f"{account}/{newest}")
    assert ended(account)[0] == ("", "")
    assert actions(account).count("claim.kicked") == 0


@pytest.mark.parametrize("manner", ["dolphin", "egret", "spruce"])
def test_a_question_of_before_frees_nobody_who_came_since(world: World, manner: str) -> None:
    """It was announced, then the seat changed hands: the channel speaks of the one who has left."""
    account = world.account(manner)
    world.claimed(account)
    call = announced(account, Interface.QUERY)
    service.release(account, actor=world.maker)
    world.claimed(account, by=world.checker)
    kicks(world, account, "query")
    assert gateway.query(call, order("payout")).seen is Seen.PENDING
    world.until(lambda: True)
    assert ended(account)[0] == ("", "") and "claim.kicked" not in actions(account)
    kicks(world, account, "query")
    gateway.query(announced(account, Interface.QUERY), order("payout"))
    world.until(lambda: ended(account)[0] == ("kicked", "worker"))


def test_who_sat_there_and_took_more_meanwhile_has_not_signed_in_anew(world: World) -> None:
    first, second = world.account(), world.account()
    place_of(world, first, second)
    world.claimed(first)
    call = announced(first, Interface.QUERY)
    world.claimed(second)
    kicks(world, first, "query")
    gateway.query(call, order("payout"))
    world.until(lambda: ended(first) == ended(second) == [("kicked", "worker")])


def test_a_question_of_before_frees_nobody_beside_who_came_since(world: World) -> None:
    first, second = world.account(), world.account()
    place_of(world, first, second)
    world.claimed(first)
    call = announced(first, Interface.QUERY)
    service.release(first, actor=world.maker)
    world.claimed(second, by=world.checker)
    kicks(world, first, "query")
    gateway.query(call, order("payout"))
    world.until(lambda: True)
    assert ended(second)[0] == ("", "")


def test_a_seat_that_nobody_holds_is_not_freed(world: World) -> None:
    account = world.account()
    kicks(world, account, "figures")
    service.pull_figures(account)
    world.until(lambda: True)
    assert ended(account) == [] and "claim.kicked" not in actions(account)


@pytest.mark.parametrize("manner", ["dolphin", "egret", "spruce"])
def test_a_described_channel_says_it_too(world: World, manner: str) -> None:
    admin = world.person("admin", Role.ADMINISTRATOR)
    templates.draft("described", example(manner), actor=admin)
    templates.activate("described", edition=1, note="按文档描述", actor=admin)
    account = world.account(manner, adapter=manners.name_of("described"))
    world.claimed(account)
    kicks(world, account, "figures")
    service.pull_figures(account)
    world.until(lambda: ended(account) == [("kicked", "worker")])
