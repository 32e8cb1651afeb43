"""What workers may be asked to do about statements. One line each: the work is in service.py."""

from app.statements import service


def pull_due() -> None:
    service.pull_due()


def pull(subject: str) -> None:
    service.pull(subject)
