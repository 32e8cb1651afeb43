"""What workers may be asked to do to a withdrawal. One line each: the work is in service.py."""

from app.runtime.jobs import Again
from app.withdrawals import service


def submit(number: str) -> None:
    service.submit(number)


def ask(number: str) -> Again | None:
    return service.ask(number)


def read_callback(inbox_id: str) -> None:
    service.read_callback(int(inbox_id))


def export(reference: str) -> Again | None:
    return service.exporting.write(reference)


def decide(reference: str) -> Again | None:
    return service.selecting.work(reference)


def count_settled() -> None:
    service.tallying.count_settled()
