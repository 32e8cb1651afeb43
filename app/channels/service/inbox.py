"""What channels tell us unasked."""

from app.channels import gateway, intake, queries
from app.channels.contract import RawCallback
from app.runtime import jobs
from app.runtime.db import transaction


def take_callback(number: str, raw: RawCallback) -> tuple[bool, str]:
    """Into the inbox first, then a job that reads it. Returns whether it was accepted, and the channel's own word."""
    with transaction():
        account = queries.account(number)
        inbox_id, accepted = gateway.take_callback(account, raw)
        if accepted:
            jobs.promise(intake.READ_CALLBACK, str(inbox_id))
    return accepted, queries.adapter_class(account).callback_answer
