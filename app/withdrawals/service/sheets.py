"""批量提现: what people do with a sheet of withdrawals, from the file to the last row. `sheet_making` does the work."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.channels import claims
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.manners import abilities
from app.kernel import clock
from app.kernel.columns import Fault
from app.kernel.errors import Malformed, Refused
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.kernel.numbers import new_number
from app.kernel.payee import is_reference
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, transaction
from app.runtime.queue import Line
from app.uploads import checking, intake
from app.uploads.desk import Desk
from app.uploads.queries import SheetRow
from app.uploads.states import State as UploadState
from app.withdrawals import rules
from app.withdrawals.models import WithdrawalSheet
from app.withdrawals.queries import sheets
from app.withdrawals.queries.forecast import forecast
from app.withdrawals.rules import sheet as columns
from app.withdrawals.rules.forecast import require_known
from app.withdrawals.states import SHEET

TOPIC = "sheets"
MAKE = "app.withdrawals.jobs.make_sheet"
RESULT = "app.withdrawals.jobs.write_sheet_result"

DESK = Desk(
    purpose="withdrawals",
    check="app.withdrawals.jobs.check_sheet",
    form_of=lambda channel_id: columns.form_of(abilities(channels.channel_by_id(channel_id).adapter).pays_to),
    columns_of=columns.FORMS.__getitem__,
)


def check(reference: str) -> None:
    """The worker's part: read the sheet and judge its rows."""
    upload = DESK.upload(reference)
    account, form_id = channels.account_by_id(upload.account_id), upload.form_id
    checking.check(
        reference,
        checking.Plan(
            columns=columns.FORMS[form_id],
            index_key=columns.NUMBER,
            index=cards.indexer(),
            compare=_Compare(account, by_reference=columns.FORMS[form_id] is columns.OF_PAYEES),
            weigh=lambda text: sheets.weigh(account, {columns.AMOUNT: text(columns.AMOUNT) or ""}),
        ),
    )


class _Compare:
    """Each row beside the cards of the account, its limit, and the rows before it."""

    def __init__(self, account: channels.Account, *, by_reference: bool) -> None:
        self.account, self.by_reference = account, by_reference
        self._paid: dict[tuple[bytes, Money], int] = {}
        self._own_numbers: dict[str, int] = {}

    def __call__(self, rows: Sequence[SheetRow], indexes: Sequence[bytes], settled: checking.Settled) -> None:
        indexes = self._behind_references(rows, indexes, settled)
        wanted = [index.hex() for index in indexes if index != checking.NO_INDEX]
        payees = cards.payees(self.account.id, wanted)
        for one, index in zip(rows, indexes, strict=True):
            text = partial(settled, one)
            amount = self._amount(one, text(columns.AMOUNT))
            if index != checking.NO_INDEX:
                payee = payees.get(index.hex())
                named = text(columns.HOLDER)
                state, holder = (payee.state, payee.holder) if payee else (None, "")
                if flaw := columns.flaw_of_payee(state=state, holder=holder, named=named):
                    one.verdict.faults.append(Fault(flaw[0], flaw[1].template, {}))
                if amount is not None and (first := self._paid.setdefault((index, amount), one.row)) != one.row:
                    same = Fault(columns.AMOUNT, columns.SAME_PAYMENT.template, {"row": first})
                    one.verdict.warnings.append(same)
            own = text(columns.OWN_NUMBER)
            if own and (first := self._own_numbers.setdefault(own, one.row)) != one.row:
                twice = Fault(columns.OWN_NUMBER, columns.OWN_NUMBER_TWICE.template, {"row": first})
                one.verdict.faults.append(twice)

    def _behind_references(
        self, rows: Sequence[SheetRow], indexes: Sequence[bytes], settled: checking.Settled
    ) -> Sequence[bytes]:
        """Of a payee that is named by its reference, the index of what that stands for: it is the same payee."""
        if not self.by_reference:
            return indexes
        texts = [settled(one, columns.NUMBER) or "" for one in rows]
        known = cards.indexes_of(self.account.id, [text for text in texts if is_reference(text)])
        found = zip(texts, indexes, strict=True)
        return [bytes.fromhex(known[text]) if text in known else index for text, index in found]

    def _amount(self, one: SheetRow, text: str | None) -> Money | None:
        """None, where it cannot be read or paid: then the row says so."""
        if not text:
            return None
        try:
            amount = Money.parse(text)
            rules.require_amount(amount, limit=self.account.single_limit)
        except (Malformed, Refused) as no:
            one.verdict.faults.append(Fault(columns.AMOUNT, no.text.template, no.text.values))
            return None
        return amount


def confirm(
    upload_reference: str,
    *,
    count: int,
    amount: Money,
    fence: int,
    actor: Actor,
    funds: Funds = Funds.COLLECTED,
    stay: int = 0,
) -> str:
    """Make withdrawals of the good rows of this sheet from now on, of these funds. `count` and `amount` were typed in by
    hand; `stay`: so many rows are known not to leave today, and the maker goes on all the same. Refused where there are more.

    Returns the sheet's reference; confirming again is the same sheet.
    """
    staying, whole = _staying(upload_reference, funds), _whole(upload_reference, count)
    with transaction():
        upload = DESK.held(upload_reference)
        known = sheets.sheet_of(upload.id)
        if upload.state == UploadState.CONFIRMED and known is not None:
            return known.reference
        account = channels.account_by_id(upload.account_id)
        channel_rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        channel_rules.require_funds(funds, account.can.funds, name=account.title)
        claims.require(account.id, fence=fence, actor=actor)
        good = sheets.totals(upload)
        columns.require_control_totals(count=count, amount=amount, good=good, whole=whole)
        require_known(stay=staying, known=stay)
        left_out = intake.confirm(upload, seen=good.count)
        sheet = WithdrawalSheet(
            reference=new_number("S"),
            upload_id=upload.id,
            account_id=account.id,
            funds=funds,
            total=good.count,
            amount=good.amount,
            left_out=left_out,
            maker_id=actor.operator_id,
            maker=actor.display_name,
            session_id=actor.session_id,
        )
        db.session.add(sheet)
        db.session.flush()
        told = {"upload": upload_reference, "rows": count, "amount": amount.yuan, "left_out": left_out}
        if funds != Funds.COLLECTED:
            told["funds"] = str(funds)
        if staying:
            told["stay"] = staying
        audit.record(actor, "sheet.confirm", sheet.reference, after=told)
        _go_on(sheet)
        return sheet.reference


def _staying(upload_reference: str, funds: Funds) -> int:
    """How many rows would not leave today: counted before anything is locked, for it takes a while."""
    upload = DESK.upload(upload_reference)
    return forecast(upload, funds=funds).all.count if upload.state == UploadState.CHECKED else 0


def _whole(upload_reference: str, count: int) -> columns.Whole | None:
    """Likewise."""
    upload = DESK.upload(upload_reference)
    return sheets.whole(upload, count=count) if upload.state == UploadState.CHECKED else None


def pause(reference: str, *, fence: int, actor: Actor) -> None:
    """No further rows for now."""
    with transaction():
        sheet = _mine(reference, fence=fence, actor=actor)
        move_sheet(sheet, "pause", why=actor.display_name)
        audit.record(actor, "sheet.pause", reference)


def resume(reference: str, *, fence: int, actor: Actor) -> None:
    with transaction():
        sheet = _mine(reference, fence=fence, actor=actor)
        move_sheet(sheet, "resume", why="", needed=ZERO)
        audit.record(actor, "sheet.resume", reference)
        _go_on(sheet)


def stop(reference: str, *, fence: int, actor: Actor) -> None:
    """No further rows, ever. What was made stays as it is."""
    with transaction():
        sheet = _mine(reference, fence=fence, actor=actor)
        move_sheet(sheet, "stop", why=actor.display_name, needed=ZERO, ended_at=clock.now())
        audit.record(actor, "sheet.stop", reference, after={"cursor": sheet.cursor})
        jobs.promise(RESULT, reference, line=Line.SHEETS)


def erase_old() -> None:
    """The clock asks for it every hour."""
    DESK.erase_old(_is_needed)


def _is_needed(upload_id: int) -> bool:
    sheet = sheets.sheet_of(upload_id)
    return sheet is not None and sheet.state in sheets.UNDER_WAY


def move_sheet(sheet: WithdrawalSheet, verb: str, **values: object) -> None:
    """The only line in the room that changes withdrawal_sheet.state."""
    step = SHEET.move(sheet.state, verb)
    db.session.flush()
    mine = update(WithdrawalSheet).where(WithdrawalSheet.id == sheet.id, WithdrawalSheet.state == sheet.state)
    if not changed(mine.values(state=step.target, **values)):
        raise Refused("这批提现的状态刚刚变了，请刷新后再试")
    live_events.announce(TOPIC, sheet.reference)


def _go_on(sheet: WithdrawalSheet) -> None:
    jobs.promise(MAKE, sheet.reference, line=Line.SHEETS)
    live_events.announce(TOPIC, sheet.reference)


def _mine(reference: str, *, fence: int, actor: Actor) -> WithdrawalSheet:
    sheet = sheets.held_sheet(reference)
    claims.require(sheet.account_id, fence=fence, actor=actor)
    return sheet
