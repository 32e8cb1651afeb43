"""Whoever asked for work that a worker does: they are who does it, with the rights that they have when it is done."""

from app.auth import queries as people
from app.auth.identity import Actor


def on_behalf(operator_id: int, session_id: int) -> Actor:
    """The person in the session in which they asked. Somebody who was disabled meanwhile may do nothing any more."""
    person = people.operator(operator_id)
    rights = people.rights_of(person.id, person.role)
    return Actor(
        operator_id=person.id,
        username=person.username,
        display_name=person.display_name,
        role=person.role,
        session_id=session_id,
        permissions=rights.permissions if person.disabled_at is None else frozenset(),
        channels=rights.channels,
    )
