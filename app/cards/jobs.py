"""What workers may be asked to do about cards. One line each: the work is in service/."""

from app.cards import service
from app.runtime.jobs import Again


def bind(reference: str) -> Again | None:
    return service.ask_channel(reference)


def unbind(reference: str) -> Again | None:
    return service.listing.ask_unbind(reference)


def ask_list(number: str) -> None:
    service.listing.ask_list(number)


def check(upload: str) -> None:
    service.uploads.check(upload)


def work(run: str) -> Again | None:
    return service.binding.work(run)


def write_result(run: str) -> None:
    service.results.write(run, whole=False)


def write_whole_result(run: str) -> None:
    service.results.write(run, whole=True)


def erase_old_uploads() -> None:
    service.uploads.erase_old()
