"""What workers may be asked to look at. One line each: the work is in service.py."""

from app.live import service


def look_at_jobs() -> None:
    service.look_at_jobs()
