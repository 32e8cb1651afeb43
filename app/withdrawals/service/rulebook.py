"""提现规则: every change is made to a draft; the draft is tried on last week, and somebody else puts it in force."""

from sqlalchemy import func, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.db import changed, db, insert, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import RulebookVersion
from app.withdrawals.rules import rulebook, trial
from app.withdrawals.rules.rulebook import Rulebook


def draft(*, actor: Actor) -> None:
    """Begin a draft from what is in force. Refused while there is one."""
    with transaction():
        newest = db.session.scalar(select(func.max(RulebookVersion.version))) or 0
        row = insert(RulebookVersion).values(
            version=newest + 1,
            state="draft",
            body=rulebook.packed(queries.rulebook_in_force().book),
            made_by=actor.display_name,
            changed_by_id=actor.operator_id,
            changed_by=actor.display_name,
        )
        if not changed(row.on_conflict_do_nothing()):
            raise Refused("已有一份规则草稿", advice="请先启用或放弃它")
        audit.record(actor, "rulebook.draft", str(newest + 1))


def change(book: Rulebook, *, edition: int, actor: Actor) -> None:
    """The draft says this from now on. Refused when it cannot be a rulebook, or somebody was faster."""
    with transaction():
        found = queries.held_rulebook_draft()
        _require_sound(book)
        before = rulebook.unpacked(found.body)
        mine = update(RulebookVersion).where(RulebookVersion.id == found.id, RulebookVersion.edition == edition)
        values = {
            "body": rulebook.packed(book),
            "edition": edition + 1,
            "changed_by_id": actor.operator_id,
            "changed_by": actor.display_name,
            "changed_at": clock.now(),
        }
        if not changed(mine.values(values)):
            raise _stale()
        old, new = _said(before, book)
        audit.record(actor, "rulebook.change", str(found.version), before=old, after=new)


def discard(*, actor: Actor) -> None:
    """The draft goes; what is in force stays."""
    with transaction():
        found = queries.held_rulebook_draft()
        db.session.delete(found)
        audit.record(actor, "rulebook.discard", str(found.version))


def try_out(*, edition: int, actor: Actor) -> None:
    """Run the draft over last week's withdrawals and keep what came of it: for this edition and no other."""
    found = queries.require_rulebook_draft()
    if found.edition != edition:
        raise _stale()
    result = queries.tried(rulebook.unpacked(found.body), queries.rulebook_in_force().book)
    with transaction():  # the reading above took its time, and held nobody up
        mine = update(RulebookVersion).where(RulebookVersion.state == "draft", RulebookVersion.edition == edition)
        values = {"trial": trial.packed(result), "trial_edition": edition, "trial_at": clock.now()}
        if not changed(mine.values(values)):
            raise _stale()
        audit.record(actor, "rulebook.try", str(found.version), after={"count": result.total})


def activate(*, edition: int, note: str, actor: Actor) -> int:
    """Withdrawals are made by the draft from now on. Returns its version.

    Refused for whoever changed it last, and before this very edition was tried.
    """
    with transaction():
        found = queries.held_rulebook_draft()
        if found.edition != edition:
            raise _stale()
        if found.changed_by_id == actor.operator_id:
            raise Refused("不能启用自己最后修改的规则，请由另一人核对后启用")
        if found.trial_edition != edition:
            raise Refused("这份草稿改动后还没有试算", advice="请先试算，看过结果再启用")
        before, book = queries.rulebook_in_force(), rulebook.unpacked(found.body)
        _require_sound(book)
        in_force = RulebookVersion.state == "active"
        db.session.execute(update(RulebookVersion).where(in_force).values(state="retired"))
        found.state, found.note = "active", note
        found.activated_by_id, found.activated_by, found.activated_at = (
            *(actor.operator_id, actor.display_name),
            clock.now(),
        )
        db.session.flush()
        old, new = _said(before.book, book)
        audit.record(
            actor,
            "rulebook.activate",
            str(found.version),
            before={"version": before.version} | old,
            after={"version": found.version} | new,
            why=note,
        )
        return found.version


def _require_sound(book: Rulebook) -> None:
    if found := rules.flaws(book):
        raise Refused.saying(next(iter(found.values())))
    known = {account.number for account in channels.accounts()}
    if unknown := set(book.card_funded) - known:
        raise Refused("没有这个渠道账号：%(number)s", number=min(unknown))


def _said(before: Rulebook, after: Rulebook) -> tuple[dict[str, object], dict[str, object]]:
    """What differs, before and after."""
    old, new = rulebook.fields(before), rulebook.fields(after)
    names = [name for name in old if old[name] != new[name]]
    return {name: old[name] for name in names}, {name: new[name] for name in names}


def _stale() -> Refused:
    return Refused("这份草稿刚刚被改过，您看到的不是最新的", advice="请看过最新内容后再改")
