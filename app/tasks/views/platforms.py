"""Removing a platform account: only this room sees what is still open on its channel accounts."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import service as channels
from app.tasks import queries
from app.tasks.forms import ReasonForm

bp = Blueprint("platform_removal", __name__, url_prefix="/platform-accounts")


@bp.post("/<reference>/remove")
@needs(Permission.PLATFORM_MANAGE, proof=True)
def remove(reference: str) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        flash(_("请写明删除的原因"), "bad")
        return redirect(url_for("platforms.show", reference=reference), 303)
    channels.platforms.remove(reference, why=str(form.reason.data), above=queries.open_work, actor=me())
    flash(_("平台账号已删除，密码已清除"), "good")
    return redirect(url_for("platforms.index"), 303)
