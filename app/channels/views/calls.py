"""渠道日志: every call and every callback, found by any number, one page each."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import log, queries, rules, trial, versions
from app.channels.contract import Interface
from app.channels.forms import CallbackFilters, CallFilters
from app.channels.parameters import BASE_URL
from app.kernel.errors import Malformed
from app.runtime.listing import Listing
from app.runtime.page import page, say

bp = Blueprint("channel_calls", __name__, url_prefix="/channels/calls")
callbacks = Blueprint("channel_callbacks", __name__, url_prefix="/channels/callbacks")
TABS = ("detail", "request", "reply")
_CALLS_END = ("ok", "open", "not_sent", "unanswered", "bad_signature", "unreadable")
_CALLBACKS_END = ("taken", "bad_signature", "unreadable")


@bp.get("/")
@needs(Permission.CHANNEL_READ)
def index() -> ResponseReturnValue:
    filters = CallFilters(formdata=request.args)
    asked = [SelectChoice(name, say(words)) for name, words in rules.INTERFACES.items() if name != "callback"]
    filters.interface.choices = [SelectChoice("", _("全部")), *asked]
    return _list("channels/calls.html", filters, log.calls, _CALLS_END)


@bp.get("/<int(max=9223372036854775807):call_id>")
@needs(Permission.CHANNEL_READ)
def show(call_id: int) -> ResponseReturnValue:
    found = queries.call(call_id)
    words = {name: say(rules.kept(getattr(found, name))) for name in ("request", "signed_text", "reply")}
    tab = request.args.get("tab", "")
    account, setting = queries.account_by_id(found.account_id), versions.by_id(found.setting_id)
    return page(
        "channels/call.html",
        call=vars(found) | words,
        account=account,
        setting=setting,
        address=versions.told(setting).get(BASE_URL, ""),
        advice=trial.ADVICE[found.outcome] if found.interface == Interface.TRY else None,
        may_draft=me().can(Permission.CHANNEL_CONFIGURE),
        beside=[it for it in queries.calls_about(found.subject, limit=20) if it.id != found.id]
        if found.subject
        else [],
        tab=tab if tab in TABS else TABS[0],
        rules=rules,
    )


@callbacks.get("/")
@needs(Permission.CHANNEL_READ)
def index_of_callbacks() -> ResponseReturnValue:
    return _list("channels/callbacks.html", CallbackFilters(formdata=request.args), log.callbacks, _CALLBACKS_END)


@callbacks.get("/<int(max=9223372036854775807):inbox_id>")
@needs(Permission.CHANNEL_READ)
def show_callback(inbox_id: int) -> ResponseReturnValue:
    found = log.callback(inbox_id)
    headers, body = log.said_in(found)
    return page(
        "channels/callback.html",
        callback=found,
        account=queries.account_by_id(found.account_id),
        setting=versions.by_id(found.setting_id) if found.setting_id else None,
        headers=headers,
        body=body,
        rules=rules,
    )


def _list(
    template: str, filters: CallbackFilters, read: Callable[[Any], Listing], endings: tuple[str, ...]
) -> ResponseReturnValue:
    accounts = queries.accounts()
    filters.account.choices = [
        SelectChoice("", _("全部")),
        *(SelectChoice(account.number, account.title) for account in accounts),
    ]
    filters.outcome.choices = [
        SelectChoice("", _("全部")),
        SelectChoice(log.WRONG, _("一切异常")),
        *(SelectChoice(name, say(rules.OUTCOMES[name][0])) for name in endings),
    ]
    wrong, found = "", None
    try:
        found = read(request.args)
    except Malformed as problem:
        wrong = say(problem.text)
    both = {name: request.args[name] for name in ("number", "account", "from", "to") if request.args.get(name)}
    answer = page(
        template,
        filters=filters,
        listing=found,
        wrong=wrong,
        accounts={account.id: account for account in accounts},
        tabs=[
            (_("调用"), f"{url_for('channel_calls.index')}?{urlencode(both)}", None, template == "channels/calls.html"),
            (
                *(_("回调"), f"{url_for('channel_callbacks.index_of_callbacks')}?{urlencode(both)}", None),
                template == "channels/callbacks.html",
            ),
        ],
        rules=rules,
    )
    return (answer, 422) if wrong else answer
