"""One long day in the house, and after it the audit log: each deed left exactly its record (RELIABILITY I-10)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyotp
import pytest
from sqlalchemy import select

from app.auth import audit, rules, service
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.auth.service import roles, second_factor, trail
from app.cards import service as cards
from app.channels import service as channels
from app.kernel.errors import Refused
from app.runtime.db import db
from app.withdrawals import service as withdrawals
from tests.auth.conftest import Browser
from tests.world import PASSWORD, World

HERE, DOOR = "203.0.113.7", "127.0.0.1"
NEW_PASSWORD = "another horse battery staple"
KEPT = {"note": "", "channels": ()}
Line = tuple[str, str, str]


class Day:
    """Who acts now acts from `HERE`, in their own session; what a browser does comes from `DOOR`."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.app.test_client_class = Browser

    @contextmanager
    def leaves(self, actor: Actor | str, *expected: Line, address: str = HERE) -> Iterator[None]:
        """These records and no others, as (who, what, on what)."""
        session_id = actor.session_id if isinstance(actor, Actor) else None
        db.session.rollback()
        seq = audit.head()[0]
        audit.came_from(HERE, session_id)
        yield
        audit.came_from()
        db.session.rollback()
        found = db.session.scalars(select(AuditRecord).where(AuditRecord.seq > seq).order_by(AuditRecord.seq)).all()
        assert [(it.actor, it.action, it.subject) for it in found] == list(expected)
        assert {it.address for it in found} <= {address}
        if isinstance(actor, Actor):
            assert {it.session_id for it in found} <= {session_id}
        assert all(it.at and it.hash for it in found)

    def record(self) -> AuditRecord:
        """The newest."""
        found = db.session.get(AuditRecord, audit.head()[0])
        assert found
        return found

    def at(self, browser: Browser) -> Actor:
        """Who is signed in there."""
        db.session.rollback()
        found = service.who(browser.token, active=False)
        assert found
        return found

    def browser(self) -> Browser:
        here = self.world.app.test_client()
        assert isinstance(here, Browser)
        return here


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_deed_of_a_day_left_exactly_its_record(world: World) -> None:
    day = Day(world)
    keeper = world.person("keeper", Role.ADMINISTRATOR)
    world.person("spare", Role.ADMINISTRATOR)
    account = world.account()
    card = world.card(account)
    _at_the_door(day)
    _money(day, account, card)
    _channels(day, account)
    _own_account(day)
    _people(day, keeper)
    _roles(day, keeper)
    _the_log_itself(day)
    assert audit.verify() == []


def _at_the_door(day: Day) -> None:
    here = day.browser()
    with day.leaves("", ("maker", "session.sign_in", "maker"), address=DOOR):
        assert here.sign_in("maker", PASSWORD).status_code == 303
    record = day.record()
    assert record.session_id is not None and f'"session": {record.session_id}' in str(record.after)
    day.world.maker = day.at(here)
    with day.leaves(day.world.maker, ("maker", "access.refuse", "audit:read"), address=DOOR):
        assert here.get("/audit/").status_code == 403
    with day.leaves("", ("nobody", "session.refuse", "checker"), address=DOOR):
        assert day.browser().sign_in("checker", "wrong" * 4).status_code == 422
    stranger = day.browser()
    with day.leaves(
        "", *[("nobody", "session.refuse", "maker")] * 10, ("nobody", "operator.lock", "maker"), address=DOOR
    ):
        for _ in range(rules.SIGN_IN_BY_NAME.times):
            stranger.sign_in("maker", "wrong" * 4)
    with day.leaves(""):  # shut out: nothing was tried, nothing is written
        stranger.sign_in("maker", PASSWORD)


def _money(day: Day, account: str, card: str) -> None:
    world, maker, checker = day.world, day.world.maker, day.world.checker
    world.claimed(account)
    made = []
    for amount in ("11.00", "12.00", "13.00"):
        seq = audit.head()[0]
        made.append(world.withdrawal(amount, account=account, card=card))
        actions = select(AuditRecord.action).where(AuditRecord.seq > seq, AuditRecord.subject == made[-1])
        assert db.session.scalars(actions).all() == ["withdrawal.create"]
    approved, rejected, cancelled = made
    with day.leaves(checker, ("checker", "withdrawal.approve", approved)):
        world.approve(approved)
    assert "approval" in str(day.record().after)
    with day.leaves(checker, ("checker", "withdrawal.reject", rejected)):
        withdrawals.reject(rejected, reason="wrong payee", actor=checker)
    assert day.record().why == "wrong payee"
    with day.leaves(maker, ("maker", "withdrawal.cancel", cancelled)):
        withdrawals.cancel(cancelled, actor=maker)
    with day.leaves(maker), pytest.raises(Refused):
        withdrawals.cancel(cancelled, actor=maker)
    with day.leaves(checker, ("checker", "card.reveal", card)):
        cards.reveal(card, reason="the bank calls", actor=checker)
    assert day.record().why == "the bank calls" and "**" in str(day.record().after)


def _channels(day: Day, account: str) -> None:
    maker, checker = day.world.maker, day.world.checker
    channels.release(account, actor=maker)
    with day.leaves(maker, ("maker", "claim.take", account)):
        channels.claim(account, actor=maker)
    with day.leaves(checker, ("checker", "claim.force-release", account)):
        channels.force_release(account, reason="left early", actor=checker)
    assert day.record().why == "left early" and "maker" in str(day.record().before)
    with day.leaves("", ("keeper", "channel.change-settings", account)):
        channels.change_settings(
            account, {"base_url": "http://127.0.0.1:9", "merchant_no": "m", "key": "k"}, actor="keeper"
        )
    with day.leaves("", ("keeper", "channel.disable", account)):
        channels.set_enabled(account, enabled=False, actor="keeper")


def _own_account(day: Day) -> None:
    checker = day.world.checker
    with day.leaves(
        checker, ("checker", "session.prove", "checker"), ("checker", "operator.change_password", "checker")
    ):
        service.change_password(checker, old=PASSWORD, new=NEW_PASSWORD)
    with day.leaves(checker, ("checker", "session.refuse-proof", "checker")), pytest.raises(Refused):
        service.prove(checker, "wrong" * 4)
    second_factor.begin(checker)
    shown = second_factor.secret_to_show(checker)
    assert shown
    with day.leaves(checker, ("checker", "second_factor.enable", "checker")):
        second_factor.confirm(checker, pyotp.TOTP(shown[0]).now())
    with day.leaves(checker, ("checker", "second_factor.disable", "checker")):
        second_factor.disable(checker)
    with day.leaves(checker, ("checker", "session.sign_out", "checker")):
        service.sign_out(checker)
    everything = str([(it.before, it.after, it.why) for it in db.session.scalars(select(AuditRecord))])
    assert PASSWORD not in everything and NEW_PASSWORD not in everything and shown[0] not in everything


def _people(day: Day, keeper: Actor) -> None:
    with day.leaves(keeper, ("keeper", "operator.create", "novice"), ("keeper", "activation_link.create", "novice")):
        service.invite(username="novice", display_name="Novice", role=Role.OPERATOR, actor=keeper)
    with day.leaves(keeper, ("keeper", "operator.change", "novice")):
        service.change("novice", display_name="Novice", role=Role.FINANCE, channels=(), actor=keeper)
    assert '"role": "operator"' in str(day.record().before) and '"role": "finance"' in str(day.record().after)
    with day.leaves(keeper, ("keeper", "operator.disable", "novice")):
        service.disable("novice", reason="gone", actor=keeper)
    assert day.record().why == "gone"
    with day.leaves(keeper, ("keeper", "operator.enable", "novice")):
        service.enable("novice", actor=keeper)
    with day.leaves(keeper, ("keeper", "operator.unlock", "maker")):
        service.unlock("maker", actor=keeper)
    with day.leaves(keeper), pytest.raises(Refused):
        service.disable("keeper", reason="myself", actor=keeper)


def _roles(day: Day, keeper: Actor) -> None:
    with day.leaves(keeper, ("keeper", "role.create", "reader")):
        roles.create(code="reader", title_zh="读者", title_en="Reader", note="", actor=keeper)
    titles = {"title_zh": "读者", "title_en": "Reader"}
    with day.leaves(keeper, ("keeper", "role.grant", "reader")):
        roles.change("reader", **titles, **KEPT, permissions=["card:read"], actor=keeper)
    assert "card:read" in str(day.record().after)
    with day.leaves(keeper, ("keeper", "role.grant", "reader")):
        roles.change("reader", **titles, **KEPT, permissions=[], actor=keeper)
    with day.leaves(keeper, ("keeper", "role.remove", "reader")):
        roles.remove("reader", actor=keeper)


def _the_log_itself(day: Day) -> None:
    here = day.browser()
    here.sign_in("keeper", PASSWORD)
    keeper = day.at(here)
    token = here.csrf("/audit/")
    with day.leaves(keeper, ("keeper", "audit.export", trail.SUBJECT), address=DOOR):
        here.post("/audit/export", data={"csrf_token": token, "what": "role"}, buffered=True)
    assert '"what": "role"' in str(day.record().after)
    with day.leaves(keeper, ("keeper", "audit.verify", trail.SUBJECT), address=DOOR):
        here.post("/audit/verify", data={"csrf_token": token})
    assert '"flaw": null' in str(day.record().after)
