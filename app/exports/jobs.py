"""What workers may be asked to do about exports. One line each: the work is in service.py."""

from app.exports import service


def erase_old() -> None:
    service.erase_old()
