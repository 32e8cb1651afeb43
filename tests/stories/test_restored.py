"""Yesterday's backup is put back (I-14): what was sent after it is entered and asked about before anything is sent."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.config import Config
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.payee import Payee
from app.ledger import queries as ledger
from app.runtime import journal
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import WithdrawalCounter
from tests.payees import LOGIN, at_alipay
from tests.world import World

ONE_ENGINE = True  # a backup is a file here; what the room does with the journal is the same on both
AT = datetime(2026, 11, 21, 4, tzinfo=UTC)


def copied(source: Path, target: Path) -> None:
    """As SQLite says it is done while people work: the target is then what the source is."""
    with closing(sqlite3.connect(source)) as from_, closing(sqlite3.connect(target)) as to:
        from_.backup(to)


def back_up(config: Config, to: Path) -> None:
    copied(config.data_dir / "paydesk.db", to)


def restore(config: Config, backup: Path) -> None:
    db.session.remove()
    db.engine.dispose()
    copied(backup, config.data_dir / "paydesk.db")


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "yesterday.db"


def test_nothing_is_paid_twice_after_a_restore(world: World, config: Config, backup: Path) -> None:
    account = world.account()
    card = world.card(account)
    service.stops.pause(account=account, reason="备份前先停发", actor=world.checker)
    waits, queued = (world.withdrawal(amount, account=account, card=card) for amount in ("10.00", "20.00"))
    world.approve(queued)
    back_up(config, backup)
    service.stops.resume(account=account, actor=world.checker)
    world.approve(waits)
    new_card = world.card(account, "6228480402564890018")
    made_later = world.withdrawal("30.00", account=account, card=new_card)
    pending = world.withdrawal("10.17", account=account, card=card)
    world.approve(made_later)
    world.approve(pending)
    for number in (waits, queued, made_later):
        world.until_state(number, "paid")
    world.until_state(pending, "pending")
    before = world.paid_by_sandbox(account)["submits"]

    restore(config, backup)
    assert queries.find(made_later) is None and world.state(queued) == "queued", "so it is in the backup"
    assert service.restoring.look() == 4
    service.stops.resume(account=account, actor=world.checker)
    fresh = world.withdrawal("40.00", account=account, card=card)
    world.approve(fresh)
    world.until(lambda: queries.uncleared() == 0, hurry_s=5)
    for number in (waits, queued, made_later):
        assert world.until_state(number, "paid", hurry_s=5) == "paid"
    assert world.until_state(fresh, "paid", hurry_s=5) == "paid", "and then sending goes on"
    assert world.paid_by_sandbox(account)["submits"] == before + 1
    assert [it.reason for it in queries.holds(queries.by_number(made_later).id)] == ["lost"]
    assert queries.stops() == []
    service.restoring.look()
    assert queries.uncleared() == 0
    world.all_is_well()


def test_nothing_leaves_until_the_channel_has_answered_for_all_of_it(
    world: World, config: Config, backup: Path
) -> None:
    account = world.account()
    # Paid without a notice: one that comes again after the restore would answer before anybody asks.
    number, fresh = world.withdrawal("10.13", account=account), world.withdrawal("20.00", account=account)
    back_up(config, backup)
    world.approve(number)
    world.until_state(number, "paid")
    restore(config, backup)
    manner, _merchant = world.terms[account]
    world.third.post(f"/control/channels/{manner}/unavailable")
    try:
        service.restoring.look()
        world.approve(fresh)
        world.until(lambda: world.state(number) in ("sending", "pending"), hurry_s=5)
        world.until(lambda: len(queries.events(queries.by_number(number).id)) >= 2, hurry_s=5)
        assert world.state(fresh) == "queued" and queries.uncleared() == 1
    finally:
        world.third.post(f"/control/channels/{manner}/open")
    assert world.until_state(fresh, "paid", hurry_s=10) == "paid"
    assert world.state(number) == "paid"
    world.all_is_well()


def test_what_is_cancelled_after_a_restore_is_asked_about_all_the_same(
    world: World, config: Config, backup: Path
) -> None:
    account = world.account()
    number = world.withdrawal("10.00", account=account)
    back_up(config, backup)
    world.approve(number)
    world.until_state(number, "paid")
    restore(config, backup)
    service.cancel(number, actor=world.maker)
    assert service.restoring.look() == 1
    world.until(lambda: queries.uncleared() == 0, hurry_s=5)
    assert world.state(number) == "cancelled", "no rule turns it round"
    assert {it.reason for it in queries.holds(queries.by_number(number).id)} == {"lost", "never_sent"}
    assert queries.stops() == []


def test_the_same_form_sent_again_after_a_restore_is_not_paid_again(world: World, config: Config, backup: Path) -> None:
    account = world.account()
    card, key = world.card(account), str(uuid4())
    back_up(config, backup)
    first = world.withdrawal("10.00", account=account, card=card, form_key=key)
    world.approve(first)
    world.until_state(first, "paid")
    restore(config, backup)
    again = world.withdrawal("10.00", account=account, card=card, form_key=key)
    assert again != first
    service.restoring.look()
    world.until(lambda: queries.uncleared() == 0, hurry_s=5)
    assert (world.until_state(first, "paid", hurry_s=5), world.state(again)) == ("paid", "cancelled")
    assert queries.events(queries.by_number(again).id)[-1].verb == "give_way"
    assert queries.counter_problems() == [] and queries.stops() == []
    world.all_is_well()


def test_limits_know_what_was_sent_before_a_restore(world: World, config: Config, backup: Path) -> None:
    account = world.account()
    card = world.card(account)
    back_up(config, backup)
    number = world.withdrawal("10.00", account=account, card=card)
    world.approve(number)
    world.until_state(number, "paid")
    restore(config, backup)
    service.restoring.look()
    world.until(lambda: queries.uncleared() == 0, hurry_s=5)
    counted = db.session.scalars(select(WithdrawalCounter.amount).where(WithdrawalCounter.scope == "house")).all()
    assert counted == [Money.parse("10.00")] and queries.counter_problems() == []


def test_what_was_in_review_is_sent_again_only_as_it_was_approved(world: World, config: Config, backup: Path) -> None:
    """It was approved and sent after the backup, and never arrived: what the journal knows of its approval lets it leave."""
    account = world.account()
    number = world.withdrawal("10.04", account=account)
    back_up(config, backup)
    world.approve(number)
    world.until_state(number, "sending", "pending")
    restore(config, backup)
    service.restoring.look()
    assert world.until_state(number, "paid", hurry_s=20) == "paid"
    assert [it.reason for it in queries.holds(queries.by_number(number).id)] == ["lost"]
    world.all_is_well()


def test_a_worker_that_starts_lifts_no_stop(world: World) -> None:
    """What stopped sending may be something that only the whole examination sees."""
    number = world.withdrawal("10.00")
    with transaction():
        db.session.execute(text("UPDATE withdrawal SET seq = seq + 1 WHERE number = :number"), {"number": number})
    service.guard.examine()
    assert [it.reason for it in queries.stops()] == ["broken"]
    service.guard.at_start()
    assert [it.reason for it in queries.stops()] == ["broken"]
    with transaction():
        db.session.execute(text("UPDATE withdrawal SET seq = seq - 1 WHERE number = :number"), {"number": number})
    world.until(lambda: queries.stops() == [])


def test_a_journal_that_agrees_stops_nothing(world: World) -> None:
    for amount in ("10.00", "10.05"):
        number = world.withdrawal(amount)
        world.approve(number)
        world.until_state(number, "paid", hurry_s=5)
    assert service.restoring.look() == 0 and queries.stops() == []


def test_a_broken_book_stops_sending_until_it_is_mended(world: World) -> None:
    number = world.withdrawal("10.00")
    _shift_balances(1)
    assert ledger.problems()
    service.guard.at_start()
    world.approve(number)
    world.until(lambda: True)
    assert world.state(number) == "queued"
    _shift_balances(-1)
    service.guard.at_start()
    assert world.until_state(number, "paid", hurry_s=0) == "paid"


def _shift_balances(fen: int) -> None:
    with transaction():
        shift = "UPDATE ledger_account SET balance_minor = balance_minor + :fen WHERE code = 'available'"
        db.session.execute(text(shift), {"fen": fen})


def test_what_cannot_be_written_down_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.withdrawal("10.00")
    account = next(iter(world.terms))

    def full(_line: journal.Line) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        world.approve(number)
        world.until(lambda: len(queries.events(queries.by_number(number).id)) >= 4)
        assert world.state(number) == "queued" and world.paid_by_sandbox(account)["submits"] == 0
    assert world.until_state(number, "paid", hurry_s=5) == "paid"
    world.all_is_well()


# The journal itself


def line(number: str, attempt: int = 1) -> journal.Line:
    return journal.Line(number=number, account="C1", attempt=attempt, at=AT.isoformat(), sealed="k1:00")


def test_lines_come_back_the_newest_first_over_days_and_blocks(app: Flask, config: Config) -> None:
    numbers = [f"W{place:06}" for place in range(3000)]
    for place, number in enumerate(numbers):
        with clock.replaced(lambda place=place: AT + timedelta(minutes=place)):  # type: ignore[misc]
            journal.append(line(number))
    assert len(list(config.journal_folder.glob("*.jsonl"))) == 3
    assert [it.number for it in journal.backwards()] == numbers[::-1]
    with clock.replaced(lambda: AT + timedelta(days=journal.KEEP_DAYS + 1)):
        journal.forget_old()
    assert next(journal.backwards()).number == numbers[-1] and len(list(journal.backwards())) < 3000


@pytest.mark.parametrize("torn", range(0, 60, 7))
def test_half_a_line_loses_only_itself(app: Flask, config: Config, torn: int) -> None:
    journal.append(line("W1"))
    (path,) = config.journal_folder.glob("*.jsonl")
    whole = json.dumps({"number": "W2", "account": "C1", "attempt": 1, "at": AT.isoformat(), "sealed": "k1:00"})
    with path.open("a") as file:
        file.write("\n" + whole[:torn])
    journal.append(line("W3"))
    assert [it.number for it in journal.backwards()] == ["W3", "W1"]


def test_a_payee_that_is_no_card_comes_back_as_what_it_is(world: World, config: Config, backup: Path) -> None:
    with at_alipay(world) as alipay:
        back_up(config, backup)
        number = world.withdrawal("10.00", account=alipay.number, card=alipay.payee())
        world.approve(number)
        world.until_state(number, "pending")
        restore(config, backup)
        assert service.restoring.look() == 1
        world.until(lambda: queries.find(number), hurry_s=10)
        assert queries.by_number(number).payee == Payee.ALIPAY_LOGIN
        alipay.bank.fate = "SUCCESS"
        world.until_state(number, "paid", hurry_s=30)
        assert len(alipay.bank.transfers) == 1
    told = str([tuple(row) for row in db.session.execute(text("SELECT * FROM card"))])
    assert LOGIN not in told and "z****@example.com" in told


def test_what_was_paid_of_a_deposit_is_entered_as_that(world: World, config: Config, backup: Path) -> None:
    account = world.account("egret", balance="1000.00", deposit="500.00")
    world.card(account)
    back_up(config, backup)
    number = world.withdrawal("100.00", account=account, funds=Funds.PREFUNDED)
    world.approve(number)
    world.until_state(number, "paid")
    restore(config, backup)
    assert service.restoring.look() == 1
    world.until(lambda: queries.uncleared() == 0, hurry_s=5)
    assert world.until_state(number, "paid", hurry_s=5) == "paid"
    found = ledger.balances_of([account])[account]
    assert (str(found.available), str(found.prefunded)) == ("1,000.00", "398.00")
    world.all_is_well()
