"""One withdrawal's page: how it stands, what is known, what may be done, and by whom."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth import queries as auth
from app.auth.identity import Actor, me
from app.auth.permissions import Permission
from app.cards import queries as cards
from app.channels import opening, versions
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.funds import FUNDS, Funds
from app.kernel.payee import PAYEES, Payee
from app.ledger import queries as ledger
from app.ledger.chart import Kind
from app.runtime.forms import StrictForm
from app.runtime.page import page, say
from app.withdrawals import queries, rules
from app.withdrawals.forms import OutcomeForm, ReasonForm, RejectForm
from app.withdrawals.queries import TraceLine, Withdrawal, sheets
from app.withdrawals.states import LABELS, UNKNOWN, VERBS, State

_FRESH = timedelta(minutes=1)
"""What just ended may be contradicted before its page listens: the page looks once more when it does."""
_ENDED_UNSENT = tuple(VERBS[verb] for verb in ("reject", "cancel", "give_way"))
_DECLARED = tuple(VERBS[verb] for verb in ("declare_paid", "declare_failed", "declare_late", "declare_returned"))
_RESULTS = (*(VERBS[verb] for verb in ("succeed", "fail", "return")), *_DECLARED)


def show_page(
    number: str,
    status: int = 200,
    *,
    reject_form: RejectForm | None = None,
    outcome_form: OutcomeForm | None = None,
    refuse_form: ReasonForm | None = None,
    back_form: ReasonForm | None = None,
    shown: str = "",
) -> ResponseReturnValue:
    """`shown`: what stood on the screen of somebody whose approval came too late; what differs is marked."""
    withdrawal = queries.by_number(number)
    person, state = me(), State(withdrawal.state)
    in_review, mine = state == State.REVIEW, withdrawal.maker_id == person.operator_id
    stand = queries.standing_approvals(withdrawal) if in_review else []
    approved = any(it.operator_id == person.operator_id for it in stand)
    left = max(withdrawal.checkers - len(stand), 1) if in_review else 0
    checks = in_review and person.can(Permission.WITHDRAWAL_APPROVE) and not mine
    trace = queries.trace(withdrawal)
    holds = queries.holds(withdrawal.id)
    proposal = queries.proposal(withdrawal.id)
    account = channels.account_by_id(withdrawal.account_id)
    facts = _facts(withdrawal)
    evidence = queries.evidence(withdrawal)
    return page(
        "withdrawals/show.html",
        status,
        withdrawal=withdrawal,
        account=account,
        kind=PAYEES[Payee(withdrawal.payee)],
        funds=FUNDS[Funds(withdrawal.funds)],
        version=versions.by_id(withdrawal.setting_id).version if withdrawal.setting_id else None,
        may_read_channel=person.can(Permission.CHANNEL_READ),
        card=cards.by_id(withdrawal.card_id),
        sheet=sheets.reference_of(withdrawal.sheet_id),
        trace=trace,
        hint=queries.latest_hint(trace),
        names=_names(trace),
        why=_last(trace, _ENDED_UNSENT).note,
        by_people=_last(trace, _RESULTS).title in _DECLARED,
        holds=[
            (
                rules.HOLDS[hold.reason],
                queries.heard(hold),
                rules.ADVICE[hold.reason],
                rules.HOLD_TONES.get(hold.reason),
            )
            for hold in holds
        ],
        returns=any(hold.reason == "returned" for hold in holds),
        fee_came_back=state == State.RETURNED and _fee_came_back(number),
        stands_still=any(hold.reason in rules.STAND_STILL for hold in holds),
        resends=channels.deduplicates(account.adapter),
        next_look=queries.next_looks([number]).get(number) if state in (State.QUEUED, *queries.OUT) else None,
        seen=queries.digest(withdrawal),
        shown=json.dumps(facts, ensure_ascii=False),
        changes=_changes(shown, facts),
        reject_form=_apart(reject_form or RejectForm(formdata=None), "reject"),
        back_form=_apart(back_form or ReasonForm(formdata=None), "back"),
        label=UNKNOWN if queries.is_unknown(withdrawal) else LABELS[state],
        unknown=queries.is_unknown(withdrawal),
        steps=queries.steps(withdrawal),
        may_check=checks and not approved,
        approvals=queries.approvals(withdrawal.id),
        stand=stand,
        approved=approved,
        left=left,
        oddities=queries.oddities(withdrawal) if checks else [],
        echoes=queries.echoes(withdrawal) if checks or queries.is_unknown(withdrawal) else None,
        labels=LABELS,
        unknown_label=UNKNOWN,
        may_cancel=mine and _is_unsent(withdrawal) and person.can(Permission.WITHDRAWAL_CANCEL),
        may_send_back=state == State.QUEUED and _is_unsent(withdrawal) and person.can(Permission.WITHDRAWAL_APPROVE),
        stop=queries.stop_of(withdrawal.account_id) if state == State.QUEUED else None,
        stop_words=rules.STOPS,
        halt=opening.now(withdrawal.account_id).said if state == State.QUEUED else None,
        own=in_review and mine,
        may_ask=state in queries.OUT,
        moving=state in (State.REVIEW, State.QUEUED, *queries.OUT) or clock.now() - trace[-1].at < _FRESH,
        **_outcome(withdrawal, person, bool(holds), outcome_form, refuse_form),
        proposal=proposal,
        past=[it for it in queries.outcomes(withdrawal.id) if it.state != "proposed"],
        evidence=evidence,
        is_old=rules.is_old(evidence),
        outcome_words=rules.OUTCOMES,
        replaced_by=queries.replacement(number),
        may_replace=_may_replace(withdrawal, person, bool(holds)),
    )


def _fee_came_back(number: str) -> bool:
    """As it was then: what the channel does with its fee may be another by now."""
    return any(it.kind == Kind.FEE_RETURN for its in (number, rules.late(number)) for it in ledger.entries(its))


def _last(trace: list[TraceLine], titles: Sequence[str]) -> TraceLine:
    """The latest of these lines; the first line of all where there is none of them."""
    return next((line for line in reversed(trace) if line.title in titles), trace[0])


def _is_unsent(withdrawal: Withdrawal) -> bool:
    return withdrawal.state in (State.REVIEW, State.QUEUED) and not withdrawal.attempts


def _may_replace(withdrawal: Withdrawal, person: Actor, waits: bool) -> bool:
    replaceable = withdrawal.state in rules.REPLACEABLE and not waits and not queries.replacement(withdrawal.number)
    return replaceable and person.can(Permission.WITHDRAWAL_CREATE)


def _outcome(
    withdrawal: Withdrawal, person: Actor, waits: bool, form: OutcomeForm | None, refuse: ReasonForm | None
) -> dict[str, object]:
    possible = rules.possible(State(withdrawal.state), waits=waits, attempts=withdrawal.attempts)
    form = form or OutcomeForm(formdata=None)
    _apart(form, "outcome")
    form.outcome.choices = [SelectChoice(it.value, say(rules.OUTCOMES[it])) for it in possible]
    asked = waits or queries.is_unknown(withdrawal) or bool(form.errors) or bool(form.form_errors)
    return {
        "outcome_form": form,
        "refuse_form": _apart(refuse or ReasonForm(formdata=None), "refuse"),
        "may_propose": bool(possible) and asked and person.can(Permission.WITHDRAWAL_DECLARE),
        "may_declare": person.can(Permission.WITHDRAWAL_DECLARE),
        "me_id": person.operator_id,
    }


def _apart(form: StrictForm, name: str) -> StrictForm:
    """Several forms of this page ask for a reason: each field gets an id that no other form has."""
    for field in form:
        field.id = f"{name}-{field.name}"
    return form


def _facts(withdrawal: Withdrawal) -> dict[str, str]:
    """What an approval is about, as the page shows it."""
    return {
        "amount": str(withdrawal.amount),
        "fee": str(withdrawal.fee),
        "holder": withdrawal.holder,
        "card": withdrawal.card_masked,
        "bank": withdrawal.bank,
        "funds": say(FUNDS[Funds(withdrawal.funds)]),
        "memo": withdrawal.memo,
    }


def _changes(shown: str, facts: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(what, before, now) of everything that is not what stood on the screen."""
    try:
        before = json.loads(shown) if shown else {}
    except ValueError:
        return []
    if not isinstance(before, dict) or not before:
        return []
    titles = {
        "amount": _("金额"),
        "fee": _("手续费"),
        "holder": _("开户人"),
        "card": _("收款账号"),
        "bank": _("开户行"),
        "funds": _("代付方式"),
        "memo": _("备注"),
    }
    return [(titles[name], str(before.get(name, "")), now) for name, now in facts.items() if before.get(name) != now]


def _names(trace: list[TraceLine]) -> dict[str, str]:
    """Who the trace speaks of, as people say it: names instead of usernames, words for the parts of the machine."""
    return auth.display_names({line.who for line in trace}) | {
        "worker": _("系统"),
        "submit": _("渠道答复"),
        queries.UNHEARD: _("没有收到有效的答复"),
        "query": _("系统查询"),
        "callback": _("渠道回调"),
        "statement": _("渠道流水"),
        "rule": _("系统核对"),
    }
