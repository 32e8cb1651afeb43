"""What workers may be asked to do about money in. One line each: the work is in service.py."""

from app.collections import service


def book(number: str) -> None:
    service.book_collected(number)
