"""Everything that can be done to roles. A change acts on the next request of whoever has the role."""

from collections.abc import Iterable

from sqlalchemy import delete, func, select

from app.auth import audit, queries, rules
from app.auth.identity import Actor
from app.auth.models import Operator, RoleChannel, RoleGrant, RoleRecord
from app.auth.permissions import Permission
from app.auth.service import people
from app.kernel.errors import NotThere, Refused
from app.runtime import live_events
from app.runtime.db import db, transaction

TOPIC = "operators"


def create(*, code: str, title_zh: str, title_en: str, note: str, like: str = "", actor: Actor) -> None:
    """A new role, with the permissions of another or with none."""
    rules.require_role_code(code)
    with transaction():
        queries.hold_roles()
        if queries.role(code) is not None:
            raise Refused("角色编码“%(code)s”已存在", code=code)
        last = db.session.scalar(select(func.max(RoleRecord.position))) or 0
        record = RoleRecord(code=code, title_zh=title_zh, title_en=title_en, note=note, position=last + 1)
        db.session.add(record)
        db.session.flush()
        audit.record(actor, "role.create", code, after={"title": title_zh, "like": like})
        if like:
            _grant(code, queries.rights_of(0, like).permissions, actor)
        live_events.announce(TOPIC)


def change(
    code: str,
    *,
    title_zh: str,
    title_en: str,
    note: str,
    permissions: Iterable[str],
    channels: Iterable[str],
    actor: Actor,
) -> None:
    """Names, grants 授权 and channels of a role. Nobody changes the role they have; some administrator always remains."""
    with transaction():
        queries.hold_roles()
        role = _other_role(code, actor)
        before = {"title_zh": role.title_zh, "title_en": role.title_en, "note": role.note}
        after = {"title_zh": title_zh, "title_en": title_en, "note": note}
        if before != after:
            role.title_zh, role.title_en, role.note = title_zh, title_en, note
            audit.record(actor, "role.change", code, before=before, after=after)
        _grant(code, permissions, actor)
        _limit(code, channels, actor)
        db.session.flush()
        if not queries.administrators():
            raise Refused("这样就没有人能管理用户了", advice="至少要有一位启用中的用户，其角色含“管理用户”。")
        people.renew_tokens(db.session.scalars(select(Operator.id).where(Operator.role == code)))
        live_events.announce(TOPIC)


def remove(code: str, *, actor: Actor) -> None:
    """A role that nobody has. The built-in ones stay."""
    with transaction():
        queries.hold_roles()
        role = _other_role(code, actor)
        if role.built_in:
            raise Refused("内置角色不能删除")
        if db.session.scalar(select(Operator.id).where(Operator.role == code).limit(1)):
            raise Refused("还有用户属于这个角色，不能删除", advice="请先把他们改到别的角色。")
        db.session.execute(delete(RoleGrant).where(RoleGrant.role == code))
        db.session.execute(delete(RoleChannel).where(RoleChannel.role == code))
        db.session.delete(role)
        audit.record(actor, "role.remove", code, before={"title": role.title_zh})
        live_events.announce(TOPIC)


def _other_role(code: str, actor: Actor) -> RoleRecord:
    role = queries.role(code)
    if role is None:
        raise NotThere(code)
    if code == actor.role:
        raise Refused("不能改自己所属的角色", advice="请属于另一个角色的管理员来改。")
    return role


def _grant(code: str, permissions: Iterable[str], actor: Actor) -> None:
    before, after = set(queries.rights_of(0, code).permissions), set(permissions)
    if unknown := after - set(Permission):
        raise Refused("没有名为 %(name)s 的权限", name=sorted(unknown)[0])
    rules.require_separated(after)
    if before == after:
        return
    db.session.execute(delete(RoleGrant).where(RoleGrant.role == code, RoleGrant.permission.in_(before - after)))
    db.session.add_all(RoleGrant(role=code, permission=str(one)) for one in sorted(after - before))
    db.session.flush()
    audit.record(
        actor, "role.grant", code, before={"taken": sorted(before - after)}, after={"given": sorted(after - before)}
    )


def _limit(code: str, channels: Iterable[str], actor: Actor) -> None:
    before, after = queries.channels_of_role(code), set(channels)
    if before == after:
        return
    rules.require_reach(after, own=actor.channels)
    db.session.execute(delete(RoleChannel).where(RoleChannel.role == code))
    db.session.add_all(RoleChannel(role=code, channel=one) for one in sorted(after))
    db.session.flush()
    audit.record(actor, "role.limit", code, before={"channels": sorted(before)}, after={"channels": sorted(after)})
