"""What workers may be asked to look at. One line each: the work is in service.py."""

from app.live import retention, service


def look_at_jobs() -> None:
    service.look_at_jobs()


def drop_old() -> None:
    retention.drop_old()
