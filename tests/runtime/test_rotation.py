"""Field keys change: everything is sealed anew, in pieces, whenever it is killed; then the old key may go."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, insert, select, text, update

from app import create_app, examine
from app.alerts import hooks
from app.alerts import service as alert_service
from app.auth.models import AuditRecord, Operator
from app.cards import queries as cards
from app.cards.models import Card
from app.channels import gateway, mailbox, speaking
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import CallbackInbox, Channel, ChannelAccount
from app.cli import main
from app.config import Config
from app.exports import exporting
from app.exports.states import Format
from app.kernel import clock
from app.kernel.bank_card import mask
from app.kernel.money import Money
from app.runtime import rotation, vault
from app.runtime.db import db, transaction
from app.sealed import SEALED
from app.uploads import intake
from app.uploads import queries as uploads
from app.withdrawals import service
from app.withdrawals.models import LostSend, Withdrawal
from tests.conftest import KEYS
from tests.world import CARD, World

K1 = KEYS["field_keys"]
K2 = "k2:" + base64.b64encode(b"2" * 16 + bytes(range(16))).decode()
MANY = 450
(CARDS,) = [sealed for sealed in SEALED if sealed.place == ("card", "number_sealed")]


@contextmanager
def house(config: Config, *keys: str) -> Iterator[Flask]:
    """Another process on the same database, with these field keys."""
    given = {"field_keys": ",".join(keys), "secret_key": KEYS["secret_key"]}
    app = create_app(Config(data_dir=config.data_dir, database_url=config.database_url, **given))
    speaking._built.cache_clear()  # a process of its own has read nothing yet
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def says(config: Config, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a command line on this database."""
    said = {
        "PAYDESK_DATA_DIR": str(config.data_dir),
        "PAYDESK_DATABASE_URL": config.sqlalchemy_url,
        "PAYDESK_SECRET_KEY": KEYS["secret_key"],
        "PAYDESK_FIELD_KEYS": K1,
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    return said


def rotate(*keys: str) -> tuple[int, str]:
    told = CliRunner().invoke(main, ["rotate-field-keys"], env={"PAYDESK_FIELD_KEYS": ",".join(keys)})
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    return told.exit_code, told.output


@pytest.fixture
def many(app: Flask) -> list[str]:
    """More cards than one transaction seals: their references."""
    with transaction():
        made = {"name": "c", "adapter": "dolphin", "query_waits_s": "10", "resend_window_s": 0}
        channel = Channel(code="c", **made)
        db.session.add(channel)
        db.session.flush()
        account = ChannelAccount(
            number="C1", channel_id=channel.id, name="a", merchant_no="1", single_limit=Money.parse("1.00")
        )
        db.session.add(account)
        db.session.flush()
        rows = []
        for number in range(MANY):
            reference, plain = f"K{number}", str(6222021001116245777 + number)
            sealed = vault.seal(plain, table="card", column="number_sealed", row=reference)
            rows.append(
                {
                    "reference": reference, "account_id": account.id, "holder": "张三", "bank": "b", "phone": "",
                    "number_sealed": sealed, "number_index": cards.index_of(plain), "number_masked": mask(plain),
                    "state": "bound", "message": "", "channel_card": "", "form_key": "", "made_by": "test",
                    "made_at": clock.now(),
                }
            )  # fmt: skip
        db.session.execute(insert(Card), rows)
    return [row["reference"] for row in rows]


def numbers() -> list[str]:
    db.session.rollback()
    return [cards.number_of(card) for card in db.session.scalars(select(Card).order_by(Card.id))]


def under(key: str) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(Card.number_sealed.startswith(f"{key}:"))) or 0


def test_everything_still_reads_after_the_old_key_is_gone(world: World, config: Config, says: dict[str, str]) -> None:
    number = world.withdrawal("20.00", account=world.account("spruce"))
    world.approve(number)
    world.until_state(number, "paid")
    world.until(lambda: db.session.scalar(select(func.count()).select_from(CallbackInbox)), hurry_s=1)
    with transaction():
        person = world.maker.operator_id
        secret = vault.seal("TOTP", table="operator", column="totp_sealed", row=str(person))
        db.session.execute(update(Operator).where(Operator.id == person).values(totp_sealed=secret))
        bound = db.session.scalars(select(Card)).one()
        branch = json.dumps({"branch": "南山支行"})
        bound.details_sealed = vault.seal(branch, table="card", column="details_sealed", row=bound.reference)
        sheet = intake.receive(
            purpose="cards", account_id=bound.account_id, form_id=0, form_key="k" * 36, filename="a.csv", content=b"a,b",
            actor=world.maker,
        )  # fmt: skip
        db.session.add(LostSend(number="W1", account="C1", attempt=1, sent_at=clock.now(), sealed=""))
        db.session.flush()
        lost = vault.seal("{}", table="lost_send", column="sealed", row="W1")
        db.session.execute(update(LostSend).values(sealed=lost, cleared_at=clock.now()))
        exporting.ask(kind="withdrawals", format_=Format.CSV, question={"asked": {}}, actor=world.maker)
    account = next(iter(world.terms))
    place_of_theirs = channel_service.platforms.add(
        channel="spruce", login_name="ops", address="https://a.example", password="Sea-horse-88", accounts=[account],
        note="", actor=world.checker,
    )  # fmt: skip
    robot = {"name": "群", "kind": "feishu", "address": "https://a.example/hook/1", "secret": "quiet herons"}
    hook = alert_service.hooks.add(**robot, language="zh", least="severe", actor=world.checker)
    late = world.withdrawal("10.17", account=account)
    world.approve(late)
    world.until_state(late, "pending")
    slip = {"outcome": "paid", "reason": "渠道后台", "file_name": "a.pdf", "content": b"%PDF-1.7"}
    proposal = service.outcomes.propose(late, **slip, actor=world.checker)
    before = {sealed.place: rotation.left(sealed) for sealed in SEALED}
    assert set(before.values()) == {0}

    code, told = rotate(K2, K1)
    assert code == 0 and told.endswith("nothing is left under an older key\n")
    for place in before:
        assert f"{'.'.join(place)}: 1 sealed anew with k2\n" in told
    with house(config, K2):
        (card,) = db.session.scalars(select(Card))
        assert cards.number_of(card) == CARD
        assert cards.by_number(card.account_id, cards.index_of(CARD)) == card
        assert cards.details_of(card) == {"branch": "南山支行"}
        assert b"".join(uploads.file(uploads.upload(sheet))) == b"a,b"
        assert gateway.settings(card.account_id)["api_secret"]
        assert channels.active_setting_id(card.account_id)
        for inbox in db.session.scalars(select(CallbackInbox.id)).all():
            assert mailbox.read(inbox).number == number
        seen = channel_service.platforms.reveal(place_of_theirs, reason="核对", actor=world.maker)
        assert seen == "Sea-horse-88"
        now = hooks.hook(hook)
        assert (hooks.address_of(now), hooks.secret_of(now)) == ("https://a.example/hook/1", "quiet herons")
        operator = db.session.get_one(Operator, person)
        assert operator.totp_sealed is not None
        place = {"table": "operator", "column": "totp_sealed", "row": str(person)}
        assert vault.unseal(operator.totp_sealed, **place) == "TOTP"
        assert service.outcomes.evidence_file(late, proposal, actor=world.checker)[1] == b"%PDF-1.7"
        assert examine() == []
    db.session.rollback()
    rotated = select(AuditRecord).where(AuditRecord.action == "field-keys.rotate")
    last = db.session.scalars(rotated.order_by(AuditRecord.seq.desc())).first()
    assert last and (last.actor, last.action, last.subject) == ("command line", "field-keys.rotate", "k2")


def test_killed_in_the_middle_it_goes_on(
    many: list[str], config: Config, says: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    was = numbers()
    seal, done = vault.seal, 0

    def until_killed(plain: str, **place: str) -> str:
        nonlocal done
        done += 1
        if done > 250:
            raise KeyboardInterrupt
        return seal(plain, **place)

    with house(config, K2, K1):
        monkeypatch.setattr(vault, "seal", until_killed)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(CARDS)
        monkeypatch.setattr(vault, "seal", seal)
        assert (under("k2"), under("k1")) == (rotation.ROWS_AT_ONCE, MANY - rotation.ROWS_AT_ONCE)
        assert numbers() == was
    assert f"card.number_sealed: {MANY - rotation.ROWS_AT_ONCE} sealed anew with k2" in rotate(K2, K1)[1]
    assert "card.number_sealed: 0 sealed anew with k2" in rotate(K2, K1)[1]
    with house(config, K2):
        assert numbers() == was


def test_the_console_works_beside_it(
    app: Flask, many: list[str], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was not restarted yet seals with the old key meanwhile: nothing of it is lost, and nothing overlooked."""
    monkeypatch.setattr(rotation, "ROWS_AT_ONCE", 20)
    written = [str(6217001210024455220 + number) for number in range(40)]
    place = {"table": "card", "column": "number_sealed", "row": "K7"}

    def write() -> None:
        with app.app_context():
            for plain in written:
                with transaction():
                    sealed = vault.seal(plain, **place)
                    db.session.execute(update(Card).where(Card.reference == "K7").values(number_sealed=sealed))

    with ThreadPoolExecutor(1) as console, house(config, K2, K1):
        working = console.submit(write)
        told = rotation.rotate(CARDS)
        working.result()
        assert told.shut == []
        assert told.count + rotation.left(CARDS) in (MANY, MANY + 1)
        rotation.rotate(CARDS)
        assert rotation.left(CARDS) == 0
        found = numbers()
        assert found[7] == written[-1]
        assert found[8] == str(6222021001116245777 + 8)


def test_a_seal_that_does_not_belong_to_its_row_is_named_and_left(
    many: list[str], config: Config, says: dict[str, str]
) -> None:
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE card SET number_sealed = (SELECT number_sealed FROM card AS other WHERE other.reference = 'K1')"
                " WHERE reference = 'K0'"
            )
        )
    code, told = rotate(K2, K1)
    assert code == 1
    assert "  K0 cannot be opened with any key of ours and was left as it is\n" in told
    assert f"card.number_sealed: {MANY - 1} sealed anew with k2" in told
    assert "1 left under older keys" in told
    assert (under("k1"), under("k2")) == (1, MANY - 1)


def test_a_key_whose_name_begins_like_another_is_another_key(many: list[str], config: Config) -> None:
    with house(config, "k_:" + K2.partition(":")[2], K1):
        assert rotation.left(CARDS) == MANY
    with house(config, "k:" + K2.partition(":")[2], K1):
        assert rotation.left(CARDS) == MANY


def test_nothing_but_seals_depends_on_field_keys(app: Flask, config: Config) -> None:
    """Blind index, fingerprints, audit, approvals: keys of their own, from the secret, one for each purpose."""

    def proofs() -> list[str]:
        return [
            cards.index_of(CARD),
            vault.fingerprint("secret"),
            vault.mac(b"data", purpose="audit"),
            vault.mac(b"data", purpose="approvals"),
            vault.key_for("browser state").hex(),
        ]

    ours = proofs()
    assert len(set(ours)) == len(ours)
    with house(config, K2):
        assert proofs() == ours


def test_the_help_says_what_is_rotated_and_what_is_not() -> None:
    told = CliRunner().invoke(main, ["rotate-field-keys", "--help"]).output
    assert "blind indexes" in told and "Not rotated here" in told and "PAYDESK_SECRET_KEY" in told


def test_amounts_and_withdrawals_are_not_touched(world: World, config: Config, says: dict[str, str]) -> None:
    number = world.withdrawal("20.00")
    was = db.session.execute(select(Withdrawal.__table__).where(Withdrawal.number == number)).one()
    assert rotate(K2, K1)[0] == 0
    with house(config, K2, K1):
        assert db.session.execute(select(Withdrawal.__table__)).one() == was
