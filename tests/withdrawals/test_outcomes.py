"""Manual outcomes: two people, evidence, proof of non-payment, a new number for what is certain never to be paid (I-1, I-6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.channels.contract import Observation, Seen
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db, transaction
from app.withdrawals import queries, rules, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.rules import Outcome, PayeeList, Traces
from app.withdrawals.states import State
from tests.world import CARD, World

PDF = b"%PDF-1.7 a bank's own slip"
PNG = b"\x89PNG\r\n\x1a\n and so on"
NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


def traces(**known: object) -> Traces:
    told: dict[str, object] = {
        "sent_at": NOW - timedelta(hours=1),
        "window_s": 900,
        "not_found": 2,
        "first_not_found_at": NOW - timedelta(minutes=10),
        "signed_at": None,
        "now": NOW,
    }
    return Traces(**(told | known))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "missing"),
    [
        ({}, []),
        ({"sent_at": NOW - timedelta(seconds=900 + 89)}, [0]),
        ({"signed_at": NOW - timedelta(minutes=5)}, [1]),
        ({"not_found": 1}, [3]),
        ({"not_found": 0, "first_not_found_at": None}, [2, 3]),
        ({"first_not_found_at": NOW - timedelta(seconds=59)}, [3]),
    ],
)
def test_non_payment_is_proved_only_by_all_of_it(known: dict[str, object], missing: list[int]) -> None:
    evidence = rules.proof_of_non_payment(traces(**known))
    assert [place for place, item in enumerate(evidence) if not item.there] == missing
    assert rules.is_proved(evidence) is (missing == [])


def test_a_signed_word_before_the_first_not_found_is_outdone_by_two_of_them() -> None:
    assert rules.is_proved(rules.proof_of_non_payment(traces(signed_at=NOW - timedelta(minutes=11))))


@pytest.mark.parametrize(
    ("state", "waits", "outcomes"),
    [
        ("review", False, []),
        ("queued", True, ["as_is"]),
        ("sending", False, ["paid", "failed"]),
        ("pending", True, ["paid", "failed", "as_is"]),
        ("paid", False, ["returned"]),
        ("failed", True, ["paid", "as_is"]),
        ("returned", False, []),
    ],
)
def test_what_may_be_said_of_each_state(state: str, waits: bool, outcomes: list[str]) -> None:
    assert rules.possible(State(state), waits=waits, attempts=0) == [Outcome(it) for it in outcomes]


@pytest.mark.parametrize(
    ("state", "waits", "attempts", "outcomes"),
    [
        ("queued", True, 1, ["paid", "failed", "as_is"]),
        ("queued", False, 1, ["paid", "failed"]),
        ("cancelled", False, 0, []),
        ("cancelled", True, 0, ["paid", "as_is"]),
        ("rejected", True, 1, ["paid", "as_is"]),
    ],
)
def test_what_left_or_seems_to_have_left_is_put_before_people(
    state: str, waits: bool, attempts: int, outcomes: list[str]
) -> None:
    assert rules.possible(State(state), waits=waits, attempts=attempts) == [Outcome(it) for it in outcomes]


@pytest.mark.parametrize("content", [b"", b"MZ\x90 an executable", b"<html>", b"%PDF-" + bytes(5 * 1024 * 1024)])
def test_evidence_is_a_picture_or_a_pdf(content: bytes) -> None:
    with pytest.raises(Refused):
        rules.file_type(content)


def out(world: World, amount: str = "10.17") -> str:
    """One that left and stays pending for long."""
    number = world.withdrawal(amount)
    world.approve(number)
    world.until_state(number, "pending")
    return number


def propose(number: str, outcome: str, *, actor: Actor, content: bytes = PDF) -> int:
    return service.outcomes.propose(
        number, outcome=outcome, reason="渠道后台核对", file_name="slip.pdf", content=content, actor=actor
    )


@pytest.fixture
def second(world: World) -> Actor:
    return world.person("second", Role.FINANCE)


def test_two_people_say_that_it_was_paid(world: World, second: Actor) -> None:
    number = out(world)
    account = next(iter(world.terms))
    proposal = propose(number, "paid", actor=world.checker)
    assert world.state(number) == "pending"
    with pytest.raises(Refused, match="另一人"):
        service.outcomes.confirm(number, proposal, actor=world.checker)
    service.outcomes.confirm(number, proposal, actor=second)
    assert world.state(number) == "paid"
    assert ledger.balances_of([account])[account].in_flight == Money(0)
    withdrawal = queries.by_number(number)
    assert [event.verb for event in queries.events(withdrawal.id)][-2:] == ["propose", "declare_paid"]
    (told,) = queries.outcomes(withdrawal.id)
    assert (told.state, told.proposer, told.decider) == ("confirmed", "checker", "second")
    assert queries.against_ledger() == [] and queries.problems() == []


def test_its_maker_does_not_confirm(world: World, second: Actor) -> None:
    number = out(world)
    proposal = propose(number, "paid", actor=second)
    with pytest.raises(Refused, match="自己创建"):
        service.outcomes.confirm(number, proposal, actor=world.maker)


def test_a_proposal_is_about_what_was_known(world: World, second: Actor) -> None:
    """Between proposing and confirming the channel speaks: whoever confirms would confirm something else."""
    number = out(world)
    proposal = propose(number, "paid", actor=world.checker)
    service.observe(number, Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.17")), source="query")
    with pytest.raises(Refused, match="新的情况"):
        service.outcomes.confirm(number, proposal, actor=second)
    service.outcomes.refuse(number, proposal, reason="渠道已确认", actor=world.checker)
    assert world.state(number) == "paid" and queries.proposal(queries.by_number(number).id) is None


def test_nobody_says_not_paid_while_it_may_still_arrive(world: World) -> None:
    number = out(world)
    with pytest.raises(Refused, match="还可能送达"):
        propose(number, "failed", actor=world.checker)


def test_evidence_is_needed_and_comes_back_as_it_was(world: World, second: Actor) -> None:
    number = out(world)
    with pytest.raises(Refused, match="证据"):
        propose(number, "paid", actor=world.checker, content=b"")
    proposal = propose(number, "paid", actor=world.checker, content=PNG)
    found, content = service.outcomes.evidence_file(number, proposal, actor=second)
    assert content == PNG and found.file_type == "image/png" and found.body != PNG
    with pytest.raises(Refused, match="已有一项"):
        propose(number, "paid", actor=second)
    with pytest.raises(NotThere):
        service.outcomes.evidence_file(number, proposal + 1, actor=second)


def test_who_is_not_convinced_leaves_it_as_it_was(world: World, second: Actor) -> None:
    number = out(world)
    proposal = propose(number, "paid", actor=world.checker)
    service.outcomes.refuse(number, proposal, reason="截图看不清", actor=second)
    assert world.state(number) == "pending"
    assert queries.outcomes(queries.by_number(number).id)[0].state == "refused"
    assert propose(number, "paid", actor=second) != proposal


def failed(world: World) -> str:
    number = world.withdrawal("10.02")
    world.approve(number)
    world.until_state(number, "failed")
    return number


def test_failed_then_paid_waits_for_two_people_and_costs_once(world: World, second: Actor) -> None:
    number = world.withdrawal("10.19")
    account = next(iter(world.terms))
    world.approve(number)
    world.until_state(number, "failed")
    before = ledger.balances_of([account])[account].available
    world.until(lambda: queries.holds(queries.by_number(number).id), hurry_s=5)
    assert world.state(number) == "failed", "nothing flips silently"
    service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    assert world.state(number) == "paid"
    assert before - ledger.balances_of([account])[account].available == Money.parse("12.19")
    assert not queries.is_waiting(queries.by_number(number).id)
    world.all_is_well()


def test_paid_late_may_come_back(world: World, second: Actor) -> None:
    number = failed(world)
    service.observe(number, Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.02")), source="callback")
    service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    service.outcomes.confirm(number, propose(number, "returned", actor=world.checker), actor=second)
    assert world.state(number) == "returned"
    assert queries.against_ledger() == [] and queries.problems() == [] and ledger.problems() == []


def test_a_contradiction_may_be_nothing(world: World, second: Actor) -> None:
    number = failed(world)
    service.observe(number, Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.02")), source="callback")
    service.outcomes.confirm(number, propose(number, "as_is", actor=second, content=b""), actor=world.checker)
    assert world.state(number) == "failed" and not queries.is_waiting(queries.by_number(number).id)


def again(world: World, old: str, amount: str = "10.02") -> str:
    account = next(iter(world.terms))
    return service.create(
        account=account,
        card=world.card(account),
        amount=Money.parse(amount),
        memo="",
        fence=world.claimed(account),
        form_key=str(uuid4()),
        replaces=old,
        actor=world.maker,
    )


def test_a_new_number_only_for_what_is_certain_never_to_be_paid(world: World) -> None:
    number = out(world)
    with pytest.raises(Refused, match="还没有被证明未付"):
        again(world, number, "10.17")
    old = failed(world)
    with pytest.raises(Refused, match="同样的金额"):
        again(world, old, "10.03")
    new = again(world, old)
    assert queries.by_number(new).replaces == old and queries.replacement(old) == new
    assert queries.events(queries.by_number(old).id)[-1].why == new
    with pytest.raises(Refused, match=new):
        again(world, old)


def test_what_contradicts_itself_is_not_replaced(world: World) -> None:
    old = failed(world)
    service.observe(old, Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.02")), source="callback")
    with pytest.raises(Refused, match="人工待办"):
        again(world, old)


def test_a_return_waits_for_somebody_who_has_seen_it(world: World) -> None:
    number = world.withdrawal("10.16")
    world.approve(number)
    world.until_state(number, "returned", hurry_s=5)
    (hold,) = queries.holds(queries.by_number(number).id)
    assert hold.reason == "returned"
    service.work.take(hold.id, actor=world.maker)
    service.work.resolve(hold.id, reason="已联系收款人", actor=world.maker)
    assert queries.holds(queries.by_number(number).id) == []


def test_work_about_money_is_not_closed_with_a_word(world: World) -> None:
    number = failed(world)
    service.observe(number, Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.02")), source="callback")
    (hold,) = queries.holds(queries.by_number(number).id)
    with pytest.raises(Refused, match="两个人"):
        service.work.resolve(hold.id, reason="没事", actor=world.checker)


def test_what_has_no_outcome_for_an_hour_is_put_before_people_and_leaves_them_by_itself(world: World) -> None:
    number = out(world)
    world.ahead += timedelta(minutes=61)
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["aged"], hurry_s=60)
    assert world.state(number) == "pending"
    service.observe(number, Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.17")), source="query")
    assert queries.holds(queries.by_number(number).id) == []


def test_a_bank_that_sends_it_back_days_later_is_heard(world: World) -> None:
    """No callback comes: the console asks again after an hour, a day and three days (退票 by query)."""
    number = world.withdrawal("10.13")
    manner, merchant = world.terms[next(iter(world.terms))]
    world.approve(number)
    world.until_state(number, "paid", hurry_s=5)
    world.door.shutdown()
    (payout,) = world.third.get("/control/payouts", manner=manner, merchant=merchant)["payouts"]
    world.third.post(f"/control/payouts/{payout['id']}/return")
    assert world.until_state(number, "returned", hurry_s=600) == "returned"


def test_the_watch_for_returns_ends(world: World) -> None:
    number = world.withdrawal("100.00")
    world.approve(number)
    world.until_state(number, "paid")
    world.until(lambda: queries.by_number(number).watched == 3, hurry_s=3600)
    assert queries.next_looks([number]).get(number) is None


PAID_AFTER_ALL = Observation(seen=Seen.PAID, signed=True, amount=Money.parse("10.02"))


def test_a_replacement_does_not_leave_when_the_old_one_was_paid_after_all(world: World) -> None:
    old = failed(world)
    waiting = again(world, old)
    service.observe(old, PAID_AFTER_ALL, source="callback")
    with pytest.raises(Refused, match="可能已付"):
        world.approve(waiting)
    assert world.state(waiting) == "review"


def test_a_replacement_that_waits_to_be_sent_goes_back_to_review(world: World) -> None:
    old = failed(world)
    account = next(iter(world.terms))
    service.stops.pause(account=account, reason="先停一停", actor=world.checker)
    new = again(world, old)
    world.approve(new)
    service.observe(old, PAID_AFTER_ALL, source="callback")
    service.stops.resume(account=account, actor=world.checker)
    assert world.until_state(new, "review") == "review"
    assert queries.trace(queries.by_number(new))[-1].note == "它代替的那一笔可能已付或还没有定论，不能再付"


def test_whoever_was_put_on_the_black_list_is_not_paid(world: World) -> None:
    account = world.account()
    seen, approved = world.withdrawal("11.00", account=account), world.withdrawal("12.00", account=account)
    service.stops.pause(account=account, reason="先停一停", actor=world.checker)
    world.approve(approved)
    card = BankCard.parse(CARD)
    service.payee_lists.enlist(PayeeList.BLACK, card=card, reason="涉嫌诈骗", until=None, actor=world.checker)
    with pytest.raises(Refused, match="黑名单"):
        world.approve(seen)
    service.stops.resume(account=account, actor=world.checker)
    assert world.until_state(approved, "review") == "review"


def test_evidence_is_judged_again_when_it_is_confirmed(world: World, second: Actor) -> None:
    """Two answers "no such order" were proof; then the channel acknowledges it, and they are none."""
    number = out(world)
    world.ahead += timedelta(minutes=30)
    with transaction():
        first = clock.now() - timedelta(minutes=2)
        proof = {"not_found": 2, "first_not_found_at": first, "signed_at": None}
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(**proof))
    proposal = propose(number, "failed", actor=world.checker, content=b"")
    service.observe(number, Observation(seen=Seen.PENDING, signed=True, number=number), source="query")
    assert [event.verb for event in queries.events(queries.by_number(number).id)][-1] == "heard"
    with pytest.raises(Refused, match="新的情况"):
        service.outcomes.confirm(number, proposal, actor=second)


def test_what_was_cancelled_and_paid_all_the_same_is_booked_by_two_people(world: World, second: Actor) -> None:
    number = world.withdrawal("10.02")
    account = next(iter(world.terms))
    service.cancel(number, actor=world.maker)
    before = ledger.balances_of([account])[account].available
    service.observe(number, PAID_AFTER_ALL, source="callback")
    service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    assert world.state(number) == "paid"
    assert before - ledger.balances_of([account])[account].available == Money.parse("12.02")
    assert queries.against_ledger() == [] and queries.problems() == [] and ledger.problems() == []


def test_what_waits_to_be_sent_again_and_must_not_leave_is_declared_unpaid(world: World, second: Actor) -> None:
    """Proved absent, its payee black-listed meanwhile: people are asked to say that it was not paid."""
    number = world.withdrawal("10.04")
    world.approve(number)
    world.until_state(number, "sending", "pending")
    card = BankCard.parse(CARD)
    service.payee_lists.enlist(PayeeList.BLACK, card=card, reason="涉嫌诈骗", until=None, actor=world.checker)
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["objection"], hurry_s=5)
    assert world.state(number) == "queued"
    assert rules.is_proved(queries.evidence(queries.by_number(number)))
    service.outcomes.confirm(number, propose(number, "failed", actor=world.checker, content=b""), actor=second)
    assert world.state(number) == "failed"
    world.all_is_well()


def watched(world: World, number: str) -> list[str]:
    """What waits for people when the channel was asked for the last time."""
    world.until(lambda: queries.by_number(number).watched == 3, hurry_s=3600)
    return [hold.reason for hold in queries.holds(queries.by_number(number).id)]


def test_who_says_paid_of_what_the_channel_does_not_know_hears_of_it(world: World, second: Actor) -> None:
    """Of a payment that only people vouch for, "no such order" is news; of one that the channel confirmed it is none."""
    wrong, right = world.withdrawal("10.04"), world.withdrawal("10.13")
    for number in (wrong, right):
        world.approve(number)
        world.until_state(number, "sending", "pending", hurry_s=0)
        service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    assert watched(world, wrong) == ["contradiction"]
    assert watched(world, right) == []


def test_what_was_cancelled_and_declared_paid_is_watched_too(world: World, second: Actor) -> None:
    number = world.withdrawal("10.02")
    service.cancel(number, actor=world.maker)
    service.observe(number, PAID_AFTER_ALL, source="callback")
    service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    assert watched(world, number) == ["contradiction"]


def test_who_says_unpaid_of_what_is_paid_hears_of_it_without_a_callback(world: World, second: Actor) -> None:
    number = world.withdrawal("10.13")
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    world.ahead += timedelta(minutes=30)
    service.outcomes.confirm(number, propose(number, "failed", actor=world.checker), actor=second)
    assert watched(world, number) == ["contradiction"]
    service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    world.until(lambda: queries.by_number(number).watched == 1, hurry_s=600)
    world.all_is_well()


def test_only_who_sees_the_whole_house_stops_and_resumes_it(world: World) -> None:
    world.account()
    limited = replace(world.checker, channels=frozenset({"dolphin"}))
    service.stops.pause(reason="先停一停", actor=world.checker)
    with pytest.raises(Refused, match="不限渠道"):
        service.stops.resume(actor=limited)
    with pytest.raises(Refused, match="不限渠道"):
        service.stops.pause(reason="先停一停", actor=limited)
