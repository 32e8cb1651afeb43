"""A payee asks to be forgotten: the name goes, the money's story stays (个人信息保护法 §47)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from uuid import uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import inspect, select, text, update

from app import examine
from app.auth import audit
from app.auth import service as auth
from app.auth.models import AuditRecord
from app.cards import queries as cards
from app.cards import service as card_service
from app.cards.states import State
from app.channels import queries as channels
from app.channels.models import CallbackInbox, ChannelCall
from app.cli import main
from app.config import Config
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from tests.conftest import KEYS
from tests.world import CARD, PASSWORD, World

SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone

OTHER_CARD = "6217001210024455220"
NAME, BANK, PHONE = "欧阳春晓", "中国工商银行望京支行", "13812345678"
GONE = "已删除"
WHY = "本人 2026-11-20 书面申请"


@pytest.fixture
def command(config: Config) -> Callable[..., tuple[int, str]]:
    """`paydesk …`: its exit code and what it says."""
    environment = {
        "PAYDESK_DATA_DIR": str(config.data_dir),
        "PAYDESK_DATABASE_URL": config.sqlalchemy_url,
        **{f"PAYDESK_{name.upper()}": value for name, value in KEYS.items()},
    }

    def run(*arguments: str) -> tuple[int, str]:
        db.session.rollback()
        told = CliRunner().invoke(main, list(arguments), env=environment)
        assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
        db.session.rollback()
        return told.exit_code, told.output

    return run


def bound(world: World, account: str, number: str = CARD, holder: str = NAME, bank: str = BANK) -> str:
    reference = card_service.bind(
        account=account, number=BankCard.parse(number), holder=holder, bank=bank, phone=PHONE if holder == NAME else "",
        fence=world.claimed(account), form_key=str(uuid4()), actor=world.maker,
    )  # fmt: skip
    world.until(lambda: cards.card(reference).state == State.BOUND)
    return reference


def paid(world: World, account: str, card: str, amount: str = "20.00", fate: str = "paid", memo: str = "") -> str:
    number = service.create(
        account=account, card=card, amount=Money.parse(amount), memo=memo, fence=world.claimed(account),
        form_key=str(uuid4()), actor=world.maker,
    )  # fmt: skip
    world.approve(number)
    world.until_state(number, fate, hurry_s=5)
    return number


def said_anywhere(*words: str) -> list[str]:
    """Tables whose rows hold one of these words."""
    db.session.rollback()
    found = []
    for table in inspect(db.engine).get_table_names():
        rows = " ".join(str(tuple(row)) for row in db.session.execute(text(f'SELECT * FROM "{table}"')))
        if any(word in rows for word in words):
            found.append(table)
    return found


@pytest.mark.slow
def test_a_payee_is_forgotten_and_the_books_stay_whole(
    world: World, command: Callable[..., tuple[int, str]], app: Flask, config: Config
) -> None:
    account = world.account("spruce")
    card, other = bound(world, account), bound(world, account, OTHER_CARD, "李四", "中国建设银行")
    first = paid(world, account, card, memo=f"{NAME} 十月工资")
    returned = paid(world, account, card, "10.16", "returned")
    stranger = paid(world, account, other, "30.00")
    world.all_is_well()
    code, told = command("forget-payee", card, "--why", WHY)
    assert code == 1 and returned in told, "what came back still waits for somebody who must know"
    for hold in queries.work():
        service.work.resolve(hold.id, reason="已通知客户", actor=world.checker)
    index = cards.index_of(CARD)
    money = select(Withdrawal.number, Withdrawal.amount, Withdrawal.fee, Withdrawal.state, Withdrawal.channel_number)
    before, head = db.session.execute(money.order_by(Withdrawal.id)).all(), audit.head()
    history = {
        name: db.session.execute(text(f"SELECT * FROM {name}")).all() for name in ("transfer", "withdrawal_event")
    }

    code, told = command("forget-payee", card, "--why", WHY)
    assert code == 0, told
    assert told.endswith(f"{card} is forgotten, and with it the name in 2 withdrawals\n")

    gone = cards.card(card)
    assert (gone.state, gone.holder, gone.number_masked, gone.bank) == (State.DELETED, GONE, GONE, GONE)
    assert (gone.phone, gone.number_sealed, gone.channel_card, gone.message) == ("", "", "", "")
    assert cards.by_number(gone.account_id, index) is None
    assert db.session.scalars(select(Withdrawal.id).where(Withdrawal.card_index == index)).all() == []
    for number in (first, returned):
        withdrawal = queries.by_number(number)
        assert (withdrawal.holder, withdrawal.card_masked, withdrawal.bank) == (GONE, GONE, GONE)
        assert {call.reply for call in channels.calls_about(number)} & {"", None} == set()
        assert all(NAME[:1] + "**" not in call.request for call in channels.calls_about(number))
    assert queries.by_number(first).memo == f"{GONE} 十月工资"
    assert said_anywhere(NAME, BANK, PHONE, index, CARD) == []
    assert not db.session.scalars(select(CallbackInbox.sealed).where(CallbackInbox.number == first)).first()
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert NAME.encode() not in (config.data_dir / "paydesk.db").read_bytes()

    assert queries.by_number(stranger).holder == "李四"
    assert cards.number_of(cards.card(other)) == OTHER_CARD
    assert db.session.scalars(select(ChannelCall.request).where(ChannelCall.subject == stranger)).first()
    assert db.session.execute(money.order_by(Withdrawal.id)).all() == before
    assert history == {name: db.session.execute(text(f"SELECT * FROM {name}")).all() for name in history}
    assert audit.verify(head) == examine() == []
    record = db.session.scalars(select(AuditRecord).order_by(AuditRecord.seq.desc())).first()
    assert record and (record.actor, record.action, record.subject) == ("command line", "card.forget", card)
    assert record.why == WHY
    assert command("check") == (0, "0 problems: every promise about money holds\n")
    assert command("verify-audit")[0] == 0
    world.all_is_well()

    for path in (f"/cards/{card}", "/cards/", f"/withdrawals/{first}", f"/withdrawals/{returned}", "/withdrawals/"):
        page = seen(app, path)
        assert GONE in page and NAME not in page, path
    assert f"/cards/{card}" in seen(app, "/cards/?state=deleted")
    assert card not in seen(app, f"/withdrawals/new?account={account}")


def seen(app: Flask, path: str) -> str:
    token, _actor = auth.sign_in("maker", PASSWORD, address="127.0.0.1", user_agent="test")
    visitor = app.test_client()
    visitor.set_cookie("paydesk_session", token)
    answer = Context().run(visitor.get, path)
    assert answer.status_code == 200, path
    return answer.text


@pytest.mark.parametrize("state", ["review", "queued", "pending", "held"])
def test_it_is_refused_while_a_withdrawal_is_open(
    world: World, command: Callable[..., tuple[int, str]], state: str
) -> None:
    account = world.account("spruce")
    card = bound(world, account)
    paid(world, account, card)
    if state == "held":
        number = paid(world, account, card, "10.19", "failed")  # the sandbox says failed, and later paid
        world.until(lambda: queries.holds(queries.by_number(number).id), hurry_s=5)
    else:
        number = world.withdrawal("10.17", account=account, card=card)  # the sandbox takes hours
        if state != "review":
            world.approve(number)
        if state == "pending":
            world.until_state(number, "pending", hurry_s=0)
    code, told = command("forget-payee", card, "--why", WHY)
    assert code == 1
    assert "还有 1 笔提现用到这个收款账号且没有办完" in told and number in told
    assert cards.card(card).holder == NAME
    assert cards.number_of(cards.card(card)) == CARD


def test_what_cannot_be_forgotten_is_said_in_words(world: World, command: Callable[..., tuple[int, str]]) -> None:
    account = world.account()
    card = bound(world, account)
    assert command("forget-payee", "KNOBODY", "--why", WHY) == (1, "Error: there is no card KNOBODY\n")
    assert command("forget-payee", card, "--why", "  ")[0] == 2
    assert command("forget-payee", card)[0] == 2
    assert cards.card(card).holder == NAME
    assert command("forget-payee", card, "--why", WHY)[0] == 0
    code, told = command("forget-payee", card, "--why", WHY)
    assert code == 1 and "已删除" in told
    with pytest.raises(Refused, match="已删除"):
        cards.number_of(cards.card(card))


def test_nobody_is_paid_to_a_forgotten_card(world: World, command: Callable[..., tuple[int, str]]) -> None:
    account = world.account()
    card = bound(world, account)
    command("forget-payee", card, "--why", WHY)
    with pytest.raises(Refused, match="还没有绑定成功"):
        world.withdrawal("20.00", account=account, card=card)
    again = bound(world, account)  # the same person may come back
    assert again != card
    assert cards.by_number(channels.account(account).id, cards.index_of(CARD)) == cards.card(again)


def test_two_of_one_account_and_one_elsewhere(world: World, command: Callable[..., tuple[int, str]]) -> None:
    account, elsewhere = world.account(), world.account()
    cards_ = [bound(world, account), bound(world, account, OTHER_CARD)]
    same = bound(world, elsewhere)
    code, told = command("forget-payee", cards_[0], "--why", WHY)
    assert code == 0 and told.endswith(f"the same number is also bound as {same}: forget that too\n")
    assert command("forget-payee", cards_[1], "--why", WHY)[0] == 0
    assert command("forget-payee", same, "--why", WHY)[1].count("also bound") == 0


def test_a_withdrawal_and_forgetting_at_the_same_moment(world: World, app: Flask) -> None:
    """One of them comes first: either the withdrawal is made and the card stays, or the other way round; never both."""
    account = world.account()
    fence = world.claimed(account)
    for _ in range(6):
        card = bound(world, account)

        def make(card: str = card) -> str:
            with app.app_context():
                try:
                    return service.create(
                        account=account, card=card, amount=Money.parse("1.00"), memo="", fence=fence,
                        form_key=str(uuid4()), actor=world.maker,
                    )  # fmt: skip
                except Refused:
                    return ""

        def forget(card: str = card) -> bool:
            with app.app_context():
                try:
                    card_service.forget(card, why=WHY, above=service.payee_forgotten, actor="test")
                except Refused:
                    return False
                return True

        with ThreadPoolExecutor(2) as two:
            made, forgotten = two.submit(make), two.submit(forget)
            number, gone = made.result(), forgotten.result()
        db.session.rollback()
        assert bool(number) is not gone
        if number:
            assert queries.by_number(number).holder == NAME
            service.cancel(number, actor=world.maker)
            card_service.forget(card, why=WHY, above=service.payee_forgotten, actor="test")
    world.all_is_well()


def test_what_a_callback_says_of_the_payee_does_not_enter_the_trace(world: World) -> None:
    """The trace is for ever: a name in it could never be forgotten."""
    account = world.account("spruce")
    card = bound(world, account)
    number = world.withdrawal("10.17", account=account, card=card)
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    from tests.channels.test_callbacks import Notice, deliver

    class Speaking(Notice):
        def __init__(self) -> None:
            super().__init__(account, number, status="rejected")
            self.body = self.body[:-1] + f', "error_text": "户名{NAME}不符"'.encode() + b"}"

    deliver(world, account, Speaking())
    world.until(
        lambda: not db.session.scalar(text("SELECT count(*) FROM job WHERE done_at IS NULL AND kind LIKE '%callback'"))
    )
    assert "withdrawal_event" not in said_anywhere(NAME)
    assert queries.by_number(number).message != f"户名{NAME}不符"


def test_a_long_memo_still_fits(world: World, command: Callable[..., tuple[int, str]]) -> None:
    account = world.account()
    card = bound(world, account, holder="王芳")
    number = paid(world, account, card, memo="王芳" * 50)
    with transaction():
        db.session.execute(update(Withdrawal).values(message="户名王芳不符"))
    assert command("forget-payee", card, "--why", WHY)[0] == 0
    withdrawal = queries.by_number(number)
    assert withdrawal.memo == (GONE * 50)[:100] and withdrawal.message == f"户名{GONE}不符"
