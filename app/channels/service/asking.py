"""What people set about asking a channel: the one command that writes it."""

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import manners, queries, rules
from app.channels.models import Channel
from app.channels.rules import asking
from app.channels.rules.asking import Chosen
from app.kernel.errors import Refused
from app.runtime import live_events
from app.runtime.db import db, transaction


def set_asking(code: str, chosen: Chosen, *, why: str, actor: Actor) -> None:
    """How often this channel is asked and what becomes of its fee: from the next question, and the next return, on. Refused
    where it would be less careful than its adapter is."""
    with transaction():
        found = queries.channel(code)
        for wrong in asking.flaws(chosen, asking.own(manners.adapter(found.adapter))).values():
            raise Refused.saying(wrong)
        before, after = asking.stored(asking.chosen(found)), asking.stored(chosen)
        differing = [name for name in after if after[name] != before[name]]
        db.session.execute(update(Channel).where(Channel.id == found.id).values(**after))
        audit.record(
            actor,
            "channel.set-asking",
            code,
            before={name: _plain(before[name]) for name in differing},
            after={name: _plain(after[name]) for name in differing},
            why=why,
        )
        live_events.announce(rules.TOPIC)


def _plain(value: object) -> object:
    """For the audit log; what its adapter says is nothing that was set."""
    return "" if value is None else value
