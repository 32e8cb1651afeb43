"""What is kept no longer than needed, and what is kept for ever."""

from collections.abc import Callable
from contextvars import Context
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select, text, update

from app import examine
from app.auth import service as auth
from app.auth.audit import retiring
from app.auth.models import AuditRecord, OperatorSession
from app.auth.permissions import Role
from app.channels import queries as channels
from app.channels import service
from app.channels.models import CallbackInbox, ChannelCall, Claim
from app.channels.rules import DROPPED
from app.cli import main
from app.config import Config
from app.kernel import clock
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.jobs import Job
from app.runtime.queue import Line
from app.schedule import EVERY
from app.withdrawals import queries
from tests.conftest import KEYS
from tests.world import PASSWORD, World

SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone

FOR_EVER = (
    "transfer",
    "ledger_account",
    "withdrawal",
    "withdrawal_event",
    "withdrawal_hold",
    "card",
    "claim",
    "operator",
)


@pytest.fixture
def command(config: Config) -> Callable[..., list[str]]:
    """`paydesk retention …`, with the same clock: its lines."""
    environment = {
        "PAYDESK_DATA_DIR": str(config.data_dir),
        "PAYDESK_DATABASE_URL": config.sqlalchemy_url,
        **{f"PAYDESK_{name.upper()}": value for name, value in KEYS.items()},
    }

    def run(*arguments: str, **more: str) -> list[str]:
        db.session.rollback()
        told = CliRunner().invoke(main, ["retention", *arguments], env=environment | more)
        assert told.exit_code == 0, told.output
        db.session.rollback()
        return told.output.splitlines()

    return run


@pytest.fixture
def story(world: World) -> str:
    """A withdrawal that is paid, with its calls and its callback, all read."""
    number = world.withdrawal("20.00", account=world.account("spruce"))
    world.approve(number)
    world.until_state(number, "paid")
    world.until(lambda: db.session.scalar(select(func.count()).select_from(CallbackInbox)), hurry_s=1)
    world.until(lambda: not unread())
    return number


def unread() -> int:
    waits = select(func.count()).where(Job.kind.endswith("read_callback"), Job.done_at.is_(None))
    return db.session.scalar(waits) or 0


def everything(*tables: str) -> dict[str, list[Any]]:
    db.session.rollback()
    return {table: list(db.session.execute(text(f"SELECT * FROM {table} ORDER BY 1"))) for table in tables}


def test_words_go_and_facts_stay(world: World, story: str, command: Callable[..., list[str]]) -> None:
    facts = (ChannelCall.id, ChannelCall.at, ChannelCall.outcome, ChannelCall.word, ChannelCall.message)
    was, calls = everything(*FOR_EVER), db.session.execute(select(*facts).order_by(ChannelCall.id)).all()
    world.ahead += timedelta(days=179)
    assert command() == [
        "0 calls lost their words (older than 180 days)",
        "0 callbacks lost their bodies (older than 180 days)",
        "0 alerts deleted (older than 180 days)",
        "0 selections deleted (older than 30 days)",
        "0 ended sessions deleted (older than 365 days)",
    ]
    world.ahead += timedelta(days=2)
    counted = command("--dry-run")
    assert counted == [
        f"{len(calls)} calls lost their words (older than 180 days, counted only)",
        "1 callbacks lost their bodies (older than 180 days, counted only)",
        "0 alerts deleted (older than 180 days, counted only)",
        "0 selections deleted (older than 30 days, counted only)",
        "0 ended sessions deleted (older than 365 days, counted only)",
    ]
    assert DROPPED not in db.session.scalars(select(ChannelCall.request)).all()
    assert command() == [line.replace(", counted only", "") for line in counted]
    assert set(db.session.scalars(select(ChannelCall.request))) == {DROPPED}
    assert set(db.session.scalars(select(ChannelCall.reply))) <= {DROPPED, ""}
    assert set(db.session.scalars(select(ChannelCall.signed_text))) == {""}
    assert set(db.session.scalars(select(CallbackInbox.sealed))) == {""}
    assert db.session.execute(select(*facts).order_by(ChannelCall.id)).all() == calls
    assert everything(*FOR_EVER) == was
    assert examine() == []
    assert [line[0] for line in command()] == ["0"] * 5


def test_the_console_does_it_by_itself(world: World, story: str) -> None:
    assert [it.every_s for it in EVERY if it.kind == "app.live.jobs.drop_old"] == [24 * 3600]
    world.ahead += timedelta(days=181)
    with transaction():
        jobs.promise("app.live.jobs.drop_old", line=Line.SHEETS)
    world.until(lambda: DROPPED in db.session.scalars(select(ChannelCall.request)).all())
    assert set(db.session.scalars(select(CallbackInbox.sealed))) == {""}
    assert examine() == []


def test_the_days_are_a_setting(world: World, story: str, command: Callable[..., list[str]]) -> None:
    world.ahead += timedelta(days=60)
    assert command()[1].startswith("0 callbacks")
    assert command(PAYDESK_KEEP_BODIES_DAYS="59")[1] == "1 callbacks lost their bodies (older than 59 days)"


def test_it_is_audited(world: World, story: str, command: Callable[..., list[str]]) -> None:
    count = db.session.scalar(select(func.count()).select_from(ChannelCall))
    world.ahead += timedelta(days=181)
    command("--dry-run")
    audited = select(AuditRecord.subject, AuditRecord.after).where(AuditRecord.action == "retention.delete")
    assert db.session.execute(audited).all() == []
    command()
    told = {row.subject: row.after for row in db.session.execute(audited)}
    assert set(told) == {"channel_call", "callback_inbox"}
    assert f'"rows": {count}' in str(told["channel_call"])


def test_killed_in_the_middle_it_goes_on(world: World, story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retiring, "ROWS_AT_ONCE", 1)
    count = db.session.scalar(select(func.count()).select_from(ChannelCall)) or 0
    assert count > 2
    record, done = retiring.record, 0

    def until_killed(*arguments: Any, **more: Any) -> None:
        nonlocal done
        done += 1
        if done > 2:
            raise KeyboardInterrupt
        record(*arguments, **more)

    before = clock.now() + timedelta(days=1)
    monkeypatch.setattr(retiring, "record", until_killed)
    with pytest.raises(KeyboardInterrupt):
        service.drop_old_calls(before)
    monkeypatch.setattr(retiring, "record", record)
    assert service.drop_old_calls(before, only_count=True) == count - 2
    assert service.drop_old_calls(before) == count - 2
    assert service.drop_old_calls(before) == 0
    db.session.rollback()
    assert examine() == []


def test_a_callback_that_nobody_has_read_yet_keeps_its_body(world: World, story: str) -> None:
    with transaction():
        db.session.execute(update(Job).where(Job.kind.endswith("read_callback")).values(done_at=None))
    before = clock.now() + timedelta(days=1)
    assert service.drop_old_callbacks(before) == 0
    world.until(lambda: not unread())
    assert service.drop_old_callbacks(before) == 1


def test_the_same_callback_may_come_once_more(world: World, story: str) -> None:
    """Its body is back, is read, and teaches nothing new."""
    from tests.channels.test_callbacks import Notice, deliver

    account = next(iter(world.terms))
    notice = Notice(account, story, amount="20.00")
    assert deliver(world, account, notice).status_code == 200
    world.until(lambda: not unread())
    assert service.drop_old_callbacks(clock.now() + timedelta(days=1)) == 2
    assert deliver(world, account, notice).status_code == 200
    world.until(lambda: not unread())
    assert world.state(story) == "paid"
    world.all_is_well()


def test_pages_say_that_the_words_are_gone(world: World, story: str, app: Flask) -> None:
    service.drop_old_calls(clock.now() + timedelta(days=1))
    service.drop_old_callbacks(clock.now() + timedelta(days=1))
    token, actor = auth.sign_in("checker", PASSWORD, address="127.0.0.1", user_agent="test")
    visitor = app.test_client()
    visitor.set_cookie("paydesk_session", token)
    call = channels.calls_about(story)[0]
    db.session.rollback()

    def page(path: str) -> str:
        answer = Context().run(visitor.get, path)
        assert answer.status_code == 200
        return answer.text

    for tab in ("request", "reply"):
        assert str(DROPPED) in page(f"/channels/calls/{call.id}?tab={tab}")
    assert "（未发出）" not in page(f"/channels/calls/{call.id}?tab=request")
    assert str(DROPPED) in page(f"/channels/callbacks/{channels.callbacks_about(story)[0].id}")
    assert story in page(f"/withdrawals/{story}")
    assert queries.trace(queries.by_number(story))
    auth.sign_out(actor)


def test_old_sessions_go_unless_a_claim_speaks_of_them(world: World, command: Callable[..., list[str]]) -> None:
    account = world.account()
    for _ in range(3):
        world.signed_in("maker")
    holder = world.signed_in("maker")
    world.claimed(account, by=holder)
    world.signed_in("maker")  # takes the claim with them
    quiet = world.person("quiet", Role.FINANCE)
    auth.sign_out(quiet)
    sessions = set(db.session.scalars(select(OperatorSession.id)))
    live = set(db.session.scalars(select(OperatorSession.id).where(OperatorSession.ended_at.is_(None))))
    claimed = set(db.session.scalars(select(Claim.session_id)))
    assert claimed and len(live) == 2 and len(sessions) > 5
    records = db.session.scalar(select(func.count()).select_from(AuditRecord))
    world.ahead += timedelta(days=364)
    assert command()[4].startswith("0 ended")
    world.ahead += timedelta(days=2)
    assert command()[4] == f"{len(sessions - live - claimed)} ended sessions deleted (older than 365 days)"
    assert set(db.session.scalars(select(OperatorSession.id))) == live | claimed
    assert db.session.scalar(select(func.count()).select_from(AuditRecord)) > records
    assert examine() == []
