"""The book, to look at: all of it, and what happened to the money of one number."""

from flask import Blueprint, request
from flask.wrappers import Response

from app.auth.permissions import Permission, needs
from app.ledger import chart, queries
from app.runtime.page import page

bp = Blueprint("ledger", __name__, url_prefix="/ledger")

LABELS = {"kinds": chart.KIND_LABELS, "codes": chart.CODE_LABELS, "platform": chart.PLATFORM}


@bp.get("/")
@needs(Permission.LEDGER_READ)
def index() -> Response:
    return page("ledger/index.html", book=queries.overview(), latest=queries.latest(request.args), labels=LABELS)


@bp.get("/about/<number>")
@needs(Permission.LEDGER_READ)
def entries(number: str) -> Response:
    return page("ledger/entries.html", number=number, entries=queries.entries(number), labels=LABELS)
