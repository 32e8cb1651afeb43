"""The columns of a card-binding sheet: what a channel gets by default, and what makes a template fit for use. Pure."""

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

from app.kernel.cells import KINDS, Column, Kind
from app.kernel.columns import Judge
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.payee import Payee, is_reference, kind_of, read
from app.kernel.written import CORPORATE, REGISTERED

NUMBER, HOLDER, BANK, PHONE, ACCOUNT_TYPE = "number", "holder", "bank", "phone", "account_type"
OURS = (NUMBER, HOLDER, BANK, PHONE, ACCOUNT_TYPE)
"""Keys that are columns of the card itself; the others travel sealed, by their key."""
KEYS: dict[str, tuple[Kind, Text]] = {
    NUMBER: (Kind.CARD, gettext_noop("银行卡号")),
    HOLDER: (Kind.NAME, gettext_noop("开户人")),
    ACCOUNT_TYPE: (Kind.ACCOUNT_TYPE, gettext_noop("账户类型")),
    BANK: (Kind.BANK, gettext_noop("开户行")),
    "branch": (Kind.BRANCH, gettext_noop("支行")),
    "cnaps": (Kind.CNAPS, gettext_noop("联行号")),
    "province": (Kind.PROVINCE, gettext_noop("开户省份")),
    "city": (Kind.CITY, gettext_noop("开户城市")),
    "id_number": (Kind.ID_NUMBER, gettext_noop("证件号码")),
    PHONE: (Kind.PHONE, gettext_noop("银行预留手机号")),
}
"""Keys that adapters know, each with the only kind it may have."""
NEEDED = (NUMBER, HOLDER, BANK)
COLUMNS_MOST = 30
MOST = {"title": 30, "key": 30, "pattern": 100, "example": 60, "note": 120, "alias": 30, "choice": 40}
_KEY = re.compile(r"[a-z][a-z0-9_]{1,29}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One card to bind, read from a form or a row."""

    number: str
    holder: str
    bank: str
    phone: str = ""
    corporate: bool = False
    details: Mapping[str, str]

    def __repr__(self) -> str:
        return "Wish(…)"


def wish(texts: Mapping[str, str]) -> Wish:
    """From the texts of a row by the template's keys, after what was accepted."""
    return Wish(
        number=texts[NUMBER],
        holder=texts[HOLDER],
        bank=texts[BANK],
        phone=texts.get(PHONE, ""),
        corporate=texts.get(ACCOUNT_TYPE) == CORPORATE,
        details={key: text for key, text in texts.items() if key not in OURS and text},
    )


def packed(columns: Sequence[Column]) -> str:
    return json.dumps([asdict(column) for column in columns], ensure_ascii=False)


def unpacked(text: str) -> tuple[Column, ...]:
    """As they were packed. A title that is the house's own word for its key can be said in every language."""
    return tuple(
        Column(
            **one
            | {
                "title": _title(one["key"], one["title"]),
                "kind": Kind(one["kind"]),
                "aliases": tuple(one.get("aliases", ())),
                "choices": tuple(one.get("choices", ())),
            }
        )
        for one in json.loads(text)
    )


def _title(key: str, title: str) -> str:
    return KEYS[key][1] if key in KEYS and KEYS[key][1] == title else title


DEFAULT = unpacked((Path(__file__).parent / "default.json").read_text(encoding="utf-8"))
"""What a channel asks for whose template nobody has designed yet."""


def _registered(key: str, title: Text, kind: Kind, *, required: bool = False, note: str = "") -> Column:
    aliases, example = REGISTERED[key]
    names = tuple(aliases.split())
    return Column(key=key, title=title, kind=kind, required=required, aliases=names, example=example, note=note)


OF_PAYEES = (
    _registered(
        NUMBER,
        gettext_noop("收款账号"),
        Kind.PAYEE,
        required=True,
        note=gettext_noop("支付宝账号或用户号、微信 openid、银行卡号"),
    ),
    _registered(HOLDER, KEYS[HOLDER][1], Kind.NAME, required=True),
    _registered(ACCOUNT_TYPE, KEYS[ACCOUNT_TYPE][1], Kind.ACCOUNT_TYPE),
    _registered(BANK, KEYS[BANK][1], Kind.BANK, note=gettext_noop("银行卡、对公账户必填")),
    _registered("cnaps", KEYS["cnaps"][1], Kind.CNAPS, note=gettext_noop("对公账户必填，12 位")),
)
"""What is asked for where a channel pays to more than bank cards: the kind of each account is read from the number."""
WITHOUT_BANK = gettext_noop("银行卡、对公账户要填开户行")
NOT_PAYABLE = gettext_noop("该渠道不能付到这种账号")


def flaw_of_payee(number: str, *, bank: str, corporate: bool, kinds: Set[Payee]) -> tuple[str, Text] | None:
    """Why this row cannot be registered at a channel that pays to these kinds: the column to blame and a sentence."""
    if is_reference(number):
        return NUMBER, NOT_PAYABLE
    payee = kind_of(read(number, corporate=corporate))
    if payee not in kinds:
        return NUMBER, NOT_PAYABLE
    return (BANK, WITHOUT_BANK) if payee is Payee.BANK_CARD and not bank else None


def flaws(columns: Sequence[Column]) -> list[Text]:
    """Why this template cannot be used yet; nothing, when it can."""
    found: list[Text] = []
    keys = [column.key for column in columns]
    for key in NEEDED:
        column = next((one for one in columns if one.key == key), None)
        if column is None:
            found.append(Text("缺少“%(title)s”列（%(key)s）", title=KEYS[key][1], key=key))
        elif not column.required:
            found.append(Text("“%(title)s”列必须是必填", title=column.title))
    if len(columns) > COLUMNS_MOST:
        found.append(Text("最多 %(count)d 列", count=COLUMNS_MOST))
    for column in columns:
        if keys.count(column.key) > 1:
            found.append(Text("键 %(key)s 用了不止一次", key=column.key))
        if column.kind is Kind.CHOICE and not column.choices:
            found.append(Text("“%(title)s”列没有可选项", title=column.title))
    if not found:
        examples = Judge(columns).judge([column.example or None for column in columns])
        given = {column.key: column for column in columns if column.example}
        for fault in examples.faults:
            if fault.key in given:
                title = given[fault.key].title
                found.append(Text("“%(title)s”列的示例不对：%(why)s", title=title, why=fault.text))
    names = [name.lower() for column in columns for name in {column.title, *column.aliases}]
    found += [Text("“%(title)s”不止一列使用", title=name) for name in dict.fromkeys(names) if names.count(name) > 1]
    return list(dict.fromkeys(found))


def require_column(column: Column) -> Column:
    """The column as it may be kept; Refused in words otherwise."""
    if _KEY.fullmatch(column.key) is None:
        raise Refused("键只能用小写字母、数字和下划线，以字母开头，2 到 30 位")
    if column.key in KEYS and KEYS[column.key][0] is not column.kind:
        raise Refused("键 %(key)s 的类型只能是“%(kind)s”", key=column.key, kind=KINDS[KEYS[column.key][0]])
    if column.key not in KEYS and column.kind in (Kind.CARD, Kind.ACCOUNT_TYPE):
        raise Refused("每个模版只有一列“%(kind)s”，它的键是固定的", kind=KINDS[column.kind])
    if column.longest and column.shortest > column.longest:
        raise Refused("最短长度不能大于最长长度")
    if column.pattern:
        require_pattern(column.pattern)
        if column.example and re.fullmatch(column.pattern, column.example) is None:
            raise Refused("示例 %(example)s 自己就不符合这个格式", example=column.example)
    return column


_BRACKETS = re.compile(r"\\.|\[(?:\\.|[^\]])+\]", re.S)
_REPEATS = re.compile(r"[*+?]|\{[0-9]*,[0-9]*\}")
"""`?` too: thirty of them in a row are as bad as any."""


def require_pattern(pattern: str) -> None:
    """A pattern that compiles and cannot run away on any text (no repeated groups, at most three open repeats, few choices)."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise Refused("格式不是有效的正则表达式") from None
    bare = _BRACKETS.sub("x", pattern)
    if re.search(r"\)\s*[*+{?]|\(\?|\\[1-9]", bare) or re.search(r"\\[1-9]", pattern):
        raise Refused("格式里不能重复括号、向前向后看或引用，请写得简单些")
    repeats = len(_REPEATS.findall(bare))
    if repeats > 3:
        raise Refused("格式里 *、+、{m,n} 最多三个，请写得简单些")
    if "|" in bare and (repeats > 1 or bare.count("(") > 3):  # each choice multiplies what is tried
        raise Refused("格式里有 | 时，括号最多三对，*、+、?、{m,n} 最多一个，请写得简单些")


def moved(columns: Sequence[Column], key: str, step: int) -> list[Column]:
    """The columns with this one a place further up (-1) or down (1); as they are, at the end."""
    found = list(columns)
    at = next(place for place, column in enumerate(found) if column.key == key)
    to = at + step
    if 0 <= to < len(found):
        found[at], found[to] = found[to], found[at]
    return found


def placed(columns: Sequence[Column], column: Column, *, instead_of: str = "") -> list[Column]:
    """The columns with this one in the place of another, or at the end."""
    if instead_of:
        return [column if one.key == instead_of else one for one in columns]
    return [*columns, column]


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of what changed between two versions; None on the side that does not have the column."""

    before: Column | None
    after: Column | None
    what: tuple[str, ...] = ()
    """Names of the properties that differ, where both sides have the column."""


def differences(before: Sequence[Column], after: Sequence[Column]) -> list[Difference]:
    """Added, removed and changed columns, in the order of the newer version; moved ones only by their new order."""
    older = {column.key: column for column in before}
    newer = {column.key: column for column in after}
    found: list[Difference] = []
    for column in after:
        known = older.get(column.key)
        if known is None:
            found.append(Difference(None, column))
        elif known != column:
            one, other = asdict(known), asdict(column)
            found.append(Difference(known, column, tuple(name for name in one if one[name] != other[name])))
    found += [Difference(column, None) for column in before if column.key not in newer]
    return found


def order_changed(before: Sequence[Column], after: Sequence[Column]) -> bool:
    shared = {column.key for column in before} & {column.key for column in after}
    return [it.key for it in before if it.key in shared] != [it.key for it in after if it.key in shared]
