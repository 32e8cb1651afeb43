"""What workers may be asked to do for this room. One line each: the work is in service.py."""

from app.auth.service import trail


def verify_audit() -> None:
    trail.walk("worker")
