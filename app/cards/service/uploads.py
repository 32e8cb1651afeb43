"""批量绑卡, until it is confirmed: the room's desk, and what is known of the cards in its sheets."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial

from sqlalchemy import select

from app.cards import queries, rules
from app.cards.models import Card
from app.cards.queries import runs
from app.cards.service.cards import lacks
from app.cards.states import State
from app.channels import queries as channels
from app.kernel.cells import Column
from app.kernel.columns import Fault
from app.kernel.errors import Text, gettext_noop
from app.kernel.payee import Payee, kind_of, read
from app.kernel.written import CORPORATE
from app.runtime.db import db
from app.uploads import checking
from app.uploads import queries as uploads
from app.uploads.desk import LONGEST, UPLOADS, Desk
from app.uploads.queries import SheetRow

BOUND = gettext_noop("已绑定在该渠道账号上")
EXAMPLE = gettext_noop("这是模版里的示例，请删除这一行")


def _form_of(channel_id: int) -> int:
    return queries.sheet_template(channel_id).id


def _columns_of(form_id: int) -> Sequence[Column]:
    return queries.template_by_id(form_id).columns


DESK = Desk(purpose="cards", check="app.cards.jobs.check", form_of=_form_of, columns_of=_columns_of)
receive, map_columns, discard = DESK.receive, DESK.map_columns, DESK.discard
accept, withdraw, accept_row, withdraw_row = DESK.accept, DESK.withdraw, DESK.accept_row, DESK.withdraw_row

__all__ = ["DESK", "LONGEST", "UPLOADS", "accept", "accept_row", "check", "discard", "erase_old", "map_columns", "receive",
           "withdraw", "withdraw_row"]  # fmt: skip


def check(reference: str) -> None:
    """The worker's part: read the sheet and judge its rows."""
    upload = DESK.upload(reference)
    columns = _columns_of(upload.form_id)
    checking.check(
        reference,
        checking.Plan(
            columns=columns,
            index_key=rules.NUMBER,
            index=queries.indexer(),
            compare=_Compare(upload.account_id, columns),
        ),
    )


class _Compare(checking.Once):
    """Each number once, and none that is known; where the kind of account is read from it, one that the channel pays to."""

    def __init__(self, account_id: int, columns: Sequence[Column]) -> None:
        super().__init__(rules.NUMBER, _Known(account_id, columns))
        self.account = channels.account_by_id(account_id)
        self.kinds: Set[Payee] = self.account.can.pays_to
        self.reads_kinds = columns is rules.OF_PAYEES

    def __call__(self, rows: Sequence[SheetRow], indexes: Sequence[bytes], settled: checking.Settled) -> None:
        super().__call__(rows, indexes, settled)
        for one in rows:
            number = settled(one, rules.NUMBER)
            corporate = settled(one, rules.ACCOUNT_TYPE) == CORPORATE
            if number and (self.reads_kinds or corporate):
                one.verdict.faults += self._faults(number, corporate, partial(settled, one))

    def _faults(self, number: str, corporate: bool, text: Callable[[str], str | None]) -> Iterator[Fault]:
        bank, kind = text(rules.BANK) or "", Payee.BANK_CARD
        if self.reads_kinds:
            if flaw := rules.flaw_of_payee(number, bank=bank, corporate=corporate, kinds=self.kinds):
                yield Fault(flaw[0], flaw[1].template, {})
                return
            kind = kind_of(read(number, corporate=corporate))
        branch = {key: text(key) or "" for key in queries.BRANCH}
        if said := lacks(self.account, kind, corporate=corporate, bank=bank, details=branch):
            yield Fault(rules.ACCOUNT_TYPE, said.template, {})


class _Known:
    """What is known of numbers already: bound to the account, or in another sheet that is being worked on."""

    def __init__(self, account_id: int, columns: Sequence[Column]) -> None:
        self.account_id = account_id
        index = queries.indexer()
        self.examples = {index(column.example) for column in columns if column.key == rules.NUMBER and column.example}
        self.elsewhere: dict[bytes, str] = {}
        for upload_id, run in runs.uploads_under_way(account_id).items():
            self.elsewhere |= dict.fromkeys(uploads.indexes([upload_id]), run)
        self.elsewhere.pop(checking.NO_INDEX, None)

    def __call__(self, indexes: Sequence[bytes]) -> Mapping[bytes, Text]:
        if not indexes:
            return {}
        bound = select(Card.number_index).where(
            Card.account_id == self.account_id,
            Card.number_index.in_([index.hex() for index in indexes]),
            Card.state.in_((State.BINDING, State.BOUND, State.UNBINDING)),
        )
        found: dict[bytes, Text] = {bytes.fromhex(index): BOUND for index in db.session.scalars(bound)}
        found |= dict.fromkeys(self.examples.intersection(indexes), EXAMPLE)
        for index in indexes:
            if index not in found and (run := self.elsewhere.get(index)):
                found[index] = Text("在另一批未完成的绑卡里（%(run)s）", run=run)
        return found


def erase_old() -> None:
    """The clock asks for it every hour."""
    DESK.erase_old(_is_needed)


def _is_needed(upload_id: int) -> bool:
    run = runs.run_of(upload_id)
    return run is not None and run.state in runs.UNDER_WAY
