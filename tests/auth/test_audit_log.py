"""The audit log as an administrator reads it: found, in words, proved, taken along."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import event, insert, select
from werkzeug.test import TestResponse

from app import cli
from app.auth import audit, service
from app.auth.audit import chain, changes, reading, words
from app.auth.models import AuditHead, AuditRecord
from app.auth.service import roles, trail
from app.kernel import clock
from app.kernel.errors import Malformed, NotThere
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from tests.auth.conftest import PASSWORD, Browser, Time
from tests.auth.test_audit import tamper, write

SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone


@pytest.fixture
def keeper(people: dict[str, int], new_browser: Callable[[], Browser]) -> Browser:
    here = new_browser()
    assert here.sign_in("administrator").status_code == 303
    return here


def text_of(answer: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def numbers(answer: TestResponse) -> list[int]:
    return [int(seq) for seq in re.findall(r'<tr id="a-(\d+)"', answer.text)]


def records(*lines: tuple[str, str, str]) -> None:
    """As (who, action, subject), each in a transaction of its own."""
    for actor, action, subject in lines:
        with transaction():
            audit.record(actor, action, subject)


def found(**asked: str) -> list[str]:
    return [row.subject for row in reading.page(asked).rows]


# -- finding ------------------------------------------------------------------------------------------------------------


def test_the_newest_comes_first_and_every_filter_narrows(app: Flask) -> None:
    records(("lina", "session.sign_in", "a"), ("worker", "card.bind", "b"), ("lina", "claim.take", "c"))
    with transaction():
        audit.came_from("203.0.113.7")
        audit.record("zhang", "claim.release", "d")
        audit.came_from()
    assert found() == ["d", "c", "b", "a"]
    assert found(who="lina") == ["c", "a"]
    assert found(what="claim") == ["d", "c"]
    assert found(what="claim.take") == ["c"]
    assert found(what="claim.tak") == found(who="lin") == found(subject="")[:0]
    assert found(subject="b") == ["b"]
    assert found(address="203.0.113.7") == ["d"]
    assert found(who="lina", what="claim", subject="c") == ["c"]


def test_who_is_found_by_username_by_name_and_by_what_the_page_calls_the_machine(app: Flask, people: object) -> None:
    records(("operator", "claim.take", "x"), ("worker", "card.bind", "y"))
    with app.test_request_context():
        assert found(who="operator") == found(who="Operator") == found(who="operator 甲") == ["x"]
        assert found(who="系统") == ["y"]


def test_days_are_the_business_days_both_included(app: Flask, time: Time) -> None:
    for moment in ("2026-11-20T15:59:59", "2026-11-20T16:00:00", "2026-11-21T15:59:59", "2026-11-21T16:00:00"):
        time.now = datetime.fromisoformat(f"{moment}+00:00")
        records(("lina", "claim.take", moment[8:]))
    assert found(**{"from": "20261121", "to": "2026-11-21"}) == ["21T15:59:59", "20T16:00:00"]
    assert found(**{"from": "20261122"}) == ["21T16:00:00"]
    assert found(to="20261120") == ["20T15:59:59"]
    assert found(to="20200101") == found(**{"from": "20300101"}) == []


def test_a_clock_that_was_set_back_hides_nothing(app: Flask, time: Time) -> None:
    """RELIABILITY I-15: the clock steps by two hours, in both directions, around midnight."""
    start = datetime.fromisoformat("2026-11-21T15:00:00+00:00")
    for step in range(60):
        time.now = start + timedelta(minutes=step * 2) + timedelta(hours=(0, 2, -2)[step % 3])
        records(("lina", "claim.take", f"{step}"))
    rows = db.session.execute(select(AuditRecord.subject, AuditRecord.at).order_by(AuditRecord.seq.desc())).all()
    for day in ("20261121", "20261122"):
        here = [subject for subject, at in rows if f"{clock.business_day(at):%Y%m%d}" == day]
        asked = {"from": day, "to": day, "size": "100"}
        assert here and [row.subject for row in reading.page(asked).rows] == here


@pytest.mark.parametrize("text", ["never", "202611", "20261332", "00010101", "99991231", "2026-11-21 10:00"])
def test_what_is_no_date_is_told(keeper: Browser, text: str) -> None:
    with pytest.raises(Malformed):
        reading.page({"from": text})
    answer = keeper.get(f"/audit/?to={text}")
    assert answer.status_code == 200 and "不是日期" in answer.text and not numbers(answer)


@pytest.mark.parametrize("name", reading.FILTERS)
def test_a_nul_is_told_and_no_crash(keeper: Browser, name: str) -> None:
    assert "不能识别的字符" in keeper.get(f"/audit/?{name}=a%00b").text


def test_pages_turn_both_ways_and_keep_the_filters(keeper: Browser) -> None:
    records(*[("lina", "claim.take", f"C{number}") for number in range(45)])
    first = keeper.get("/audit/?who=lina&size=20")
    assert "共 45 条" in first.text
    next_url = unescape(re.findall(r'rel="next" href="([^"]+)"', first.text)[0])
    second = keeper.get(f"/audit/{next_url}")
    assert "who=lina" in next_url and max(numbers(second)) < min(numbers(first))
    back = keeper.get("/audit/" + unescape(re.findall(r'rel="prev" href="([^"]+)"', second.text)[0]))
    assert numbers(back) == numbers(first)


LONG = 5000


@pytest.fixture
def long_log(app: Flask) -> None:
    """Many records, one a minute, written at once."""
    start, prev, lines = datetime.fromisoformat("2026-01-01T00:00:00+00:00"), "", []
    for seq in range(1, LONG + 1):
        line = {
            **{"seq": seq, "at": start + timedelta(minutes=seq), "actor": f"p{seq % 7}", "action": "claim.take"},
            **{"subject": f"C{seq}", "before": None, "after": None, "why": "", "address": "", "session_id": None},
            "prev_hash": prev,
        }
        line["hash"] = prev = chain._hash(line)
        lines.append(line)
    with transaction():
        db.session.execute(insert(AuditRecord), lines)
        db.session.add(AuditHead(id=1, seq=LONG, hash=prev))


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def test_a_day_in_the_middle_is_found_by_a_few_looks_and_not_by_reading_everything(
    long_log: None, statements: list[str]
) -> None:
    page = reading.page({"from": "20260102", "to": "20260102"})
    assert page.total == 24 * 60
    assert len(statements) < 35, "a binary search for each end, the page and its count"
    conditions = " ".join(str(it) for it in reading._conditions({"from": "20260102", "to": "20260102"}))
    assert "audit_record.seq >=" in conditions and "audit_record.seq <" in conditions


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"who": "p3"}, "actor_seq"),
        ({"what": "claim.take"}, "action_seq"),
        ({"subject": "C77"}, "subject_seq"),
        ({}, "pk_audit_record|sqlite_autoindex_audit_record_1"),
        ({"from": "20260102", "to": "20260102"}, "pk_audit_record|sqlite_autoindex_audit_record_1"),
    ],
)
def test_every_page_comes_through_an_index(long_log: None, asked: dict[str, str], index: str) -> None:
    sqlite = db.engine.dialect.name == "sqlite"
    statement = select(AuditRecord.seq, AuditRecord.why).where(*reading._conditions(asked))
    text = str(
        statement.order_by(AuditRecord.seq.desc()).limit(51).compile(db.engine, compile_kwargs={"literal_binds": True})
    )
    connection = db.session.connection()
    if not sqlite:
        connection.exec_driver_sql("ANALYZE audit_record")
    plan = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + text.replace("%", "%%"))
    told = " ".join(str(line[-1]) for line in plan)
    walked = "pk_audit_record|sqlite_autoindex_audit_record_1"  # newest first, and stop after a page: as good
    assert re.search(f"{index}|{walked}", told), told
    assert "Seq Scan" not in told


# -- in words -----------------------------------------------------------------------------------------------------------


def test_an_empty_log_says_so(app: Flask) -> None:
    assert reading.page({}).rows == [] and audit.head() == (0, "")
    assert audit.walk() == chain.Walk(0, "")


def test_a_row_says_who_what_before_and_after_why_and_from_where(keeper: Browser) -> None:
    with transaction():
        audit.came_from("198.51.100.4", 7)
        before, after = (
            {"role": "operator", "display_name": "甲", "note": "x"},
            {"role": "finance", "display_name": "甲"},
        )
        audit.record("operator", "operator.change", "finance", before=before, after=after, why="岗位“调整”")
        audit.came_from()
    answer = keeper.get("/audit/?what=operator.change")
    told = text_of(answer)
    assert "operator 甲 operator 修改用户 finance 甲 finance" in told
    assert "角色 操作员 改为" in told or "<del>" in answer.text
    assert re.findall(r"<del>(.*?)</del>", answer.text) and "甲</del>" not in answer.text
    assert "岗位“调整”" in told and "198.51.100.4" in told
    assert 'href="/operators/finance"' in answer.text


def test_permissions_roles_and_minutes_are_said(app: Flask) -> None:
    def said(before: str | None, after: str | None) -> list[tuple[str, object, object]]:
        return [(str(it.label), it.old, it.new) for it in changes.changes(before, after, {"finance": "财务"})]

    assert said('{"taken": ["card:read"]}', '{"given": []}') == [("收回", ("看银行卡",), None)]
    assert said(None, '{"role": "finance"}') == [("角色", None, ("财务",))]
    assert said('{"time_out_s": 900}', '{"time_out_s": 300}') == [("自动退出时间", ("15 分钟",), ("5 分钟",))]
    assert said('{"channels": ["a", "b"]}', '{"channels": []}') == [("限定渠道", ("a", "b"), ("不限",))]
    assert said('{"visible": true}', '{"visible": false}') == [("显示", ("是",), ("否",))]
    assert said(None, '{"rows": 0}') == [("行数", None, ("0",))]
    assert said('{"a": 1}', '{"a": 1}') == said(None, None) == said(None, '{"displaced": []}') == []
    assert said(None, '{"filters": {"what": "claim.take"}}')[0][2] == ("做了什么：领取账号",)


def test_a_person_called_like_a_machine_is_a_person(app: Flask) -> None:
    assert words.who("worker", None, {"worker": "王克"}) == "系统"
    assert words.who("worker", 7, {"worker": "王克"}) == "王克"
    assert words.who("somebody", None, {}) == "somebody"


def test_what_the_reader_may_not_open_is_no_link(keeper: Browser) -> None:
    records(("lina", "withdrawal.create", "W1"), ("lina", "claim.take", "C1"), ("demo", "channel.open", "egret"))
    answer = keeper.get("/audit/")
    assert "W1" in answer.text and 'href="/withdrawals/W1"' not in answer.text, "an administrator sees no withdrawals"
    assert 'href="/channels/C1"' in answer.text and 'href="/channels/egret"' not in answer.text


def test_a_typed_name_that_nobody_has_stays_a_fingerprint(keeper: Browser, new_browser: Callable[[], Browser]) -> None:
    new_browser().sign_in("my-secret-password")
    answer = keeper.get("/audit/?what=session.refuse")
    assert "未知用户名" in answer.text and "my-secret-password" not in answer.text


def test_one_record_shows_everything_and_its_neighbours(keeper: Browser) -> None:
    write("W1", "W2")
    seq = audit.head()[0] - 1
    answer = keeper.get(f"/audit/{seq}")
    record = reading.one(seq)
    assert record.hash in answer.text and record.prev_hash in answer.text
    assert f'href="/audit/{seq - 1}"' in answer.text and f'href="/audit/{seq + 1}"' in answer.text
    assert "相符" in answer.text and "因为“所以”" in answer.text and "thing.touch" in answer.text
    assert 'rel="prev"' not in keeper.get("/audit/1").text
    assert 'rel="next"' not in keeper.get(f"/audit/{audit.head()[0]}").text


def test_a_record_that_is_not_there(keeper: Browser) -> None:
    assert [keeper.get(f"/audit/{seq}").status_code for seq in (0, 99999, 2**63, 10**40)] == [404] * 4
    with pytest.raises(NotThere):
        reading.one(2**63)


def test_markup_in_what_people_wrote_stays_text(keeper: Browser) -> None:
    with transaction():
        audit.record("<i>x</i>", "<b>.b", "<u>s</u>", after={"<s>": "<script>"}, why="<img src=x>")
    for path in ("/audit/", f"/audit/{audit.head()[0]}"):
        text = keeper.get(path).text
        assert not re.search(r"<i>x|<b>\.b|<u>s|<s>|<script>|<img", text)


# -- proving ------------------------------------------------------------------------------------------------------------


def press(here: Browser, path: str, **form: str) -> TestResponse:
    """A sheet is read to its end while the request lasts."""
    answer = here.post(path, data={"csrf_token": here.csrf("/audit/"), **form}, buffered=True)
    db.session.rollback()
    return answer


def test_the_chain_is_proved_at_the_press_of_a_button(keeper: Browser) -> None:
    before = audit.head()[0]
    assert "还没有核验过" in keeper.get("/audit/").text
    assert press(keeper, "/audit/verify").status_code == 303
    page = keeper.get("/audit/")
    assert f"核验完成：{before} 条记录都完好" in page.text and "完好" in page.text
    seq, mac = audit.head()
    assert f'data-copy="{seq}:{mac}"' in page.text
    record = reading.last("audit.verify")
    assert record and (record.actor, record.subject, record.address) == ("administrator", "audit", "127.0.0.1")


def test_a_chain_that_was_tampered_with_is_told_at_its_place(keeper: Browser) -> None:
    write("W1", "W2", "W3")
    bad = audit.head()[0] - 1
    tamper(f"UPDATE audit_record SET why = 'nothing' WHERE seq = {bad}")
    db.session.rollback()
    press(keeper, "/audit/verify")
    assert keeper.get("/audit/").text.count(f"第 {bad} 号记录被改动过") >= 2, "in the flash, in the panel, in the list"
    told = keeper.get(f"/audit/{bad}").text
    assert "不能作为证据" in told and "不符" in told
    assert "相符" in keeper.get(f"/audit/{bad - 1}").text
    tamper(f"DELETE FROM audit_record WHERE seq = {bad}")
    db.session.rollback()
    assert "没有接着上一条" in keeper.get(f"/audit/{bad + 1}").text
    press(keeper, "/audit/verify")
    assert f"第 {bad} 号记录缺失" in keeper.get("/audit/").text


def test_a_long_chain_is_proved_by_a_worker(keeper: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "AT_ONCE", 1)
    press(keeper, "/audit/verify")
    waiting = keeper.get("/audit/").text
    assert "正在后台核验" in waiting and 'hx-trigger="audit from:body' in waiting
    jobs.drain(Line.CHANNEL)
    db.session.rollback()
    done = keeper.get("/audit/").text
    assert "起正在后台核验" not in done and "完好" in done and 'hx-trigger="audit from:body' not in done
    record = reading.last("audit.verify")
    assert record and record.actor == "worker"
    monkeypatch.setattr(trail, "TOO_MANY", 1)
    assert press(keeper, "/audit/verify").status_code == 409


def test_a_chain_that_grows_while_it_is_walked_is_whole(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL shows what others append meanwhile: that is no flaw."""
    write(*[f"W{number}" for number in range(6)])
    real, more = chain._rows_after, iter(range(5))

    def busy(seq: int, limit: int = 2) -> object:
        rows = real(seq, 2)
        if next(more, None) is not None:
            db.session.rollback()
            write("later")
        return rows

    monkeypatch.setattr(chain, "_rows_after", busy)
    walked = audit.walk()
    assert walked.flaw is None and (walked.seq, walked.hash) == audit.head()


def test_the_head_is_exported_and_proved_on_the_command_line(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "load", lambda: app.extensions["paydesk.config"])
    monkeypatch.setattr(cli, "create_app", lambda _config: app)

    def run(*arguments: str) -> tuple[int, str]:
        answer = CliRunner().invoke(cli.main, list(arguments))
        db.session.rollback()
        return answer.exit_code, answer.output.strip()

    assert run("audit-head")[0] == 1
    write("W1", "W2")
    code, head = run("audit-head")
    assert (code, head) == (0, "{}:{}".format(*audit.head()))
    write("W3")
    assert run("verify-audit", "--head", head) == (0, "the audit chain is whole")
    assert run("verify-audit", "--head", "9:" + "0" * 64)[0] == 1
    assert [run("verify-audit", "--head", bad)[0] for bad in ("2", "x:1", "²:" + "0" * 64, "2:short")] == [2] * 4
    tamper("UPDATE audit_record SET actor = 'x' WHERE seq = 1")
    assert run("verify-audit") == (1, "audit record 1 was changed (x thing.touch W1)\n1 problems")


# -- taking along -------------------------------------------------------------------------------------------------------


def sheet_of(answer: TestResponse) -> list[list[str]]:
    assert answer.status_code == 200 and answer.mimetype == "text/csv"
    text = answer.data.decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def test_what_the_filters_find_is_taken_along_and_that_is_recorded(keeper: Browser) -> None:
    records(("lina", "claim.take", "C1"), ("lina", "claim.release", "=C2"), ("zhang", "claim.take", "C3"))
    answer = press(keeper, "/audit/export", who="lina")
    head, *rows = sheet_of(answer)
    assert head[:6] == ["编号", "时间", "用户名", "姓名", "做了什么", "动作"]
    assert [(row[2], row[4], row[5], row[6]) for row in rows] == [
        ("lina", "释放账号", "claim.release", "'=C2"),
        ("lina", "领取账号", "claim.take", "C1"),
    ]
    assert rows[0][1] == f"{reading.one(int(rows[0][0])).at.astimezone(clock.BUSINESS_ZONE):%Y-%m-%d %H:%M:%S}"
    assert re.fullmatch(r"attachment; filename=audit-\d{8}-\d{6}\.csv", answer.headers["Content-Disposition"])
    record = reading.last("audit.export")
    assert record and (record.actor, record.after) == ("administrator", '{"filters": {"who": "lina"}, "rows": 2}')
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_card_number_in_a_filter_is_not_written_down(keeper: Browser) -> None:
    sheet_of(press(keeper, "/audit/export", subject="6222021001116245777"))
    record = reading.last("audit.export")
    assert record and "6222021001116245777" not in str(record.after)


def test_an_export_is_in_the_readers_language(keeper: Browser) -> None:
    keeper.post("/language", data={"csrf_token": keeper.csrf("/audit/"), "language": "en"})
    head, *rows = sheet_of(press(keeper, "/audit/export", what="session.sign_in"))
    assert not re.search(r"[\u4e00-\u9fff]", "".join([*head, rows[0][4]])) and rows[0][5] == "session.sign_in"


def test_an_export_of_thousands_is_read_in_pages_with_no_connection_held(long_log: None, people: object) -> None:
    actor = service.sign_in("administrator", PASSWORD, address="", user_agent="")[1]
    pages = trail.export({}, actor=actor)
    seen = 0
    for rows, _names in pages:
        seen += len(rows)
        assert len(rows) <= 1000 and db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert seen == audit.head()[0] - 1, "everything before its own record"


def test_too_much_for_one_sheet_is_refused_before_anything_is_written(
    keeper: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "EXPORT_LIMIT", 2)
    answer = press(keeper, "/audit/export")
    assert answer.status_code == 409 and "10 万条" in answer.text
    assert reading.last("audit.export") is None


def test_one_person_exports_so_often_and_no_more(keeper: Browser) -> None:
    for _ in range(trail.EXPORTS.times):
        assert press(keeper, "/audit/export", who="nobody at all").status_code == 200
    told = press(keeper, "/audit/export", who="nobody at all")
    assert told.status_code == 409 and "次数太多" in told.text


def test_an_export_asks_who_you_are(keeper: Browser, time: Time) -> None:
    time.now = clock._system() + timedelta(minutes=6)
    asked = press(keeper, "/audit/export", who="lina")
    assert asked.status_code == 403 and 'name="proof_secret"' in asked.text and 'value="lina"' in asked.text
    assert reading.last("audit.export") is None
    token = re.search(r'name="csrf_token" value="([^"]+)"', asked.text)
    assert token
    form = {"csrf_token": token[1], "who": "lina", "proof_secret": PASSWORD}
    assert len(sheet_of(keeper.post("/audit/export", data=form, buffered=True))) == 1


def test_reading_is_not_exporting(keeper: Browser, new_browser: Callable[[], Browser], people: object) -> None:
    actor = service.sign_in("administrator", PASSWORD, address="", user_agent="")[1]
    roles.create(code="auditor", title_zh="审计", title_en="Auditor", note="", actor=actor)
    kept = {"title_zh": "审计", "title_en": "Auditor", "note": "", "channels": ()}
    roles.change("auditor", **kept, permissions=["audit:read"], actor=actor)
    service.create_operator(username="shenji", display_name="审", role="auditor", password=PASSWORD, actor="tests")
    here = new_browser()
    here.sign_in("shenji")
    page = here.get("/audit/")
    assert page.status_code == 200 and "/audit/export" not in page.text and "/audit/verify" in page.text
    assert press(here, "/audit/export").status_code == 403
    assert press(here, "/audit/verify").status_code == 303


@pytest.mark.parametrize(("form", "status"), [({"stranger": "1"}, 400), ({"from": "never"}, 422)])
def test_a_form_that_is_not_ours_exports_nothing(keeper: Browser, form: dict[str, str], status: int) -> None:
    assert press(keeper, "/audit/export", **form).status_code == status
    assert reading.last("audit.export") is None
