"""A database that was restored from a backup: what was sent after it is found in the journal, entered, and asked about.

Until the channel has answered for all of it nothing is sent (RELIABILITY I-14): the same money could leave twice.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.auth import queries as auth
from app.cards import usage
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.bank_card import AccountType
from app.kernel.errors import NotThere, Refused, Text, gettext_noop
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.payee import Payee
from app.ledger import book
from app.runtime import jobs, journal, vault
from app.runtime.db import db, insert, transaction
from app.withdrawals import queries
from app.withdrawals.models import LONGEST_SENTENCE, LostSend, Withdrawal
from app.withdrawals.queries import OUT
from app.withdrawals.service import admission, movement, stops
from app.withdrawals.states import ASK, ENTER, State

_AT_ONCE = 500
LOOK_AGAIN_S = 10.0
TROUBLES: Mapping[type[Exception], Text] = {
    NotThere: gettext_noop("恢复后的数据库里没有它的渠道账号或创建人：请管理员补建，系统随后自动补录"),
    vault.Sealed: gettext_noop("它的封存内容打不开：请技术人员放回当时的字段密钥，系统随后自动补录"),
    IntegrityError: gettext_noop("补录的内容与现有数据冲突：请技术人员按单号查明，系统会继续尝试"),
}
"""What keeps a lost send from being entered, where no rule says why. Tried again until it can be."""
_UNDONE = (State.REJECTED, State.CANCELLED, State.FAILED)
_COPIED = (
    *("form_key", "kind", "payee", "account_type", "funds", "holder", "bank", "card_masked", "card_index", "memo"),
    *("maker", "checker", "approval"),
)
_PLACE = {"table": "lost_send", "column": "sealed"}
"""A line of the journal is sealed as the row that it may become."""


def line_of(
    withdrawal: Withdrawal, *, account: str, card_number: str, reference: str, branch: Mapping[str, str]
) -> journal.Line:
    """What the journal keeps of a send that is about to leave: enough to enter it again where it was lost."""
    told = {name: getattr(withdrawal, name) for name in _COPIED} | {
        "card": reference,
        "branch": dict(branch),
        "card_number": card_number,
        "amount_minor": withdrawal.amount.minor,
        "fee_minor": withdrawal.fee.minor,
        "checkers": withdrawal.checkers,
        "made_at": withdrawal.made_at.isoformat(),
        "maker_id": withdrawal.maker_id,
        "replaces": withdrawal.replaces,
    }
    return journal.Line(
        number=withdrawal.number,
        account=account,
        attempt=withdrawal.attempts,
        at=clock.now().isoformat(),
        sealed=vault.seal(json.dumps(told, ensure_ascii=False), row=withdrawal.number, **_PLACE),
    )


def look() -> int:
    """Compare the journal with the database. Whatever is missing here stops all sending until it was entered and answered.

    Read from its end back to where both agree. Returns how many sends are missing.
    """
    lines, missing = journal.backwards(), dict[str, journal.Line]()
    while block := list(islice(lines, _AT_ONCE)):
        found = select(Withdrawal.number, Withdrawal.attempts).where(Withdrawal.number.in_({it.number for it in block}))
        known = {number: attempts for number, attempts in db.session.execute(found)}  # noqa: C416
        unknown = [line for line in block if line.attempt > known.get(line.number, 0)]
        for line in unknown:
            if line.number not in missing or missing[line.number].attempt < line.attempt:
                missing[line.number] = line
        if not unknown:
            break
    if missing:
        _stop(missing)
    else:
        with transaction():
            _let_go()
    return len(missing)


def _let_go() -> None:
    """Sending goes on when all that was missing is answered for. The stop is locked first: of two that each answer for the
    last one but the other's, the later sees both."""
    if stops.held_stop(stops.ALL, stops.RESTORED) and not queries.uncleared():
        stops.close_stop(stops.ALL, stops.RESTORED, by=movement.RULE)


def _stop(missing: dict[str, journal.Line]) -> None:
    with transaction():
        for line in missing.values():
            row = insert(LostSend).values(
                number=line.number, account=line.account, attempt=line.attempt, sent_at=line.sent_at, sealed=line.sealed,
                found_at=clock.now(), trouble="",
            )  # fmt: skip
            again = {
                "attempt": line.attempt,
                "sent_at": line.sent_at,
                "sealed": line.sealed,
                "entered_at": None,
                "cleared_at": None,
            }
            db.session.execute(
                row.on_conflict_do_update(
                    index_elements=[LostSend.number], set_=again, where=LostSend.attempt < line.attempt
                )
            )
            jobs.promise(ENTER, line.number)
        if queries.uncleared():  # they may have been entered and answered for while the journal was read
            first = min(line.sent_at for line in missing.values())
            stops.open_stop(stops.ALL, stops.RESTORED, detail=first.isoformat(timespec="seconds"), by=movement.RULE)


def enter(number: str) -> jobs.Again | None:
    """Enter one lost send, and see whether its channel has answered for it. The last one lets sending go on."""
    lost = db.session.get(LostSend, number)
    if lost is None or lost.cleared_at is not None:
        return None
    if lost.entered_at is None:
        try:
            with transaction():
                _enter(number)
        except (Refused, NotThere, vault.Sealed, IntegrityError) as problem:
            with transaction():
                said = problem.text if isinstance(problem, Refused) else TROUBLES[type(problem)]
                mine = update(LostSend).where(LostSend.number == number)
                db.session.execute(mine.values(trouble=said.kept(LONGEST_SENTENCE)))
            return jobs.Again(LOOK_AGAIN_S)
    with transaction():
        if not _is_answered(number):
            return jobs.Again(LOOK_AGAIN_S)
        stops.held_stop(stops.ALL, stops.RESTORED)
        db.session.execute(update(LostSend).where(LostSend.number == number).values(cleared_at=clock.now()))
        _let_go()
    return None


def _enter(number: str) -> None:
    lost = db.session.get(LostSend, number, populate_existing=True, with_for_update=True)
    assert lost is not None
    # Lines of before there were other payees name none, nor whether they are companies, nor of which funds they are paid.
    plain = {"payee": Payee.BANK_CARD, "account_type": AccountType.PRIVATE, "branch": {}, "funds": Funds.COLLECTED}
    told = plain | json.loads(vault.unseal(lost.sealed, row=lost.number, **_PLACE))
    withdrawal = queries.held(number) if queries.find(number) else _again(lost, told)
    setting_id = withdrawal.setting_id or channels.active_setting_id(withdrawal.account_id)
    # What the channel did not know before this send says nothing about it.
    learned: dict[str, Any] = {
        "attempts": max(withdrawal.attempts, lost.attempt),
        "sent_at": lost.sent_at,
        "setting_id": setting_id,
        "not_found": 0,
        "first_not_found_at": None,
    }
    if withdrawal.state in (State.REVIEW, State.QUEUED):
        if withdrawal.state == State.REVIEW:  # it was approved after the backup, by people that nobody remembers
            learned |= {"approval": told["approval"], "checker": told["checker"]}
            movement.hold(withdrawal, "lost", "")
        movement.move(withdrawal, "recover", movement.RULE, **learned)
    else:
        db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**learned))
        db.session.refresh(withdrawal)
    if withdrawal.state in _UNDONE:  # taken back here while its money was on its way: no rule may decide that
        movement.hold(withdrawal, "lost", "")
    jobs.promise(ASK, number)
    db.session.execute(update(LostSend).where(LostSend.number == number).values(entered_at=clock.now(), trouble=""))


def _again(lost: LostSend, told: Mapping[str, Any]) -> Withdrawal:
    """A withdrawal that was made after the backup, as it was when it was sent, and its hold. People are told to look."""
    account = channels.account(lost.account)
    amount, fee = Money(told["amount_minor"]), Money(told["fee_minor"])
    # NotThere: somebody who was made after the backup, and has to be made again
    maker = auth.operator(told["maker_id"])
    card = usage.known_again(
        reference=told["card"],
        account_id=account.id,
        payee=Payee(told["payee"]),
        number=told["card_number"],
        holder=told["holder"],
        bank=told["bank"],
        account_type=told["account_type"],
        branch=told["branch"],
        channel_card="",
        made_by=told["maker"],
    )
    book.open_accounts(account.number)
    book.reserve(account.number, lost.number, amount + fee, funds=Funds(told["funds"]))
    usage.begin(card.id)
    made_at = datetime.fromisoformat(told["made_at"])
    theirs = _take_back_what_was_made_instead(lost, told)
    withdrawal = Withdrawal(
        number=lost.number,
        account_id=account.id,
        card_id=card.id,
        amount=amount,
        fee=fee,
        maker_id=maker.id,
        checkers=told["checkers"],
        business_day=clock.business_day(made_at),
        made_at=made_at,
        counted=True,
        **theirs,
    )
    admission.count(withdrawal)
    db.session.add(withdrawal)
    db.session.flush()
    # What the journal had sealed was approved; its card may have another row here than the one that was signed for.
    approved = update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(approval=queries.digest(withdrawal))
    db.session.execute(approved)
    movement.note(withdrawal, "create", movement.RULE)
    movement.hold(withdrawal, "lost", "")
    return withdrawal


def _take_back_what_was_made_instead(lost: LostSend, told: Mapping[str, Any]) -> dict[str, Any]:
    """The same form, or the same row of a sheet, may have been made again before the journal was read. That one goes back,
    as long as it has not left, and this one has its words without its key."""
    theirs = {name: told[name] for name in _COPIED} | {"replaces": told["replaces"]}
    for found, instead in (
        (queries.by_form_key(told["form_key"]), {"form_key": lost.number}),
        (queries.find(queries.replacement(told["replaces"])) if told["replaces"] else None, {"replaces": ""}),
    ):
        if found is None:
            continue
        other = queries.held(found.number)
        if other.state in (State.REVIEW, State.QUEUED) and not other.attempts:
            movement.move(other, "give_way", movement.RULE, why=lost.number)
        theirs |= instead
    return theirs


def _is_answered(number: str) -> bool:
    """Did the channel say anything signed about it since it was entered, be it that it does not know it?"""
    withdrawal, lost = queries.by_number(number), db.session.get(LostSend, number)
    assert lost is not None and lost.entered_at is not None
    ended = withdrawal.state not in (*OUT, *_UNDONE)
    return ended or channels.was_answered(number, since=lost.entered_at)
