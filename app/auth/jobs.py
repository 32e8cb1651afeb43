"""What workers may be asked to do for this room. One line each: the work is in service.py."""

from app.auth.service import sessions, trail


def verify_audit() -> None:
    trail.walk("worker")


def forget_old_tries() -> None:
    sessions.forget_old_tries()
