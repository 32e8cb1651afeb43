"""What workers may be asked to do to a withdrawal. One line each: the work is in service.py."""

from app.runtime.jobs import Again
from app.withdrawals import service


def submit(number: str) -> None:
    service.submit(number)


def ask(number: str) -> Again | None:
    return service.ask(number)


def read_callback(inbox_id: str) -> None:
    service.read_callback(int(inbox_id))


def check_sheet(upload: str) -> None:
    service.sheets.check(upload)


def make_sheet(sheet: str) -> Again | None:
    return service.sheet_making.make(sheet)


def carry_out(order_id: str) -> Again | None:
    return service.sheet_orders.carry_out(order_id)


def write_sheet_result(sheet: str) -> None:
    service.sheet_results.write(sheet)


def erase_old_sheets() -> None:
    service.sheets.erase_old()
