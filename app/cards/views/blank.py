"""The empty sheet of a template, with what its columns want in words."""

from flask_babel import gettext as _

from app.cards.queries import Template
from app.kernel.cells import KINDS, Column, Kind
from app.kernel.written import CORPORATE, PRIVATE
from app.runtime import sheet
from app.runtime.page import say

TEXT_CELLS = (Kind.CARD, Kind.ID_NUMBER, Kind.CNAPS, Kind.PHONE)


def blank(channel: str, template: Template) -> list[sheet.Sheet]:
    """A sheet to fill in with one example, and a second one that explains."""
    columns = [
        sheet.Column(title=column.title, width=_width(column), choices=_choices(column)) for column in template.columns
    ]
    wanted = [
        [column.title, _("必填") if column.required else _("选填"), "；".join(in_words(column)), column.example]
        for column in template.columns
    ]
    remarks = (
        _("第一行是表头，请不要改动；从第二行起每行一张卡，示例行请删除或改写。"),
        _("所有单元格已设为文本。从别处粘贴时请选“只粘贴值”，否则卡号可能被改成数字而丢失末几位。"),
        _("一次最多 100,000 行、20 MB。"),
    )
    guide = [
        sheet.Column(title=_("列"), width=18),
        sheet.Column(title=_("是否必填"), width=10),
        sheet.Column(title=_("要求"), width=70),
        sheet.Column(title=_("示例"), width=28),
    ]
    return [
        sheet.Sheet(name=_("绑卡"), columns=columns, rows=[[column.example for column in template.columns]]),
        sheet.Sheet(name=_("填写说明"), columns=guide, rows=[*wanted, [""] * 4, *([it, "", "", ""] for it in remarks)]),
    ]


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
        found.append(column.note)
    return found


def _choices(column: Column) -> tuple[str, ...]:
    return (PRIVATE, CORPORATE) if column.kind is Kind.ACCOUNT_TYPE else column.choices


def _width(column: Column) -> int:
    wide = {Kind.CARD: 26, Kind.BANK: 22, Kind.BRANCH: 32, Kind.ID_NUMBER: 24, Kind.NAME: 16}
    return wide.get(column.kind, 18)
