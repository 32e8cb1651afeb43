"""A withdrawal is made, and its money set aside."""

from collections.abc import Mapping

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.cards import usage
from app.cards.models import Card
from app.cards.states import State as CardState
from app.channels import claims
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel.errors import NotThere, Refused
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.kernel.payee import Payee
from app.ledger import book
from app.runtime import live_events
from app.runtime.db import in_transaction, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal
from app.withdrawals.service import admission, deciding, movement
from app.withdrawals.states import Kind


def create(
    *,
    account: str,
    card: str,
    amount: Money,
    memo: str,
    fence: int,
    form_key: str,
    actor: Actor,
    kind: Kind = Kind.PAYOUT,
    funds: Funds = Funds.COLLECTED,
    replaces: str = "",
) -> str:
    """Record the wish to pay and set the money aside for it (amount + fee). Returns the number.

    The same form sent twice is one withdrawal. Refused in words: claim not held, account disabled, card not bound,
    limit exceeded, not enough available, and a form that was sent before with something else in it.
    """
    with transaction():
        source, payee = channels.account(account), cards.card(card)
        if payee.account_id != source.id:
            raise NotThere(card)
        wish = {"maker_id": actor.operator_id, "card_id": payee.id, "amount": amount, "memo": memo, "kind": kind}
        wish |= {"funds": funds, "replaces": replaces}
        if made := _made_before(form_key, wish):
            return made
        channel_rules.require_enabled(channel=source.channel_enabled, account=source.enabled, name=source.title)
        claims.require(source.id, fence=fence, actor=actor)
        if made := _made_before(form_key, wish):  # a double click: the second one waited for the first at the claim
            return made
        payee = cards.held(card)
        old = None
        if replaces:
            queries.held(replaces)
            old = queries.require_replaceable(replaces, amount=amount, holder=payee.holder)
        withdrawal = put(
            *(source, payee),
            amount=amount,
            memo=memo,
            kind=kind,
            funds=funds,
            replaces=replaces,
            form_key=form_key,
            actor=actor,
        )
        if old is not None:
            movement.note(old, "replaced", actor.username, why=withdrawal.number)
        return withdrawal.number


def put(
    source: channels.Account,
    payee: Card,
    *,
    amount: Money,
    memo: str,
    kind: Kind,
    funds: Funds,
    form_key: str,
    actor: Actor,
    replaces: str = "",
    sheet_id: int | None = None,
) -> Withdrawal:
    """The withdrawal itself, its hold and its first line: for a form, a row of a sheet, a replacement.

    Joins the caller's transaction, in which the account's claim was required and the card is held. Refused in words.
    """
    assert in_transaction()
    if payee.state != CardState.BOUND:
        raise Refused("收款人还没有绑定成功，不能提现", advice="请等绑定完成，或换一个已绑定的收款人")
    channel_rules.require_pays_to(Payee(payee.payee), source.can.pays_to, name=source.title)
    channel_rules.require_complete(queries.lacks(source, payee), name=source.title)
    channel_rules.require_funds(funds, source.can.funds, name=source.title)
    rules.require_fit_funds(kind, funds)
    rules.require_amount(amount, limit=source.single_limit)
    rules.require_clean_memo(memo, payee=cards.number_of(payee) if payee.payee != Payee.BANK_CARD else "")
    fee = channel_rules.fee(amount, fixed=source.fee_fixed, rate_ppm=source.fee_rate_ppm)
    number = new_number("W")
    admitted = admission.admit(source, payee, amount=amount, funds=funds)
    book.open_accounts(source.number)
    book.reserve(source.number, number, amount + fee, funds=funds)
    usage.begin(payee.id)
    withdrawal = Withdrawal(
        number=number,
        form_key=form_key,
        kind=kind,
        sheet_id=sheet_id,
        account_id=source.id,
        card_id=payee.id,
        payee=payee.payee,
        account_type=payee.account_type,
        holder=payee.holder,
        bank=payee.bank,
        card_masked=payee.number_masked,
        card_index=payee.number_index,
        funds=funds,
        amount=amount,
        fee=fee,
        memo=memo,
        replaces=replaces,
        maker_id=actor.operator_id,
        maker=actor.display_name,
        checkers=admitted.checkers,
        rulebook_id=admitted.rulebook_id,
        counted=True,
        business_day=admitted.day,
        made_at=admitted.at,
    )
    movement.begin(withdrawal, actor.username)
    audit.record(actor, "withdrawal.create", number, after={"amount": amount.yuan, "card": payee.number_masked})
    if not admitted.checkers:
        deciding.let_go_by_rule(withdrawal)
    live_events.announce("channels", source.number)
    return withdrawal


def _made_before(form_key: str, wish: Mapping[str, object]) -> str | None:
    """The number of what this form made already. Somebody who went back and changed it gets no silent success."""
    made = queries.by_form_key(form_key)
    if made is None:
        return None
    if any(getattr(made, name) != value for name, value in wish.items()):
        raise Refused(
            "这张表单已经提交过，生成了提现 %(number)s，改动后的内容没有提交",
            number=made.number,
            advice="要再提一笔，请重新打开“新建提现”",
        )
    return made.number
