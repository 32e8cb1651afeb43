"""What people switch: a company shut, or the next requests of an interface forced into a fault."""

import sqlite3

from app.kernel.errors import Refused
from app.sandbox.faults import BY_NAME, Fault
from app.sandbox.merchants import Merchant

OPEN, UNAVAILABLE, SILENT = "open", "unavailable", "silent"
MODES = {OPEN: "开放", UNAVAILABLE: "暂停（应答 503）", SILENT: "无声（接了不答）"}
INTERFACES = (
    "submit",
    "query",
    "figures",
    "bind_card",
    "bind_cards",
    "list_cards",
    "unbind_card",
    "settle",
    "statement",
)


def mode(tx: sqlite3.Connection, manner: str) -> str:
    row = tx.execute("SELECT mode FROM switches WHERE manner = ?", (manner,)).fetchone()
    return row["mode"] if row else OPEN


def set_mode(tx: sqlite3.Connection, manner: str, mode: str) -> None:
    if mode not in MODES:
        raise Refused("没有这种开关状态")
    tx.execute(
        "INSERT INTO switches (manner, mode) VALUES (?, ?) ON CONFLICT (manner) DO UPDATE SET mode = excluded.mode",
        (manner, mode),
    )


def force(tx: sqlite3.Connection, merchant: Merchant, interface: str, fault: str, times: int) -> None:
    """The next `times` requests of this interface get this fault; 0 takes the force away."""
    if interface not in INTERFACES or fault not in BY_NAME or times < 0:
        raise Refused("没有这个接口、这种异常，或次数不对")
    tx.execute("DELETE FROM forced WHERE merchant_id = ? AND interface = ?", (merchant.id, interface))
    if times:
        tx.execute(
            "INSERT INTO forced (merchant_id, interface, fault, times) VALUES (?, ?, ?, ?)",
            (merchant.id, interface, fault, times),
        )


def take_forced(tx: sqlite3.Connection, merchant: Merchant, interface: str) -> Fault | None:
    """Use up one of the forced times."""
    row = tx.execute(
        "UPDATE forced SET times = times - 1 WHERE merchant_id = ? AND interface = ? RETURNING id, fault, times",
        (merchant.id, interface),
    ).fetchone()
    if row is None:
        return None
    if row["times"] <= 0:
        tx.execute("DELETE FROM forced WHERE id = ?", (row["id"],))
    return BY_NAME[row["fault"]]
