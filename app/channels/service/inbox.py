"""What channels tell us unasked."""

from collections.abc import Sequence

from app.channels import intake, mailbox, manners, versions
from app.channels.contract import RawCallback
from app.kernel.errors import NotThere
from app.runtime import jobs
from app.runtime.gathering import Waiting, gathered
from app.runtime.jobs import Promise

Letter = tuple[str, RawCallback]
"""To which account, and what."""


def take_callback(number: str, raw: RawCallback) -> tuple[bool, str]:
    """Into the inbox first, then a job that reads it. Returns whether it was accepted, and the channel's own word.

    Committed when this returns; with others that came at the same moment.
    """
    answer = gathered(_take).written((number, raw))
    if answer is None:
        raise NotThere(number)
    return answer


def _take(letters: Sequence[Waiting[Letter]]) -> dict[Waiting[Letter], tuple[bool, str] | None]:
    """Joins the caller's transaction. None: there is no such account."""
    doors = versions.doors({letter.thing[0] for letter in letters})
    ours = [(letter, doors[letter.thing[0]]) for letter in letters if letter.thing[0] in doors]
    taken = mailbox.take([(door, letter.thing[1]) for letter, door in ours])
    jobs.promise_all([Promise(intake.READ_CALLBACK, str(inbox_id)) for inbox_id in {it for it, good in taken if good}])
    answers: dict[Waiting[Letter], tuple[bool, str] | None] = dict.fromkeys(letters)
    for (letter, door), (_, accepted) in zip(ours, taken, strict=True):
        answers[letter] = accepted, manners.adapter(door.adapter).callback_answer
    return answers
