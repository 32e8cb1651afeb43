"""Files that are no sheets, that are broken, or that mean harm: each is an Unfit with a sentence, and nothing is left over."""

import io
import os
import signal
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from xlsxwriter import Workbook

from app.runtime import sheet
from app.runtime.sheet import LIMITS, Limits, Unfit
from tests.runtime.test_sheet_reading import ods, read, replaced, told, xlsx, xlsx_of

SAMPLES = Path(__file__).parent / "samples"
GOOD = xlsx_of(["a", "b"], ["1", "2"])
PAGE = "xl/worksheets/sheet1.xml"
reading = import_module("app.runtime.sheet.reading")


def refusal(data: bytes, limits: Limits = LIMITS) -> Unfit:
    with pytest.raises(Unfit) as caught, sheet.reading(data, limits=limits) as book:
        for _ in book:
            pass
    assert caught.value.text and caught.value.advice
    return caught.value


def code(data: bytes, limits: Limits = LIMITS) -> str:
    """Which of the sentences was said."""
    template = refusal(data, limits).text.template
    (found,) = [code for code, (text, _) in reading._WORDS.items() if text.template == template]
    return found


def zipped(**entries: bytes | str) -> bytes:
    """Names with __ for / and _ for the last dot."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(".".join(name.replace("__", "/").rsplit("_", 1)), content)
    return into.getvalue()


def more(data: bytes, name: str, content: bytes) -> bytes:
    into = io.BytesIO(data)
    with zipfile.ZipFile(into, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
    return into.getvalue()


def ole2(**streams: bytes) -> bytes:
    """The least compound file: sectors of 512 bytes, every stream in whole sectors of its own."""
    padded = {name: it.ljust(max(-(-len(it) // 512) * 512, 4096), b"\0") for name, it in streams.items()}
    entries = [_entry("Root Entry", 5, 0xFFFFFFFE, 0, 1)]
    fat, body = [], b""
    for at, (name, content) in enumerate(padded.items(), 1):
        count = len(content) // 512
        right = at + 1 if at < len(padded) else 0xFFFFFFFF
        entries.append(_entry(name, 2, len(fat), len(content), 0xFFFFFFFF, right))
        fat += [*range(len(fat) + 1, len(fat) + count), 0xFFFFFFFE]
        body += content
    directory = b"".join(entries)
    directory = directory.ljust(-(-len(directory) // 512) * 512, b"\0")
    first = len(fat)
    count = len(directory) // 512
    fat += [*range(first + 1, first + count), 0xFFFFFFFE, 0xFFFFFFFD]
    assert len(fat) <= 128
    table = struct.pack("<128I", *fat, *[0xFFFFFFFF] * (128 - len(fat)))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    head += struct.pack("<IIIIIIII", 1, first, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", first + count, *[0xFFFFFFFF] * 108)
    return head + body + directory + table


def _entry(name: str, kind: int, start: int, size: int, child: int, right: int = 0xFFFFFFFF) -> bytes:
    coded = (name + "\0").encode("utf-16-le")
    return (
        coded.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(coded), kind, 1, 0xFFFFFFFF, right, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def _book_stream() -> bytes:
    return (SAMPLES / "one-cell.xls").read_bytes()[512 : 512 + 4096]


def _with_password() -> bytes:
    """The record after the first is made a FILEPASS: what follows it would be cipher."""
    stream = bytearray(_book_stream())
    stream[20:22] = struct.pack("<H", 0x2F)
    return ole2(Workbook=bytes(stream))


def _encrypted_zip() -> bytes:
    data = bytearray(GOOD)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + at] |= 1
    return bytes(data)


KINDS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank text": (b" \r\n,,\r\n\t\r\n", "blank"),
    "blank sheet": (xlsx_of(["", "  "]), "blank"),
    "blank ods": (ods("<table:table><table:table-row><table:table-cell/></table:table-row></table:table>"), "blank"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture"),
    "jpg": (b"\xff\xd8\xff\xe0" + bytes(50), "picture"),
    "gif": (b"GIF89a" + bytes(50), "picture"),
    "webp": (b"RIFF\x00\x00\x00\x00WEBP" + bytes(9), "picture"),
    "pdf": (b"%PDF-1.7\n" + bytes(50), "pdf"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(50), "archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "archive"),
    "gz": (b"\x1f\x8b\x08" + bytes(50), "archive"),
    "zip of sheets": (zipped(payments_xlsx=GOOD), "archive"),
    "docx": (zipped(word__document_xml="<a/>"), "document"),
    "odt": (zipped(content_xml="<a/>"), "archive"),
    "doc": (ole2(WordDocument=b"x"), "document"),
    "numbers": (zipped(Index__Document_iwa=b"x"), "numbers"),
    "xlsb": (zipped(xl__workbook_bin=b"x"), "xlsb"),
    "html": (b"\xef\xbb\xbf\r\n<html xmlns:x='urn:schemas-microsoft-com:office:excel'><table>", "html"),
    "table": (b"<table><tr><td>1</td></tr></table>", "html"),
    "mht": (b"MIME-Version: 1.0\r\nX-Document-Type: Workbook\r\n", "html"),
    "xml 2003": (
        b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "xml2003",
    ),
    "other ole2": (ole2(Something=b"x"), "unknown"),
    "control characters": (bytes(range(1, 32)) * 20, "unknown"),
    "nul": (b"a,b\n1,\x002\n", "nul"),
    "nul after a mark": (b"\xef\xbb\xbfa,b\n1,\x002\n", "nul"),
    "nul in utf-16": ("\ufeffa,b\0".encode("utf-16-le"), "nul"),
    "utf-16 without a mark": (
        "姓名,卡号\r\n".encode("utf-16-le") + "12345678901234567890\r\n".encode("utf-16-le"),
        "utf16",
    ),
    "neither utf-8 nor gb18030": (b"a,b\n\xff\xff,1\n", "encoding"),
    "half a utf-16": (b"\xff\xfea\x00b", "encoding"),
    "macros": (more(GOOD, "xl/vbaProject.bin", b"x"), "macros"),
    "macros in xls": (ole2(Workbook=_book_stream(), _VBA_PROJECT_CUR=b"x"), "macros"),
    "macros in ods": (ods("", Basic__Standard__Module1_xml="<a/>"), "macros"),
    "encrypted xlsx": (ole2(EncryptionInfo=b"x", EncryptedPackage=b"x"), "encrypted"),
    "encrypted xls": (_with_password(), "encrypted"),
    "encrypted zip": (_encrypted_zip(), "encrypted"),
    "encrypted ods": (
        ods("", **{"META-INF__manifest_xml": "<manifest><encryption-data/></manifest>"}),
        "encrypted",
    ),
    "half a zip": (GOOD[: len(GOOD) // 2], "damaged"),
    "a hole in a zip": (GOOD[:200] + bytes(200) + GOOD[400:], "damaged"),
    "half an xls": ((SAMPLES / "payments.xls").read_bytes()[:1500], "damaged"),
    "broken xml": (replaced(GOOD, "xl/workbook.xml", "<sheets>", "<sheets"), "damaged"),
    "no such sheet": (replaced(GOOD, "xl/_rels/workbook.xml.rels", "sheet1.xml", "sheet9.xml"), "damaged"),
    "utf-16 inside": (replaced(GOOD, PAGE, 'encoding="UTF-8"', 'encoding="UTF-16"'), "damaged"),
    "hidden sheets": (replaced(GOOD, "xl/workbook.xml", 'r:id="rId1"', 'state="hidden" r:id="rId1"'), "no_sheet"),
    "hidden ods": (ods('<table:table table:style-name="unseen"/>'), "no_sheet"),
    "xxe": (
        replaced(GOOD, PAGE, "<worksheet", '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><worksheet'),
        "dtd",
    ),
    "billion laughs": (
        replaced(GOOD, "xl/sharedStrings.xml", "<sst", '<!DOCTYPE x [<!ENTITY y "lol">]><sst'),
        "dtd",
    ),
    "dtd in ods": (
        replaced(ods(""), "content.xml", "<office:document-content", '<!DOCTYPE x SYSTEM "x"><office:document-content'),
        "dtd",
    ),
    "wide": (xlsx_of(["x"] * 201), "columns"),
    "wide text": (b",".join([b"x"] * 201), "columns"),
    "a long cell": (b"a,b\n1," + b"x" * 32_768 + b"\n", "long_somewhere"),
    "an open quote": (b'a,b\n1,"' + b"x,y\n" * 10_000, "long_somewhere"),
    "a long cell in ods": (
        ods(f"<table:table><table:table-row>{told('x' * 32_768)}</table:table-row></table:table>"),
        "long",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_its_sentence(name: str) -> None:
    data, expected = KINDS[name]
    assert code(data) == expected


def test_every_sentence_is_a_whole_one_with_advice() -> None:
    for text, advice in reading._WORDS.values():
        assert len(text) > 6 and len(advice) > 6
        assert not text.endswith("。") and not advice.endswith("。")


def test_two_hundred_columns_pass_and_the_longest_cell_too() -> None:
    assert len(read(xlsx_of(["x"] * 200))[1][0][1]) == 200
    assert read(b"a\n" + b"x" * 32_767)[1][1][1] == ["x" * 32_767]


def test_a_file_that_is_too_large_is_refused_before_it_is_held_whole() -> None:
    taken = []

    def pieces() -> Any:
        for at in range(100):
            taken.append(at)
            yield bytes(1024 * 1024)

    with pytest.raises(Unfit, match="20 MB"), sheet.reading(pieces()):
        pass
    assert len(taken) == 21


@pytest.mark.parametrize("kind", ["csv", "xlsx", "ods"])
def test_too_many_rows_are_counted(kind: str) -> None:
    rows = [[str(at)] for at in range(13)]
    made: dict[str, Callable[[], bytes]] = {
        "csv": lambda: b"".join(row[0].encode() + b"\n" for row in rows),
        "xlsx": lambda: xlsx_of(*rows),
        "ods": lambda: ods(
            f'<table:table><table:table-row table:number-rows-repeated="13">{told("x")}</table:table-row></table:table>'
        ),
    }
    assert "12 行" in refusal(made[kind](), replace(LIMITS, rows=11)).text
    with sheet.reading(made[kind](), limits=replace(LIMITS, rows=12)) as book:
        assert sum(len(rows) for rows in book) == 13


# A million rows of nothing


def test_a_cell_in_the_last_row_and_column_is_refused_in_words() -> None:
    def write(_book: Any, page: Any) -> None:
        page.write(0, 0, "a")
        page.write(1_048_575, 16_383, "z")

    assert "1,048,576" in refusal(xlsx(write)).text


@pytest.mark.slow
def test_a_cell_in_the_last_row_of_a_narrow_sheet_works() -> None:
    def write(_book: Any, page: Any) -> None:
        page.write(0, 0, "a")
        page.write(1_048_575, 1, "z")

    assert read(xlsx(write))[1] == [(1, ["a"]), (1_048_576, [None, "z"])]


def _million(row: str) -> bytes:
    rows = "".join(row.replace("#", str(at)) for at in range(2, 1_048_577))
    return replaced(xlsx_of(["a"]), PAGE, "</sheetData>", rows + "</sheetData>")


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", ['<row r="#" spans="1:2"><c r="A#" s="0"/><c r="B#" s="0"/></row>', '<row r="#" hidden="1"/>']
)
def test_a_million_formatted_rows_without_content_are_no_rows(row: str) -> None:
    assert read(_million(row))[1] == [(1, ["a"])]


@pytest.mark.slow
def test_a_million_filled_rows_are_counted_and_refused() -> None:
    data = _million('<row r="#"><c r="A#"><v>1</v></c><c r="F#"><v>1</v></c></row>')
    assert "1,048,575 行" in refusal(data).text


def test_a_million_repeated_rows_and_columns_in_ods() -> None:
    body = (
        f"<table:table><table:table-row>{told('a')}"
        '<table:table-cell table:number-columns-repeated="16383"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048575"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row></table:table>'
    )
    assert read(ods(body))[1] == [(1, ["a"])]


# Harm


def test_a_zip_bomb_is_not_inflated_to_its_end() -> None:
    assert code(more(GOOD, "xl/media/image1.png", bytes(64 * 1024 * 1024))) == "bomb"
    assert code(more(GOOD, "xl/x.bin", os.urandom(300_000) * 10), replace(LIMITS, inflated_bytes=2_000_000)) == "bomb"


def test_a_zip_that_lies_about_its_sizes_is_damaged() -> None:
    data = bytearray(more(GOOD, "xl/x.xml", bytes(5_000_000)))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    assert code(bytes(data)) == "damaged"


def test_a_zip_of_many_entries_is_refused() -> None:
    into = io.BytesIO(GOOD)
    with zipfile.ZipFile(into, "a") as made:
        for at in range(2_001):
            made.writestr(f"x/{at}", b"")
    assert code(into.getvalue()) == "complex"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused() -> None:
    assert code(more(GOOD, PAGE.upper(), b"<worksheet/>")) == "damaged"


def test_memory_has_an_end() -> None:
    """Many cells where the look over the sheet sees none: calamine itself runs into the limit, and dies."""
    far = replaced(GOOD, PAGE, "</sheetData>", "<row r='1048576'><c\tr='XFD1048576'><v>1</v></c></row></sheetData>")
    assert code(far) in ("complex", "area")


def test_computing_time_has_an_end() -> None:
    assert code(b"".join(b"%d,%d\n" % (at, at) for at in range(1_000_000)), replace(LIMITS, cpu_s=0)) == "complex"


@pytest.mark.parametrize(
    "does",
    [
        "",
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 11)",
        "print('garbage')",
        "print('[1]')",
        "print('{}')",
        'print(\'{"unfit":["no such",{}]}\')',
        'print(\'{"unfit":["rows",{}]}\')',
        'print(\'{"unfit":["rows",{"count":"<b>","limit":1}]}\')',
        "print('{\"unfit\":7}')",
        "print('{\"meta\":{}}')",
        "print('{\"meta\":' + '[' * 100000)",
        "print(META); print('{\"rows\":[[1],[[NaN]]]}'); print(META)",
        "print(META); print('{\"rows\":[[1],[[[]]]]}'); print(META)",
        'print(META); print(\'{"rows":[[1],[[{"date":5}]]]}\'); print(META)',
        'print(META); print(\'{"rows":[["1"],[[1]]]}\'); print(META)',
        "print(META); print('{\"rows\":[[1,2],[[1]]]}'); print(META)",
        "print(META); print('{\"rows\":7}'); print(META)",
        "print(META); print('{\"rows\":[[1],[[\"' + chr(92) + 'ud800\"]]]}'); print(META)",
        "print(META); print('{\"rows\":[[1],[[1]]]}')",
        "print(META); print('{\"rows\":[[1],[[1]]]}'); print(META, end='')",
        "print(META); import sys; [sys.stdout.write('x' * 1000000) for _ in range(100)]",
    ],
)
def test_whatever_a_child_does_is_an_unfit(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "child.py"
    meta = (
        '{"meta":{"format":"csv","sheet":"","encoding":"","other_sheets":0,"hidden_rows":0,'
        '"hidden_columns":0,"formulas":0,"merged":0}}'
    )
    program.write_text(f"META = {meta!r}\n{does}\n")
    monkeypatch.setattr(reading, "_PROGRAM", program)
    assert code(b"a") == "complex"


LONG = b"a,b\n" + b"".join(b"%d,%s\n" % (at, b"x" * 100) for at in range(90_000))
"""More than the pipe and one line hold, so that the child is still there."""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_killed_half_way_is_an_unfit() -> None:
    assert _told_while_reading(signal.SIGKILL, LIMITS).text == "这个文件太复杂，无法读取"


def test_a_child_that_hangs_is_given_up() -> None:
    said = _told_while_reading(signal.SIGSTOP, replace(LIMITS, wait_s=2.0))
    assert said.text == "读取这个文件用的时间太长，已停止"


def _told_while_reading(sent: signal.Signals, limits: Limits) -> Unfit:
    """What is said when the child gets this signal after its first rows; it is gone in any case."""
    pid = 0
    try:
        with sheet.reading(LONG, limits=limits) as book:
            for _ in book:
                pid = book.pid
                os.kill(pid, sent)
    except Unfit as unfit:
        assert pid and gone(pid)
        return unfit
    raise AssertionError("read to its end")


def test_a_taker_that_stops_half_way_leaves_nobody_behind() -> None:
    with sheet.reading(LONG) as book:
        next(iter(book))
        assert not gone(book.pid)
    assert gone(book.pid)
    with pytest.raises(KeyError), sheet.reading(LONG) as book:
        raise KeyError
    assert gone(book.pid)


def test_the_child_has_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no open file but its own three, a folder of nobody's, limits that it set itself."""
    monkeypatch.setenv("PAYDESK_SECRET_KEY", "x")
    with (tmp_path / "open").open("w") as ours, sheet.reading(LONG) as book:
        os.set_inheritable(ours.fileno(), True)
        next(iter(book))
        process = Path(f"/proc/{book.pid}")
        assert b"PAYDESK" not in (process / "environ").read_bytes()
        opened = {fd.name: str(fd.readlink()) for fd in (process / "fd").iterdir()}
        assert str(tmp_path / "open") not in opened.values()
        assert (process / "cwd").readlink() == Path("/")
        assert os.getsid(book.pid) == book.pid
        limits = (process / "limits").read_text()
        for name, most in (
            ("Max address space", LIMITS.memory_bytes),
            ("Max cpu time", 60),
            ("Max file size", 0),
            ("Max core file size", 0),
        ):
            assert [line.split()[-3:-1] for line in limits.splitlines() if line.startswith(name)] == [[str(most)] * 2]
        mapped = (process / "maps").read_text()
        assert "sqlalchemy" not in mapped


def test_the_child_imports_nothing_of_the_house() -> None:
    folder = Path(reading.__file__).parent
    for path in (folder / "child.py", *(folder / "parsing").glob("*.py")):
        assert "from app" not in path.read_text() and "import app" not in path.read_text(), path


def test_a_streamed_workbook_cut_off_at_any_place_is_an_unfit() -> None:
    into = io.BytesIO()
    book = Workbook(into, {"constant_memory": True})
    book.add_worksheet().write(0, 0, "x")
    book.close()
    data = into.getvalue()
    for at in range(4, len(data), len(data) // 7):
        refusal(data[:at])
