"""The empty sheet to fill in, with what its columns want in words."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Response, send_file
from flask_babel import gettext as _

from app.kernel.cells import KINDS, Column, Kind
from app.kernel.written import CORPORATE, PRIVATE
from app.runtime import sheet
from app.runtime.page import say

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEXT_CELLS = (Kind.CARD, Kind.PAYEE, Kind.ID_NUMBER, Kind.CNAPS, Kind.PHONE)


def blank(name: str, first: str, columns: Sequence[Column]) -> list[sheet.Sheet]:
    """A sheet of this name to fill in with one example, and a second one that explains; `first`: its first remark."""
    wanted = [
        [say(column.title), _("必填") if column.required else _("选填"), "；".join(in_words(column)), column.example]
        for column in columns
    ]
    remarks = (
        first,
        _("所有单元格已设为文本。从别处粘贴时请选“只粘贴值”，否则卡号可能被改成数字而丢失末几位。"),
        _("一次最多 100,000 行、20 MB。"),
    )
    guide = [
        sheet.Column(title=_("列"), width=18),
        sheet.Column(title=_("是否必填"), width=10),
        sheet.Column(title=_("要求"), width=70),
        sheet.Column(title=_("示例"), width=28),
    ]
    titles = [sheet.Column(title=column.title, width=_width(column), choices=_choices(column)) for column in columns]
    return [
        sheet.Sheet(name=name, columns=titles, rows=[[column.example for column in columns]]),
        sheet.Sheet(name=_("填写说明"), columns=guide, rows=[*wanted, [""] * 4, *([it, "", "", ""] for it in remarks)]),
    ]


def send_xlsx(sheets: Sequence[sheet.Sheet], name: str) -> Response:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.xlsx"
        sheet.workbook(path, sheets)
        content = BytesIO(path.read_bytes())
    return send_file(content, XLSX, as_attachment=True, download_name=f"{name}.xlsx")


def send_csv(columns: Sequence[Column], name: str) -> Response:
    example = [column.example for column in columns]
    body = "".join(sheet.lines([column.title for column in columns], [example])).encode()
    return send_file(BytesIO(body), "text/csv; charset=utf-8", as_attachment=True, download_name=f"{name}.csv")


def in_words(column: Column) -> list[str]:
    """What this column wants, as short sentences."""
    found = [say(KINDS[column.kind])]
    if column.kind in TEXT_CELLS:
        found.append(_("单元格须为文本"))
    if choices := _choices(column):
        found.append(_("只能填：%(choices)s", choices="、".join(choices)))
    if column.shortest or column.longest:
        found.append(
            _("%(shortest)s 到 %(longest)s 个字", shortest=column.shortest or 1, longest=column.longest or "…")
        )
    if column.pattern:
        found.append(_("格式：%(pattern)s", pattern=column.pattern))
    if column.aliases:
        found.append(_("表头也可写作：%(aliases)s", aliases="、".join(column.aliases)))
    if column.note:
        found.append(say(column.note))
    return found


def _choices(column: Column) -> tuple[str, ...]:
    return (PRIVATE, CORPORATE) if column.kind is Kind.ACCOUNT_TYPE else column.choices


def _width(column: Column) -> int:
    wide = {Kind.CARD: 26, Kind.PAYEE: 32, Kind.BANK: 22, Kind.BRANCH: 32, Kind.ID_NUMBER: 24, Kind.NAME: 16}
    return wide.get(column.kind, 18)
