"""What workers may be asked to do about alerts. One line each: the work is in the service."""

from app.alerts import service
from app.runtime.jobs import Again


def send(hook: str) -> Again | None:
    return service.sending.send(hook)
