"""The book, to look at: all of it, and what happened to the money of one number.

It is about all channels at once, and this room does not know which entry belongs to which: `whole`.
"""

from flask import Blueprint, request
from flask.wrappers import Response

from app.auth.permissions import Permission, needs
from app.ledger import queries
from app.ledger.chart import LABELS
from app.runtime.page import page

bp = Blueprint("ledger", __name__, url_prefix="/ledger")


@bp.get("/")
@needs(Permission.LEDGER_READ, whole=True)
def index() -> Response:
    return page("ledger/index.html", book=queries.overview(), latest=queries.latest(request.args), labels=LABELS)


@bp.get("/about/<number>")
@needs(Permission.LEDGER_READ, whole=True)
def entries(number: str) -> Response:
    return page("ledger/entries.html", number=number, entries=queries.entries(number), labels=LABELS)
