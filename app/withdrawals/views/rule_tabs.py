"""The pages about rules, as tabs of one place: what this person may open of them."""

from flask import url_for
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission
from app.runtime.page import say
from app.withdrawals import queries
from app.withdrawals.rules import LISTS

Tab = tuple[str, str, int | None, bool]


def may_edit() -> bool:
    """Rules hold for the whole house: who is limited to some channels does not write them."""
    return me().can(Permission.WITHDRAWAL_RULES) and me().channels is None


def tabs(current: str) -> list[Tab]:
    found: list[tuple[str, str, str]] = [("index", _("现行规则"), url_for("withdrawal_rules.index"))]
    if may_edit():
        label = _("草稿（有）") if queries.rulebook_draft() is not None else _("草稿")
        found.append(("draft", label, url_for("withdrawal_rules.draft")))
    found.append(("versions", _("历史版本"), url_for("withdrawal_rules.versions")))
    if me().channels is None:
        found += [
            (kind, say(label), url_for("withdrawal_rules.payees", kind=kind)) for kind, (label, _note) in LISTS.items()
        ]
    return [(label, url, None, name == current) for name, label, url in found]
