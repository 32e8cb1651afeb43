"""The good rows of a sheet, read: what each of them wants to pay, and to whom. Nothing here writes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from app.cards import queries as cards
from app.kernel.money import Money
from app.kernel.payee import is_reference
from app.uploads import queries as uploads
from app.withdrawals.rules import sheet as rules


@dataclass(frozen=True, slots=True)
class Wish:
    """A good row, read."""

    row: int
    named: str
    number_index: str
    holder: str
    amount: Money
    memo: str
    own_number: str

    def __repr__(self) -> str:
        return f"Wish({self.row})"


def wishes(upload: uploads.Upload, *, after_row: int = 0, most: int | None = None) -> Iterator[list[Wish]]:
    """Those after this row, as many at once as the upload keeps together; `most`: so many in all."""
    mapping, decisions, index = uploads.mapping(upload), uploads.decisions(upload), cards.indexer()
    columns = rules.FORMS[upload.form_id]
    left = most
    for block in uploads.blocks(upload, after_row=after_row):
        found: list[Wish] = []
        for one in block:
            if left is not None and len(found) == left:
                break
            if one.is_good(decisions):
                found.append(_wish(one.row, one.texts(columns, mapping, decisions), index))
        if found:
            yield _behind_references(upload.account_id, found)
        if left is not None and not (left := left - len(found)):
            return


def _wish(row: int, texts: dict[str, str], index: Callable[[str], bytes]) -> Wish:
    return Wish(
        row=row,
        named=texts[rules.NUMBER],
        number_index=index(texts[rules.NUMBER]).hex(),
        holder=texts[rules.HOLDER],
        amount=Money.parse(texts[rules.AMOUNT]),
        memo=texts[rules.MEMO],
        own_number=texts[rules.OWN_NUMBER],
    )


def _behind_references(account_id: int, found: list[Wish]) -> list[Wish]:
    """Of a payee that is named by its reference, the index of what that stands for."""
    named = [wish.named for wish in found if is_reference(wish.named)]
    known = cards.indexes_of(account_id, named) if named else {}
    return [replace(wish, number_index=known[wish.named]) if wish.named in known else wish for wish in found]
