"""Tests about the house itself: what keeps its shape when nobody is looking."""

import importlib
import pkgutil
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import text

from app import WORK, cards, schedule, withdrawals
from app.cards.states import CARD
from app.cards.states import LABELS as CARD_LABELS
from app.channels import adapters, rules
from app.channels.contract import Interface
from app.ledger.chart import Kind
from app.runtime.db import Model, append_only_triggers, db
from app.runtime.queue import Line
from app.runtime.work import Together
from app.withdrawals.service import BOOK
from app.withdrawals.states import LABELS, VERBS, WITHDRAWAL, State
from migrations import env_rules

TOP = Path(__file__).resolve().parents[2]
assert cards and withdrawals


def resolves(kind: str) -> bool:
    module, _, name = kind.rpartition(".")
    found = getattr(importlib.import_module(module), name, None)
    return importlib.import_module(module) in WORK and (callable(found) or isinstance(found, Together))


def test_every_adapter_file_is_registered_and_has_its_suite() -> None:
    files = {name for _, name, _ in pkgutil.iter_modules(adapters.__path__) if not name.startswith("_")}
    assert files == {*adapters.ADAPTERS, "templated"}, "and those that are described, not programmed"
    for code, adapter in adapters.ADAPTERS.items():
        suite = (TOP / "tests" / "channels" / f"test_{code}.py").read_text()
        assert "ChannelContract" in suite and adapter.__name__ in suite


def test_every_state_has_a_label_and_every_verb_a_name() -> None:
    assert set(State) == WITHDRAWAL.states == set(LABELS)
    assert {"returned"} == WITHDRAWAL.final, "of all others a channel may still say something else"
    assert {move.verb for move in WITHDRAWAL.moves} <= set(VERBS)
    assert CARD.states == set(CARD_LABELS)
    assert {str(it) for it in Interface} == set(rules.INTERFACES)


def test_every_promised_job_and_every_tick_is_one_line_at_a_workers_door() -> None:
    kinds = {move.wakes for move in WITHDRAWAL.moves if move.wakes} | {entry.kind for entry in schedule.EVERY}
    for path in (TOP / "app").rglob("*.py"):
        kinds |= set(re.findall(r'"(app\.\w+\.jobs\.\w+)"', path.read_text()))
    kinds.discard("app.runtime.jobs.drain")
    assert kinds and [kind for kind in sorted(kinds) if not resolves(kind)] == []


def test_every_word_of_the_book_is_in_the_book() -> None:
    assert {move.book for move in WITHDRAWAL.moves if move.book} == set(BOOK)
    assert {"hold", "settle", "fee", "void", "return", "fee_return"} == {str(kind) for kind in Kind} - {"collect"}


def test_only_move_writes_a_state() -> None:
    pattern = re.compile(r"\.state = |values\([^)]*\bstate=|_change\([^)]*\bstate\b")
    lines = Counter(
        str(path.relative_to(TOP))
        for path in (TOP / "app").rglob("*.py")
        if "sandbox" not in path.parts
        for line in path.read_text().splitlines()
        if pattern.search(line)
    )
    assert lines == {
        "app/alerts/service/sending.py": 1,
        "app/cards/service/binding.py": 3,  # move_run; the answers to a row, and its being left to its card
        "app/cards/service/cards.py": 2,  # move; tell_run, for the row that waits for a card
        "app/cards/service/runs.py": 2,  # retry, of all refused rows and their cards
        "app/cards/service/templates.py": 1,  # activate retires the one before
        "app/channels/breaker.py": 2,  # hear and judge, of the pause that they hold
        "app/channels/service/drafting.py": 1,  # move
        "app/channels/service/templates.py": 1,  # likewise
        "app/collections/service/reversals.py": 1,
        "app/collections/service/top_ups.py": 1,
        "app/exports/exporting.py": 1,
        "app/uploads/intake.py": 1,
        "app/withdrawals/service/movement.py": 1,
        "app/withdrawals/service/rulebook.py": 1,  # activate retires the one before
        "app/withdrawals/service/sheets.py": 1,  # move_sheet
    }


def test_models_equal_migrations(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": env_rules.same_type})
        assert compare_metadata(context, Model.metadata) == []


def test_what_is_append_only_is_so_in_the_database(app: Flask) -> None:
    marked = {table.name for table in Model.metadata.sorted_tables if table.info.get("append_only")}
    assert marked == {"transfer", "audit_record", "withdrawal_event"}
    if db.engine.dialect.name == "sqlite":
        found = set(db.session.scalars(text("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")))
    else:
        found = set(db.session.scalars(text("SELECT event_object_table FROM information_schema.triggers")))
    assert found == marked
    assert all(append_only_triggers(table, "sqlite") for table in marked)


def test_every_queue_is_listened_to() -> None:
    assert "for line in Line" in (TOP / "app" / "runtime" / "up.py").read_text()
    assert list(Line) == ["channel", "sheets"]


@pytest.mark.parametrize("contract", ["Doors are opened by the house only", "Doors do not touch the tables"])
def test_the_contracts_name_every_door(contract: str) -> None:
    contracts = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (found,) = [it for it in contracts if it["name"] == contract]
    doors = {
        f"app.{path.parent.name}.{path.stem}"
        for name in ("views", "callbacks", "jobs", "api")
        for path in (TOP / "app").glob(f"*/{name}*")
        if path.parent.name not in ("runtime", "sandbox") and path.suffix in (".py", "")
    }
    assert set(found.get("protected_modules") or found["source_modules"]) == doors


def test_no_file_outgrows_the_head() -> None:
    long = {
        str(path.relative_to(TOP)): len(path.read_text().splitlines())
        for path in (TOP / "app").rglob("*.py")
        if len(path.read_text().splitlines()) > 400
    }
    assert long == {}


def test_house_rules_that_no_linter_knows() -> None:
    """No HTTP outside the module, no `==` on signatures, no float on amounts, no RQ retries (SECURITY 44)."""
    rules_ = {
        r"\bimport requests\b|\brequests\.(get|post)": {"app/runtime/http.py"},
        r"\bRetry\(": set(),
        r"\bfloat\(": set(),
        r"signature\s*==|==\s*signature": set(),
        r"verify=False|pickle|shell=True": set(),
    }
    for pattern, allowed in rules_.items():
        found = {
            str(path.relative_to(TOP))
            for path in (TOP / "app").rglob("*.py")
            if re.search(pattern, re.sub(r"\bas RedisRetry\b|RedisRetry\(", "", path.read_text()))
            and "sandbox" not in path.parts
        }
        assert found <= allowed, pattern
