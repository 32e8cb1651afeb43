"""导出提现: the list as somebody sees it, with their columns, as a sheet in the download centre."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from app.auth import audit
from app.auth.identity import Actor
from app.channels import queries as channels
from app.exports import exporting
from app.exports import queries as exports
from app.exports.states import Format
from app.kernel.errors import Refused, Text
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import Money
from app.runtime import jobs, sheet
from app.runtime.db import db, transaction
from app.runtime.page import local
from app.runtime.queue import Line
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries import OUT, listing
from app.withdrawals.rules.viewing import COLUMNS
from app.withdrawals.states import ACCOUNT_TYPES, KINDS, LABELS, UNKNOWN, Kind, State

KIND = "withdrawals"
EXPORT = "app.withdrawals.jobs.export"
ROWS_A_BLOCK = 5000
NAMES = ("q", "sealed_card")
"""Filters that may name a person: the log, which is for ever, says only that they were there."""


def ask(
    asked: Mapping[str, str],
    *,
    account_id: int | None,
    numbers: Sequence[str],
    columns: Sequence[str],
    words: Sequence[tuple[str, str]],
    titles: Mapping[str, str],
    format_: Format,
    actor: Actor,
) -> str:
    """Have what the filter finds (or of these numbers alone) written. `words`: the filter as the asker reads it; `titles`: of
    columns, states and kinds in their language."""
    question = {
        "asked": {name: asked[name] for name in listing.FILTERS if asked.get(name)},
        "account_id": account_id,
        "numbers": list(numbers),
        "columns": list(columns),
        "words": [list(pair) for pair in words],
        "titles": dict(titles),
    }
    shown = {name: "…" if name in NAMES else asked[name] for name in listing.FILTERS if asked.get(name)}
    with transaction():
        reference = exporting.ask(kind=KIND, format_=format_, question=question, actor=actor)
        told = {"filters": shown, "format": str(format_), "count": len(numbers) or None, "columns": list(columns)}
        audit.record(actor, "export.ask", reference, after=told)
        jobs.promise(EXPORT, reference, line=Line.SHEETS)
    return reference


def require_ticked(numbers: Sequence[str], *, wanted: bool) -> None:
    """Whoever asks for the rows they ticked, and ticked none, does not get everything."""
    if wanted and not numbers:
        raise Refused("还没有选中任何一笔", advice="请先勾选要导出的提现，或用列表上方的“导出”")


def write(reference: str, *, slice_s: float = exporting.SLICE_S) -> jobs.Again | None:
    """The worker's part."""
    return exporting.write(reference, _plan, slice_s=slice_s)


def _plan(export: exports.Export) -> exporting.Plan:
    question, reach = exports.question_of(export), exports.reach_of(export)
    titles = question["titles"]
    accounts = {it.id: it for it in channels.accounts()}
    inside = None if reach is None else [it.id for it in accounts.values() if it.channel_code in reach]
    names = {account_id: it.title for account_id, it in accounts.items()}
    keys = question["columns"]

    def block(after: int | None) -> tuple[list[list[sheet.Value]], int | None]:
        found = _restricted(_rows(), question, inside)
        if after is not None:
            found = found.where(Withdrawal.id < after)
        rows = db.session.execute(found.order_by(Withdrawal.id.desc()).limit(ROWS_A_BLOCK)).all()
        written = [[_value(key, row, names, titles) for key in keys] for row in rows]
        return written, rows[-1].id if len(rows) == ROWS_A_BLOCK else None

    def count() -> int:
        limited = _restricted(select(Withdrawal.id), question, inside).limit(exporting.ROWS_MOST + 1)
        return db.session.scalar(select(func.count()).select_from(limited.subquery())) or 0

    columns = [sheet.Column(title=titles[key], width=COLUMNS[key].width) for key in keys]
    return exporting.Plan(columns=columns, count=count, block=block)


def _rows() -> Any:
    w = Withdrawal
    return select(
        w.id, w.number, w.kind, w.made_at, w.amount, w.fee, w.holder, w.bank, w.card_masked, w.state, w.signed_at, w.memo,
        w.message, w.account_id, w.maker, w.checker, w.channel_number, w.sent_at, w.finished_at,
        w.account_type, w.funds,
    )  # fmt: skip


def _restricted(statement: Any, question: Mapping[str, Any], accounts: Collection[int] | None) -> Any:
    return listing.restricted(
        statement,
        question["asked"],
        account_id=question["account_id"],
        numbers=question["numbers"],
        accounts=accounts,
    )


def _value(key: str, row: Any, accounts: Mapping[int, str], titles: Mapping[str, str]) -> sheet.Value:
    """One cell. Cards are as masked as on the page."""
    match key:
        case "amount" | "fee":
            amount: Money = getattr(row, key)
            return amount
        case "made" | "sent" | "finished":
            return local(getattr(row, f"{key}_at"))
        case "card":
            return str(row.card_masked)
        case "state":
            unknown = row.state in OUT and not row.signed_at
            return titles["state:unknown" if unknown else f"state:{row.state}"]
        case "kind":
            return titles[f"kind:{row.kind}"]
        case "account_type":
            return titles[f"account_type:{row.account_type}"]
        case "funds":
            return titles[f"funds:{row.funds}"]
        case "account":
            name, funds = accounts[row.account_id], titles.get(f"funds:{row.funds}", "")
            return name if row.funds == Funds.COLLECTED else f"{name} · {funds}"
        case "people":
            return str(row.maker)
    return str(getattr(row, key))


def words_of() -> dict[str, Text]:
    """Everything of ours that a sheet may say, by its key: for whoever asks, to say it in their language."""
    found = {key: column.title for key, column in COLUMNS.items()}
    found |= {f"state:{state}": LABELS[state][0] for state in State} | {"state:unknown": UNKNOWN[0]}
    found |= {f"account_type:{its}": word for its, word in ACCOUNT_TYPES.items()}
    found |= {f"funds:{its}": word for its, word in FUNDS.items()}
    return found | {f"kind:{kind}": KINDS[kind] for kind in Kind}
