"""What workers may be asked to do to a withdrawal. One line each: the work is in service/."""

from app.runtime import journal
from app.runtime.jobs import Again
from app.runtime.work import Together
from app.withdrawals import service

submit = Together(begin=service.begin_submits, errand=service.submit, end=service.end_submits)


def ask(number: str) -> Again | None:
    return service.ask(number)


def watch(number: str) -> Again | None:
    return service.watch(number)


def let_go(account: str) -> None:
    service.stops.let_go(account)


def enter(number: str) -> Again | None:
    return service.restoring.enter(number)


def read_callback(inbox_id: str) -> None:
    service.read_callback(int(inbox_id))


def read_statement(subject: str) -> None:
    service.statements.read(subject)


def look_at_journal() -> None:
    service.restoring.look()


def look_at_unknown() -> None:
    service.alerting.look_at_unknown()


def look_at_work() -> None:
    service.alerting.look_at_work()


def look_at_stops() -> None:
    service.stops.look()


def examine() -> None:
    service.guard.examine()


def forget_old_journal() -> None:
    journal.forget_old()


def export(reference: str) -> Again | None:
    return service.exporting.write(reference)


def decide(reference: str) -> Again | None:
    return service.selecting.work(reference)


def count_settled() -> None:
    service.tallying.count_settled()


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
