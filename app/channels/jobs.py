"""What workers may be asked to do for channels. One line each: the work is in service.py."""

from app.channels import service


def pull_all() -> None:
    service.pull_all()


def pull_figures(number: str) -> None:
    service.pull_figures(number)
