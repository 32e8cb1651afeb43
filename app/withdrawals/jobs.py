"""What workers may be asked to do to a withdrawal. One line each: the work is in service/."""

from app.runtime import journal
from app.runtime.jobs import Again
from app.withdrawals import service


def submit(number: str) -> Again | None:
    return service.submit(number)


def ask(number: str) -> Again | None:
    return service.ask(number)


def watch(number: str) -> Again | None:
    return service.watch(number)


def enter(number: str) -> Again | None:
    return service.restoring.enter(number)


def read_callback(inbox_id: str) -> None:
    service.read_callback(int(inbox_id))


def look_at_journal() -> None:
    service.restoring.look()


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
