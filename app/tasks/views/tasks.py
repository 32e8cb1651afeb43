"""我的任务: what I hold, what waits there, what I am to sign, what I have done today."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards.states import RUN_LABELS
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.runtime.page import page
from app.tasks import queries
from app.withdrawals.states import LABELS

bp = Blueprint("tasks", __name__, url_prefix="/tasks")


@bp.get("/")
@needs(Permission.CLAIM_TAKE)
def index() -> ResponseReturnValue:
    mine = me().operator_id
    return page(
        "tasks/index.html",
        tasks=queries.tasks(mine),
        waiting=queries.waiting_for(mine),
        today=queries.today(mine),
        accounts={account.id: account for account in channels.accounts()},
        labels=LABELS,
        run_labels=RUN_LABELS,
        endings=channel_rules.ENDINGS,
    )
