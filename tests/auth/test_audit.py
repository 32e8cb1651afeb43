"""The chain: no gap, no fork, no silent change."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.auth import audit
from app.auth.models import AuditHead, AuditRecord
from app.runtime.db import db, transaction
from tests.auth.conftest import Browser
from tests.auth.test_sign_in import together


def write(*subjects: str) -> None:
    with transaction():
        for subject in subjects:
            audit.record("tests", "thing.touch", subject, before={"钱": 1}, after={"钱": 2}, why="因为“所以”")


def tamper(statement: str) -> None:
    """As somebody with the database in their hands would."""
    with db.engine.begin() as connection:
        if db.engine.dialect.name == "sqlite":
            for deed in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_record_no_{deed}")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_record DISABLE TRIGGER USER")
        connection.execute(text(statement))


def test_an_untouched_chain_verifies(app: Flask) -> None:
    assert audit.verify() == []
    write("W1", "W2")
    write("W3")
    assert audit.verify() == []
    rows = db.session.scalars(select(AuditRecord).order_by(AuditRecord.seq)).all()
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.prev_hash for row in rows] == ["", rows[0].hash, rows[1].hash]
    assert audit.head() == (3, rows[2].hash)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_record SET actor = 'somebody' WHERE seq = 2", "audit record 2 was changed"),
        ("UPDATE audit_record SET why = '' WHERE seq = 2", "audit record 2 was changed"),
        ("UPDATE audit_record SET after = '{}' WHERE seq = 3", "audit record 3 was changed"),
        ("UPDATE audit_record SET before = NULL WHERE seq = 1", "audit record 1 was changed"),
        ("UPDATE audit_record SET address = '192.0.2.1' WHERE seq = 4", "audit record 4 was changed"),
        ("UPDATE audit_record SET session_id = 7 WHERE seq = 4", "audit record 4 was changed"),
        ("DELETE FROM audit_record WHERE seq = 2", "audit record 2 is missing"),
        ("DELETE FROM audit_record WHERE seq = 4", "audit record 4 is missing"),
        ("DELETE FROM audit_record", "audit record 1 is missing"),
        ("UPDATE audit_record SET seq = 9 WHERE seq = 4", "audit record 4 is missing"),
        ("DELETE FROM audit_head", "audit record 5 is missing"),
    ],
)
def test_tampering_is_found_at_its_row(app: Flask, statement: str, told: str) -> None:
    write("W1", "W2", "W3", "W4")
    tamper(statement)
    db.session.rollback()
    problems = audit.verify()
    assert len(problems) == 1
    assert problems[0].startswith(told)


def test_a_chain_cut_off_together_with_its_head_is_found_by_an_exported_head(app: Flask) -> None:
    write("W1", "W2")
    known = audit.head()
    write("W3", "W4")
    exported = audit.head()
    assert audit.verify(known) == audit.verify(exported) == []
    tamper("DELETE FROM audit_record WHERE seq > 2")
    db.session.rollback()
    with transaction():
        head = db.session.get_one(AuditHead, 1)
        head.seq, head.hash = known
    assert audit.verify() == []
    assert audit.verify(exported) == ["audit record 3 is missing: number 4 was exported"]
    assert audit.verify((2, "0" * 64)) == ["audit record 2 is not the one whose hash was exported"]


@pytest.mark.parametrize("statement", ["UPDATE audit_record SET why = ''", "DELETE FROM audit_record"])
def test_the_database_refuses_to_rewrite(app: Flask, statement: str) -> None:
    write("W1")
    with pytest.raises(DBAPIError, match="append-only"), transaction():
        db.session.execute(text(statement))


def test_eight_writers_leave_no_gap(app: Flask) -> None:
    def many() -> None:
        with app.app_context():
            for number in range(10):
                write(f"W{number}", f"V{number}")

    together(many, times=8)
    db.session.rollback()
    seqs = list(db.session.scalars(select(AuditRecord.seq).order_by(AuditRecord.seq)))
    assert seqs == list(range(1, 161))
    assert audit.verify() == []


def test_what_is_rolled_back_leaves_no_record_and_no_gap(app: Flask) -> None:
    write("W1")

    def fail() -> None:
        with transaction():
            audit.record("tests", "thing.touch", "W2")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    write("W3")
    assert list(db.session.scalars(select(AuditRecord.subject).order_by(AuditRecord.seq))) == ["W1", "W3"]
    assert audit.verify() == []


def test_a_record_needs_a_transaction(app: Flask) -> None:
    with pytest.raises(AssertionError):
        audit.record("tests", "thing.touch", "W1")


def test_a_record_says_from_where_and_in_which_session(
    people: dict[str, int], new_browser: Callable[[], Browser]
) -> None:
    here = new_browser()
    here.sign_in("operator")
    here.post("/logout", data={"csrf_token": here.csrf("/t/page")})
    made, out = db.session.scalars(select(AuditRecord).where(AuditRecord.action.like("session.%"))).all()
    assert (made.action, made.actor, made.subject, made.address) == (
        "session.sign_in",
        "operator",
        "operator",
        "127.0.0.1",
    )
    assert (out.action, out.session_id, out.address) == ("session.sign_out", made.session_id, "127.0.0.1")
    assert made.session_id is not None
    created = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "operator.create")).first()
    assert created
    assert (created.actor, created.address, created.session_id) == ("tests", "", None)
