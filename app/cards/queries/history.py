"""What happened to one card. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime

from app.auth.audit import reading, words
from app.cards.models import Card
from app.cards.queries import runs
from app.cards.states import ROW_LABELS, RowState
from app.kernel.errors import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, newest first. `run`: the sheet it came with."""

    at: datetime
    what: str
    who: str
    why: str = ""
    run: str = ""


def history(card: Card) -> list[Line]:
    """Who did what to it, and which sheets brought it."""
    records = reading.about(card.reference)
    names = reading.names({record.actor for record in records})
    lines = [
        Line(
            at=record.at,
            what=words.deed(record.action),
            who=names.get(record.actor, words.who(record.actor, record.session_id, names)),
            why=record.why,
        )
        for record in records
    ]
    lines += [
        Line(
            at=row.at,
            what=ROW_LABELS[RowState(row.state)][0],
            who=row.filename,
            why=Text("第 %(row)d 行", row=row.row),
            run=row.reference,
        )
        for row in runs.of_card(card.id)
    ]
    return sorted(lines, key=lambda line: line.at, reverse=True)
