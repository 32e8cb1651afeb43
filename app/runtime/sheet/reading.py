"""Reading a sheet that somebody sent: parsed by `child.py`, believed here only as far as its shape goes.

Whatever is wrong with the file, and whatever it does to the child, is an `Unfit` with a sentence. Whoever stops half-way
leaves no process behind.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn

from app.kernel.errors import Text, gettext_noop

Cell = str | int | float | bool | None | dict[str, object]
"""None is empty. A dict has one key: {"date": "2026-11-21"} or {"date": "2026-11-21T10:00:00"}, {"time": "10:00:00"},
{"error": "#N/A"}, {"formula": True} for a formula without a stored result."""
Row = tuple[int, list[Cell]]
"""The row's number as Excel shows it, and its visible cells: text as it stands, numbers as numbers."""

_PROGRAM = Path(__file__).parent / "child.py"
_LONGEST_LINE = 64 * 1024 * 1024
_PIPE = 1024 * 1024
_NAMED = re.compile(r"%\((\w+)\)s")
_KINDS = {str, int, float, bool, type(None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sheet may be, and what reading it may take."""

    file_bytes: int = 20 * 1024 * 1024
    rows: int = 100_000  # of data: the header is not counted
    columns: int = 200  # that hold something
    cell_chars: int = 32_767  # Excel's own
    area: int = 4_000_000  # cells of the rectangle in use: 32 bytes each in the child, empty or not
    text_chars: int = 200_000_000
    entries: int = 2_000  # of a zip
    inflated_bytes: int = 400 * 1024 * 1024
    ratio: int = 200  # of one entry, once it is larger than 10 MiB
    memory_bytes: int = 512 * 1024 * 1024
    cpu_s: int = 60
    wait_s: float = 120.0  # spent waiting for the child


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is known of the file. Counts may still grow until the last row has been read."""

    format: str  # xlsx xls ods csv tsv
    sheet: str  # the sheet that is read; "" for text
    encoding: str  # UTF-8, UTF-16 or GB18030 for text; "" otherwise
    other_sheets: int  # that can be seen and are not read
    hidden_rows: int  # that hold something and were skipped
    hidden_columns: int  # likewise
    formulas: int  # cells whose stored result is read
    merged: int  # merged ranges: each cell of them reads as their first


class Unfit(Exception):
    """This file cannot be read: `text` says why, `advice` what to do. For the person who sent it."""

    def __init__(self, text: Text, advice: Text) -> None:
        self.text, self.advice = text, advice
        super().__init__(str(text))


_SAVE_AS = gettext_noop("请用 Excel 或 WPS 打开后另存为 .xlsx，再上传")
_RIGHT_FILE = gettext_noop("请确认选对了文件：可以上传 .xlsx、.xls、.ods、.csv、.tsv 表格")
_COPY_OUT = gettext_noop("请新建一个 .xlsx，只把需要的内容粘贴进去（只粘贴值），再上传")
_SPLIT = gettext_noop("请拆成几个文件，分别上传")
_UTF8 = gettext_noop("请用 Excel 打开后另存为“CSV UTF-8（逗号分隔）”或 .xlsx，再上传")
_PASSWORD = gettext_noop("请在 Excel 里去掉密码后另存，再上传")

_WORDS: dict[str, tuple[Text, Text]] = {
    "size": (gettext_noop("这个文件超过 %(limit)s MB"), _SPLIT),
    "empty": (gettext_noop("这个文件是空的，里面什么也没有"), _RIGHT_FILE),
    "blank": (
        gettext_noop("这个表格里没有看得见的内容"),
        gettext_noop("请把内容放在第一个看得见的工作表里，不要隐藏它的行和列，保存后再上传"),
    ),
    "no_sheet": (
        gettext_noop("这个文件里的工作表都被隐藏了"),
        gettext_noop("请在 Excel 里取消隐藏要上传的工作表，保存后再上传"),
    ),
    "encrypted": (gettext_noop("这个文件有密码保护，无法读取"), _PASSWORD),
    "macros": (
        gettext_noop("这个文件里有宏（程序），为了安全不能接收"),
        gettext_noop("请在 Excel 里另存为不带宏的 .xlsx，再上传"),
    ),
    "xlsb": (gettext_noop("这是 Excel 二进制工作簿（.xlsb），不能读取"), _SAVE_AS),
    "document": (gettext_noop("这是文字文档或演示文稿，不是表格"), _RIGHT_FILE),
    "pdf": (gettext_noop("这是 PDF 文件，不是表格"), _RIGHT_FILE),
    "picture": (gettext_noop("这是一张图片，不是表格"), _RIGHT_FILE),
    "archive": (
        gettext_noop("这是一个压缩包，不是表格"),
        gettext_noop("请先解压，再把里面的表格逐个上传"),
    ),
    "numbers": (
        gettext_noop("这是苹果 Numbers 表格，不能读取"),
        gettext_noop("请在 Numbers 里选择“文件 → 导出为 → Excel”，再上传"),
    ),
    "html": (gettext_noop("这个文件其实是网页，只是名字像表格"), _SAVE_AS),
    "xml2003": (gettext_noop("这是“XML 电子表格 2003”，不能读取"), _SAVE_AS),
    "unknown": (gettext_noop("认不出这是什么文件"), _RIGHT_FILE),
    "nul": (gettext_noop("这个文件里有空字符（NUL），不是完好的文本表格"), _SAVE_AS),
    "utf16": (gettext_noop("这个文件像是 UTF-16 编码，但开头没有编码标记，无法可靠读取"), _UTF8),
    "encoding": (gettext_noop("这个文件的文字编码既不是 UTF-8，也不是 GB18030（GBK），无法可靠读取"), _UTF8),
    "damaged": (gettext_noop("这个文件不完整或已损坏，无法读取"), _SAVE_AS),
    "dtd": (gettext_noop("这个文件里有外部定义（DTD），为了安全不能读取"), _COPY_OUT),
    "bomb": (gettext_noop("这个文件解压后大得不正常，为了安全不能读取"), _COPY_OUT),
    "rows": (gettext_noop("这个表格有 %(count)s 行数据，最多只能有 %(limit)s 行"), _SPLIT),
    "columns": (
        gettext_noop("这个表格有内容的列超过 %(limit)s 列"),
        gettext_noop("请删去用不到的列，保存后再上传"),
    ),
    "long": (
        gettext_noop("第 %(row)s 行第 %(column)s 列的内容超过 %(limit)s 个字"),
        gettext_noop("请改短这一格的内容，保存后再上传"),
    ),
    "long_somewhere": (
        gettext_noop("第 %(row)s 行有一格的内容超过 %(limit)s 个字"),
        gettext_noop("请检查这一行附近的英文双引号是否成对，改好后再上传"),
    ),
    "area": (
        gettext_noop("这个表格的内容一直延伸到第 %(row)s 行、第 %(columns)s 列，范围太大"),
        gettext_noop("请在 Excel 里选中真正内容下方和右侧多余的行、列，整行整列删除，保存后再上传"),
    ),
    "complex": (gettext_noop("这个文件太复杂，无法读取"), _COPY_OUT),
    "slow": (gettext_noop("读取这个文件用的时间太长，已停止"), _COPY_OUT),
}


class Book:
    """A sheet under way: go over it once for lists of up to 500 rows, in order, those without any content left out."""

    def __init__(self, child: "subprocess.Popen[bytes]", limits: Limits) -> None:
        self.pid = child.pid
        self._lines = _lines(child, limits)
        self.meta = _meta(_part(next(self._lines, {}), "meta"))

    def __iter__(self) -> Iterator[list[Row]]:
        for line in self._lines:
            if "rows" not in line:
                self.meta = _meta(_part(line, "meta"))
                return
            yield _rows(line["rows"])
        _refuse("complex")


@contextmanager
def reading(data: Iterable[bytes] | bytes, *, limits: Limits = LIMITS) -> Iterator[Book]:
    """The first visible sheet of a file, by its content and not by its name.

    Raises Unfit, here or while the rows are read: what was read before it must not be used. A child that cannot even be
    started is our trouble, not the file's: OSError.
    """
    with _held(data, limits) as file:
        child = subprocess.Popen(  # noqa: S603 - our own program; the file is its standard input
            [sys.executable, "-I", "-B", "-X", "utf8", str(_PROGRAM), json.dumps(asdict(limits))],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
            pipesize=_PIPE,
        )
        try:
            yield Book(child, limits)
        finally:
            child.kill()
            if child.stdout:
                child.stdout.close()
            child.wait()


@contextmanager
def _held(data: Iterable[bytes] | bytes, limits: Limits) -> Iterator[IO[bytes]]:
    """The file in memory, without a name, where the system can; it is not to lie on a disk in clear (SECURITY 40)."""
    with os.fdopen(os.memfd_create("sheet"), "w+b") if hasattr(os, "memfd_create") else TemporaryFile() as file:
        size = 0
        for piece in [data] if isinstance(data, bytes) else data:
            size += len(piece)
            if size > limits.file_bytes:
                _refuse("size", limit=limits.file_bytes // 1024 // 1024)
            file.write(piece)
        if not size:
            _refuse("empty")
        file.flush()
        file.seek(0)
        yield file


def _lines(child: "subprocess.Popen[bytes]", limits: Limits) -> Iterator[dict[str, Any]]:
    """What the child says, line by line, until it says no more. Only waiting for it is timed: the taker may be slow."""
    assert child.stdout
    said = child.stdout.fileno()
    poll = select.poll()
    poll.register(said, select.POLLIN)
    left = limits.wait_s
    rest = bytearray()
    while True:
        looked = 0
        while (end := rest.find(b"\n", looked)) < 0:
            looked = len(rest)
            began = time.monotonic()
            if not poll.poll(max(left, 0) * 1000):
                _refuse("slow")
            left -= time.monotonic() - began
            piece = os.read(said, _PIPE)
            if not piece:
                return  # what is left is a line cut short
            rest += piece
            if len(rest) > _LONGEST_LINE:
                _refuse("complex")
        line = bytes(rest[:end])
        del rest[: end + 1]
        yield _read(line)


def _read(line: bytes) -> dict[str, Any]:
    """One line. Text that could not be written again as UTF-8 is refused: it would fail far from here."""
    try:
        found = json.loads(line, parse_constant=_no_number)
        if b"\\u" in line:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        _refuse("complex")
    if not isinstance(found, dict):
        _refuse("complex")
    if "unfit" in found:
        _refuse_as_said(found["unfit"])
    return found


def _no_number(_name: str) -> NoReturn:
    raise ValueError


def _rows(said: Any) -> list[Row]:
    try:
        numbers, rows = said
        rows = list(zip(numbers, rows, strict=True))
    except (TypeError, ValueError):
        _refuse("complex")
    for number, cells in rows:
        if type(number) is not int or type(cells) is not list:
            _refuse("complex")
        if not set(map(type, cells)) <= _KINDS:
            for it in cells:
                if type(it) not in _KINDS and not _is_special(it):
                    _refuse("complex")
    return rows


def _is_special(cell: object) -> bool:
    """A date, a time, an error, or a formula without a result."""
    if not isinstance(cell, dict) or len(cell) != 1:
        return False
    ((name, value),) = cell.items()
    return value is True if name == "formula" else name in ("date", "time", "error") and isinstance(value, str)


def _meta(said: Any) -> Meta:
    kinds = {it.name: it.type for it in fields(Meta)}
    if not isinstance(said, dict) or {name: type(it) for name, it in said.items()} != kinds:
        _refuse("complex")
    return Meta(**said)


def _part(line: dict[str, Any], name: str) -> Any:
    if name not in line:
        _refuse("complex")
    return line[name]


def _refuse_as_said(said: Any) -> NoReturn:
    """The child's reason, if it is one that we know, filled in with numbers only."""
    match said:
        case [str(code), dict(values)] if code in _WORDS and all(type(it) is int for it in values.values()):
            if set(values) == set(_NAMED.findall(_WORDS[code][0].template)):
                _refuse(code, **values)
    _refuse("complex")


def _refuse(code: str, **values: int) -> NoReturn:
    text, advice = _WORDS[code]
    raise Unfit(Text(text.template, **{name: f"{value:,}" for name, value in values.items()}), advice)
