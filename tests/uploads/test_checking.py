"""A sheet on its way from the file to what is known of its rows: through the commands that pages use, with workers at work."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, func, select
from stdnum import luhn
from xlsxwriter import Workbook

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards import service
from app.cards.queries import runs
from app.channels import service as channel_service
from app.config import config
from app.kernel.cells import Column, Kind
from app.kernel.errors import NotThere, Refused, Text
from app.runtime import vault
from app.runtime.db import db
from app.uploads import checking, rules
from app.uploads import queries as uploads
from app.uploads.models import Upload, UploadBlock, UploadPart
from tests.world import CARD, World

SOAK_ON_POSTGRES = ("",)  # CI proves these on SQLite, and the runs made of them on both
HEAD = ["银行卡号", "开户人", "开户行", "银行预留手机号"]
ICBC = "中国工商银行"


def number(n: int) -> str:
    """The n-th card of a bank that the lists know."""
    body = f"622202100111{n:06}"
    return body + luhn.calc_check_digit(body)


def good(n: int) -> list[object]:
    return [number(n), "王小明", ICBC, "13800138000"]


def xlsx(*rows: Sequence[object]) -> bytes:
    into = io.BytesIO()
    book = Workbook(into, {"strings_to_numbers": False})
    page = book.add_worksheet("绑卡")
    for at, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if value is not None:
                page.write(at, column, value)
    book.close()
    return into.getvalue()


def in_csv(*rows: Sequence[object]) -> bytes:
    into = io.StringIO()
    csv.writer(into).writerows(rows)
    return into.getvalue().encode("utf-8-sig")


class Desk:
    """Somebody at work on an account that they hold."""

    def __init__(self, world: World) -> None:
        self.world, self.actor = world, world.maker
        self.account = world.account()
        self.fence = world.claimed(self.account)

    def sends(self, content: bytes, *, form_key: str = "", filename: str = "名单.xlsx") -> str:
        return service.uploads.receive(
            account=self.account,
            filename=filename,
            content=content,
            fence=self.fence,
            form_key=form_key or str(uuid4()),
            actor=self.actor,
        )

    def looked_at(self, reference: str) -> Upload:
        """The upload, once a worker has read it."""
        self.world.until(lambda: uploads.upload(reference).state != "checking")
        return uploads.upload(reference)

    def check(self, content: bytes) -> Upload:
        return self.looked_at(self.sends(content))

    def check_rows(self, *rows: Sequence[object]) -> Upload:
        return self.check(xlsx(HEAD, *rows))

    def does(self, command: Callable[..., object], upload: Upload, *what: object) -> Upload:
        command(upload.reference, *what, fence=self.fence, actor=self.actor)
        return self.now(upload.reference)

    def now(self, reference: str) -> Upload:
        db.session.rollback()
        return uploads.upload(reference)

    def confirms(self, upload: Upload) -> str:
        return service.runs.confirm(upload.reference, seen=count(upload), fence=self.fence, actor=self.actor)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def count(upload: Upload) -> int:
    """Rows that can be taken; the groups say the same as the rows themselves."""
    decisions = uploads.decisions(upload)
    told = uploads.tally(upload).good(decisions)
    assert told == sum(row.is_good(decisions) for block in uploads.blocks(upload) for row in block)
    return told


def faults(upload: Upload) -> dict[int, list[str]]:
    return {
        row.row: [str(fault.text) for fault in row.verdict.faults]
        for block in uploads.blocks(upload)
        for row in block
        if row.verdict.faults
    }


def sealed_pieces(upload_id: int) -> int:
    db.session.rollback()
    return sum(
        db.session.scalar(select(func.count()).select_from(table).where(table.upload_id == upload_id)) or 0
        for table in (UploadBlock, UploadPart)
    )


# -- what is found in it ------------------------------------------------------------------------------------------------


def test_every_row_is_counted_once_as_good_as_repairable_or_as_faulty(desk: Desk) -> None:
    upload = desk.check_rows(
        good(1),
        [number(2), " 李雷", ICBC, None],
        [f"{number(3)}\t", "韩梅梅", ICBC, None],
        [f"{number(4)}\t", " 张伟", "工行", None],
        [number(5), "赵六", "工行", None],
        [number(6), "钱七", "招商银行", None],
        [number(7)[:-1] + "x", "孙八", ICBC, None],
        [6222021001116245702, "周九", ICBC, None],
        [],
        [number(1), "王小明", ICBC, None],
    )
    assert upload.state == "checked" and upload.rows_read == 9
    tally = uploads.tally(upload)
    assert (tally.rows, tally.faulty, tally.warned) == (9, 3, 1)
    assert count(upload) == 3 and tally.repairable(rules.Decisions()) == 3
    found = faults(upload)
    assert found.keys() == {8, 9, 11}, "rows by the numbers that the file has"
    assert "Excel" in found[9][0] and found[11] == ["与第 2 行重复"]
    assert {name: (it.count, it.needed) for name, it in tally.patterns.items()} == {
        "holder:space": (2, True),
        "number:space": (2, True),
        "bank:bank_name": (2, False),
    }
    assert [str(it.text) for it in tally.warnings] == ["卡号像是中国工商银行的，这里写的是招商银行"]
    flaws = {flaw.row: (flaw.status, flaw.group) for flaw in uploads.flaws(upload)}
    assert flaws == {
        3: ("r", "holder:space"),
        4: ("r", "number:space"),
        5: ("r", "holder:space|number:space"),
        7: ("w", ""),
        8: ("f", ""),
        9: ("f", ""),
        11: ("f", ""),
    }
    assert [row.row for row in uploads.rows(upload, [11, 2, 10, 5])] == [2, 5, 11]


def test_repairs_are_made_only_where_somebody_said_yes(desk: Desk) -> None:
    upload = desk.check_rows(
        good(1), [f"{number(2)}\t", " 李雷", "工行"], [f"{number(3)}\t", "韩梅梅", ICBC], ["坏", "坏1", ICBC]
    )
    columns, mapping = cards.BUILT_IN.columns, uploads.mapping(upload)

    def texts(row: int) -> dict[str, str]:
        (one,) = uploads.rows(upload, [row])
        return one.texts(columns, mapping, uploads.decisions(upload))

    assert count(upload) == 1
    upload = desk.does(service.uploads.accept, upload, ["number:space"])
    assert count(upload) == 2 and texts(4)["number"] == number(3) and texts(3)["bank"] == "工行"
    upload = desk.does(service.uploads.accept_row, upload, 3)
    assert count(upload) == 3 and texts(3) == {
        "number": number(2), "holder": "李雷", "bank": ICBC, "phone": "",
    }  # fmt: skip
    upload = desk.does(service.uploads.accept, upload, ["holder:space", "bank:bank_name"])
    assert count(upload) == 3
    upload = desk.does(service.uploads.withdraw, upload, ["number:space", "holder:space", "bank:bank_name"])
    assert count(upload) == 2, "the row that was accepted on its own stays so"
    upload = desk.does(service.uploads.withdraw_row, upload, 3)
    assert count(upload) == 1
    for row in (2, 5, 99):
        with pytest.raises(Refused, match=f"第 {row} 行没有"):
            desk.does(service.uploads.accept_row, upload, row)
    with pytest.raises(Refused, match="没有这样的"):
        desk.does(service.uploads.accept, upload, ["number:space", "number:case"])
    assert count(desk.now(upload.reference)) == 1


def test_a_card_that_is_bound_or_on_its_way_elsewhere_is_refused_in_its_row(desk: Desk) -> None:
    desk.world.card(desk.account)
    first = desk.check_rows([CARD, "张三", ICBC], good(1), good(2), [number(3), "李雷3", ICBC])
    assert faults(first) == {2: ["已绑定在该渠道账号上"], 5: ["不像户名：对私户名不含数字与符号，至少两个字"]}
    run = desk.confirms(first)
    service.runs.pause(run, fence=desk.fence, actor=desk.actor)
    second = desk.check_rows(good(9), [f" {number(1)}", "王小明", ICBC], [number(3), "李雷", ICBC])
    assert faults(second) == {3: [f"在另一批未完成的绑卡里（{run}）"]}, "row 5 was never handed on: it may come again"
    other = Desk.__new__(Desk)
    other.__dict__ |= desk.__dict__ | {"account": desk.world.account()}
    other.fence = desk.world.claimed(other.account)
    assert faults(other.check_rows([CARD, "张三", ICBC], good(1))) == {}, "at another account it is another matter"
    service.runs.stop(run, fence=desk.fence, actor=desk.actor)
    assert faults(desk.check_rows(good(1))) == {}


def test_the_same_file_again_is_told_until_it_was_thrown_away(desk: Desk) -> None:
    content = xlsx(HEAD, good(1))
    first, second = desk.check(content), desk.check(content)
    told = uploads.same_file(second)
    assert told is not None and (told.reference, told.state) == (first.reference, "checked")
    assert uploads.same_file(first) is None and uploads.same_file(desk.check(xlsx(HEAD, good(2)))) is None
    desk.does(service.uploads.discard, first)
    assert uploads.same_file(desk.now(second.reference)) is None


def test_people_say_which_column_is_which_and_everything_is_looked_at_anew(desk: Desk) -> None:
    content = xlsx(
        ["账户", "谁", "开户行", "开户行"], [number(1), "王小明", "x", ICBC], [number(2), "李雷", "x", "工行 "]
    )
    upload = desk.check(content)
    assert upload.state == "unsure" and sealed_pieces(upload.id) == 1, "only the file: no row was kept"
    meta = uploads.meta(upload)
    assert (meta["missing"], meta["doubled"]) == (["number", "holder"], ["开户行"])
    assert not any(name in json.dumps(meta, ensure_ascii=False) for name in (number(1), "王小明", "李雷"))
    mapping = {"number": 0, "holder": 1, "bank": 3}
    for wrong, why in (({"number": 0, "holder": 1}, "开户行"), (mapping | {"bank": 1}, "同一列")):
        with pytest.raises(Refused, match=why):
            desk.does(service.uploads.map_columns, upload, wrong)
    upload = desk.looked_at(desk.does(service.uploads.map_columns, upload, mapping).reference)
    assert upload.state == "checked" and count(upload) == 1
    upload = desk.does(service.uploads.accept, upload, ["bank:space+bank_name"])
    assert count(upload) == 2
    upload = desk.looked_at(desk.does(service.uploads.map_columns, upload, mapping | {"bank": 2}).reference)
    assert count(upload) == 0 and uploads.decisions(upload) == rules.Decisions(), "nothing is accepted any more"


def test_a_sheet_is_judged_by_the_template_of_the_day_it_came(desk: Desk) -> None:
    actor = desk.world.checker
    first = desk.sends(xlsx(HEAD, good(1)))
    service.templates.draft("dolphin", actor=actor)
    staff = Column(key="staff", title="工号", kind=Kind.TEXT, required=True)
    service.templates.put_column("dolphin", staff, edition=1, actor=actor)
    service.templates.activate("dolphin", edition=2, note="要工号", actor=actor)
    second = desk.sends(xlsx([*HEAD, "工号"], [*good(2), "A1"], good(3)))
    older, newer = desk.looked_at(first), desk.looked_at(second)
    assert older.state == "checked" and count(older) == 1 and older.form_id == 0
    assert faults(newer) == {3: ["必填，没有填"]} and newer.form_id != 0
    assert desk.check_rows(good(4)).state == "unsure", "by the new one, a column is missing"


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read_and_one_more_is_refused_in_words(desk: Desk) -> None:
    rows = [[number(n), "王小明", ICBC] for n in range(100_001)]
    most = desk.check(in_csv(HEAD[:3], *rows[:-1]))
    assert (most.state, most.rows_read, count(most)) == ("checked", 100_000, 100_000)
    more = desk.check(in_csv(HEAD[:3], *rows))
    told = uploads.trouble(more)
    assert more.state == "unfit" and told is not None and "100,000" in told[0]


# -- who may, and how often ---------------------------------------------------------------------------------------------


def test_only_the_holder_of_the_account_changes_anything(desk: Desk) -> None:
    world = desk.world
    upload = desk.check_rows(good(1), [f"{number(2)}\t", "李雷", ICBC])
    second = world.person("second", Role.OPERATOR)
    mapping = {"number": 0, "holder": 1, "bank": 2}
    deeds: list[Callable[..., object]] = [
        partial(service.uploads.accept, upload.reference, ["number:space"]),
        partial(service.uploads.withdraw, upload.reference, ["number:space"]),
        partial(service.uploads.accept_row, upload.reference, 3),
        partial(service.uploads.withdraw_row, upload.reference, 3),
        partial(service.uploads.map_columns, upload.reference, mapping),
        partial(service.uploads.discard, upload.reference),
        partial(service.runs.confirm, upload.reference, seen=1),
        lambda **who: service.uploads.receive(
            account=desk.account, filename="x", content=b"x", form_key=str(uuid4()), **who
        ),
    ]

    def nobody_may(fence: int, actor: Actor) -> None:
        for deed in deeds:
            with pytest.raises(Refused, match="领取"):
                deed(fence=fence, actor=actor)
            now = desk.now(upload.reference)
            assert (now.state, now.decisions, count(now)) == ("checked", "{}", 1)
        assert db.session.scalar(select(func.count()).select_from(Upload)) == 1

    nobody_may(desk.fence + 1, desk.actor)
    nobody_may(desk.fence, second)
    nobody_may(desk.fence, world.signed_in("maker"))
    channel_service.release(desk.account, actor=desk.actor)
    nobody_may(desk.fence, desk.actor)
    theirs = world.claimed(desk.account, second)
    nobody_may(desk.fence, desk.actor)
    service.uploads.accept(upload.reference, ["number:space"], fence=theirs, actor=second)
    assert count(desk.now(upload.reference)) == 2, "who holds the account goes on with what is there"


def test_the_same_form_sent_twice_is_one_upload_and_never_another_file(desk: Desk) -> None:
    key, content = str(uuid4()), xlsx(HEAD, good(1))
    assert desk.sends(content, form_key=key) == desk.sends(content, form_key=key)
    with pytest.raises(Refused, match="已经提交过"):
        desk.sends(xlsx(HEAD, good(2)), form_key=key)
    assert db.session.scalar(select(func.count()).select_from(Upload)) == 1
    for wrong in (b"", b"x" * (service.uploads.LONGEST + 1)):
        with pytest.raises(Refused, match="文件"):
            desk.sends(wrong)


def test_what_was_seen_is_what_is_confirmed_and_only_once(desk: Desk) -> None:
    upload = desk.check_rows(good(1), [f"{number(2)}\t", "李雷", ICBC])
    confirm = partial(service.runs.confirm, upload.reference, fence=desk.fence, actor=desk.actor)
    with pytest.raises(Refused, match="现在是 1 行"):
        confirm(seen=2)
    run = confirm(seen=1)
    assert confirm(seen=1) == run and runs.run(run).left_out == 1
    upload = desk.now(upload.reference)
    assert upload.state == "confirmed" and not uploads.has_file(upload.id, uploads.FILE)
    for deed, *what in (
        (service.uploads.accept, ["number:space"]),
        (service.uploads.accept_row, 3),
        (service.uploads.discard,),
        (service.uploads.map_columns, {"number": 0, "holder": 1, "bank": 2}),
    ):
        with pytest.raises(Refused):
            desk.does(deed, upload, *what)
    bad = desk.check_rows(["坏", "李雷", ICBC])
    with pytest.raises(Refused, match="没有可以提交"):
        desk.confirms(bad)


# -- what stays of it ---------------------------------------------------------------------------------------------------


def test_what_is_thrown_away_is_gone_with_its_key(desk: Desk) -> None:
    upload = desk.check_rows(good(1))
    assert sealed_pieces(upload.id) == 2
    upload = desk.does(service.uploads.discard, upload)
    assert (upload.state, upload.key_sealed, upload.tally, upload.meta, upload.mapping) == (
        "discarded",
        "",
        "{}",
        "{}",
        "{}",
    )
    assert sealed_pieces(upload.id) == 0
    with pytest.raises(vault.Sealed):
        uploads.rows(upload, [2])


def plan(known: checking.Known) -> checking.Plan:
    return checking.Plan(
        columns=cards.BUILT_IN.columns,
        index_key="number",
        index=cards.indexer(),
        compare=checking.Once("number", known),
    )


def test_a_look_that_was_killed_is_begun_anew_and_nothing_is_there_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "BLOCKS_A_COMMIT", 1)
    reference = desk.sends(in_csv(HEAD, *(good(n) for n in range(1600)), good(7)))
    asked: list[int] = []

    def dies(indexes: Sequence[bytes]) -> dict[bytes, Text]:
        asked.append(len(indexes))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        checking.check(reference, plan(dies))
    upload = desk.now(reference)
    assert upload.state == "checking" and upload.rows_read == 1000
    upload = desk.looked_at(reference)
    assert (upload.state, upload.rows_read, count(upload)) == ("checked", 1601, 1600)
    assert [row.row for block in uploads.blocks(upload) for row in block] == list(range(2, 1603))
    assert faults(upload) == {1602: ["与第 9 行重复"]}
    assert len(set(uploads.indexes([upload.id]))) == 1600 + 1, "and the zeros of the row that is there twice"
    checking.check(reference, plan(dies))
    assert desk.now(reference).rows_read == 1601, "what was checked stays as it is"


def test_a_sheet_that_is_thrown_away_while_it_is_read_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "BLOCKS_A_COMMIT", 1)
    reference = desk.sends(in_csv(HEAD, *(good(n) for n in range(1200))))

    def thrown_away(_indexes: Sequence[bytes]) -> dict[bytes, Text]:
        if uploads.upload(reference).state == "checking" and sealed_pieces(uploads.upload(reference).id) > 1:
            service.uploads.discard(reference, fence=desk.fence, actor=desk.actor)
        return {}

    checking.check(reference, plan(thrown_away))
    upload = desk.now(reference)
    assert upload.state == "discarded" and sealed_pieces(upload.id) == 0


def test_after_its_time_a_sheet_is_erased_but_not_under_a_run_that_needs_it(desk: Desk) -> None:
    world = desk.world
    left, used = desk.check_rows(good(1)), desk.check_rows(good(2))
    unfit, thrown = desk.check(b"\x89PNG\r\n\x1a\n" + bytes(50)), desk.check_rows(good(3))
    desk.does(service.uploads.discard, thrown)
    run = desk.confirms(used)
    service.runs.pause(run, fence=desk.fence, actor=desk.actor)
    service.uploads.erase_old()
    assert sealed_pieces(left.id) and desk.now(left.reference).state == "checked", "its time is not over"
    world.ahead += timedelta(days=rules.KEEP_OPEN_DAYS, minutes=1)
    service.uploads.erase_old()
    for one in (left, unfit, thrown):
        assert desk.now(one.reference).state == "erased" and not sealed_pieces(one.id)
        assert desk.now(one.reference).key_sealed == ""
    assert desk.now(used.reference).state == "confirmed" and sealed_pieces(used.id)
    world.ahead += timedelta(days=rules.KEEP_DAYS)
    service.uploads.erase_old()
    assert desk.now(used.reference).state == "confirmed" and uploads.rows(desk.now(used.reference), [2])
    fence = world.claimed(desk.account)
    service.runs.stop(run, fence=fence, actor=desk.actor)
    service.uploads.erase_old()
    assert desk.now(used.reference).state == "erased" and not sealed_pieces(used.id)


SECRETS = {
    "number": number(77),
    "spaced": f"{number(78)[:4]} {number(78)[4:]}",
    "holder": "欧阳锋刃",
    "latin": "Barnaby Quux",
    "id": "11010519491231002X",
    "phone": "13912345678",
    "memo": "给二姨的生活费",
}


def test_nothing_of_a_sheet_lies_open_anywhere(desk: Desk) -> None:
    """Whatever stood in a cell, right or in the wrong column, is sealed: in every table, and in the file of the database."""
    actor, it = desk.world.checker, SECRETS
    service.templates.draft("dolphin", actor=actor)
    extra = [
        Column(key="id_number", title="证件号码", kind=Kind.ID_NUMBER),
        Column(key="memo", title="备注", kind=Kind.TEXT),
        Column(key="since", title="日期", kind=Kind.DATE),
        Column(key="limit", title="限额", kind=Kind.AMOUNT),
    ]
    for edition, column in enumerate(extra, 1):
        service.templates.put_column("dolphin", column, edition=edition, actor=actor)
    service.templates.activate("dolphin", edition=len(extra) + 1, note="更多", actor=actor)
    head = [*HEAD, "证件号码", "备注", "日期", "限额"]
    rows: list[list[object]] = [
        [it["number"], it["holder"], ICBC, it["phone"], it["id"], it["memo"]],
        [it["spaced"], f" {it['latin']}", "工行", f"+86{it['phone']}", it["id"].lower(), f"{it['memo']}\t"],
        [it["holder"], it["number"], ICBC, it["phone"], it["id"], it["memo"]],
        [it["number"], it["phone"], it["holder"], it["id"], it["number"], it["number"]],
        [number(79), it["holder"], it["number"], it["holder"], it["memo"], None, it["number"], it["number"]],
        [number(80), it["number"], it["memo"], it["latin"], it["phone"], it["id"], it["holder"], it["latin"]],
    ]
    secrets = [*it.values(), number(78), number(79), number(80), it["number"][6:]]
    assert desk.check(xlsx(head, *rows)).state == "checked"
    assert desk.check(xlsx(*rows)).state == "unsure", "without a header, the first row is none"
    assert desk.check(xlsx(["一", "二", "三"], *rows)).state == "unsure"
    assert desk.check(xlsx([*HEAD, it["number"]], *rows)).state == "checked", "a number among the titles"
    mapped = desk.check(xlsx(*rows))
    places = {key: place for place, key in enumerate(["number", "holder", "bank", "phone", "id_number", "memo"])}
    mapped = desk.looked_at(desk.does(service.uploads.map_columns, mapped, places).reference)
    assert mapped.rows_read == len(rows), "and no row of it is lost"
    tables = MetaData()
    tables.reflect(db.engine)
    for name, table in tables.tables.items():
        told = str([tuple(row) for row in db.session.execute(select(table))])
        assert [secret for secret in secrets if secret in told] == [], name
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        files = [path.read_bytes() for path in config().data_dir.glob("paydesk.db*")]
        assert files
        for secret in secrets:
            assert not any(secret.encode() in content for content in files)


def test_a_sheet_that_nobody_sent_is_not_there(desk: Desk) -> None:
    for reference in ("U0", "", "\0", "U0\0"):
        with pytest.raises(NotThere):
            uploads.upload(reference)


def test_the_example_of_the_template_is_no_card(desk: Desk) -> None:
    example = next(column.example for column in cards.BUILT_IN.columns if column.key == "number")
    upload = desk.check_rows([example, "张三", ICBC, "13800138000"], good(1))
    assert [found.template for found in uploads.tally(upload).faults] == [service.uploads.EXAMPLE.template]
    assert count(upload) == 1


def test_a_card_number_in_a_file_name_is_masked(desk: Desk) -> None:
    upload = desk.looked_at(desk.sends(xlsx(HEAD, good(1)), filename=f"{number(7)} 张三.xlsx"))
    assert number(7) not in upload.filename and upload.filename.endswith("张三.xlsx")


def test_one_person_uploads_so_often_and_no_more(desk: Desk) -> None:
    for _time in range(service.uploads.UPLOADS.times):
        with pytest.raises(Refused, match="领取"):
            service.uploads.receive(
                account=desk.account, filename="", content=b"a,b", fence=0, form_key=str(uuid4()), actor=desk.actor
            )
    with pytest.raises(Refused, match="次数太多"):
        desk.sends(b"a,b")
