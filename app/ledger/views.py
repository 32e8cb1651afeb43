"""The book, to look at: all of it, and what happened to the money of one number."""

from flask import Blueprint, request
from flask.wrappers import Response

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.kernel.errors import Refused
from app.ledger import queries
from app.ledger.chart import LABELS
from app.runtime.page import page

bp = Blueprint("ledger", __name__, url_prefix="/ledger")


@bp.get("/")
@needs(Permission.LEDGER_READ)
def index() -> Response:
    _require_all_channels()
    return page("ledger/index.html", book=queries.overview(), latest=queries.latest(request.args), labels=LABELS)


@bp.get("/about/<number>")
@needs(Permission.LEDGER_READ)
def entries(number: str) -> Response:
    _require_all_channels()
    return page("ledger/entries.html", number=number, entries=queries.entries(number), labels=LABELS)


def _require_all_channels() -> None:
    """The book is about all channels at once, and this room does not know which entry belongs to which."""
    if me().channels is not None:
        raise Refused("资金账本含全部渠道，您的账号只限部分渠道", advice="单笔提现的资金分录在该提现的页面上。")
