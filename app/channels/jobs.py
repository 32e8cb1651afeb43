"""What workers may be asked to do for channels. One line each: the work is in the service."""

from datetime import date

from app.channels import service
from app.runtime.jobs import Again


def pull_all() -> None:
    service.pull_all()


def pull_figures(number: str) -> None:
    service.pull_figures(number)


def look_at_figures() -> None:
    service.look_at_figures()


def pull_missed() -> None:
    service.pull_missed()


def pull_missed_day(subject: str) -> None:
    number, day = subject.split("/")
    service.pull_figures(number, date.fromisoformat(day))


def count_calls() -> None:
    service.counting.count()


def judge_health() -> None:
    service.alerting.judge()


def ask_paused(number: str) -> Again | None:
    return service.pausing.ask(number)


def free_seat(subject: str) -> None:
    number, newest = subject.split("/")
    service.seat_lost(number, newest=int(newest))


def end_lapsed() -> None:
    service.end_lapsed()
