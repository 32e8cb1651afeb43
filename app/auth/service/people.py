"""Everything that can be done to people: let in, change, lock out. Each command is one transaction."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from app.auth import audit, queries, rules
from app.auth.identity import Actor
from app.auth.models import ActivationLink, Operator, OperatorChannel, OperatorSession
from app.auth.permissions import Role
from app.auth.rules import Ended
from app.auth.service import passwords, second_factor, sessions
from app.auth.service.passwords import fingerprint
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.runtime import live_events, throttle
from app.runtime.db import changed, db, transaction

TOPIC = "operators"
_DEAD_LINK = "这个链接已失效：它只能使用一次，并在 15 分钟后过期"
_NEW_LINK = "请管理员重新生成一个；首个管理员的链接在服务器上生成。"


def set_language(actor: Actor, language: str) -> None:
    assert language in rules.LANGUAGES, f"{language!r} is not spoken here"
    with transaction():
        db.session.execute(update(Operator).where(Operator.id == actor.operator_id).values(language=language))


def set_time_out(actor: Actor, time_out_s: int) -> None:
    """After how long without a deed the person's own session ends."""
    if time_out_s not in rules.TIME_OUTS_S:
        raise Refused("没有这一档超时时间")
    with transaction():
        db.session.execute(update(Operator).where(Operator.id == actor.operator_id).values(time_out_s=time_out_s))
        audit.record(actor, "operator.set_time_out", actor.username, after={"time_out_s": time_out_s})


def change_password(actor: Actor, *, old: str, new: str) -> str:
    """The person's own new password. Their session gets a new token."""
    password_hash = passwords.hashed(new, username=actor.username)  # refused before the token is renewed, not after
    token = sessions.prove(actor, old, by_password=True)
    with transaction():
        _set_password(actor.operator_id, password_hash)
        audit.record(actor, "operator.change_password", actor.username)
    return token


def create_operator(
    *, username: str, display_name: str, role: str, password: str | None = None, actor: Actor | str
) -> int:
    """A new person's id. Without a password they exist, but cannot sign in."""
    with _a_free_name(username):
        name = rules.require_username(username)
        password_hash = passwords.hashed(password, username=name) if password is not None else None
        with transaction():
            return _add(name, display_name, role, password_hash, actor)


def invite(*, username: str, display_name: str, role: str, channels: Iterable[str] = (), actor: Actor | str) -> str:
    """A new person, and the token of the link by which they choose their password: once, within 15 minutes."""
    with _a_free_name(username):
        name = rules.require_username(username)
        channels = set(channels)
        rules.require_reach(channels, own=_reach(actor))
        with transaction():
            operator_id = _add(name, display_name, role, None, actor)
            _limit(operator_id, name, channels, actor)
            return _link(operator_id, role, name, actor)


def new_link(username: str, *, actor: Actor) -> str:
    """Another link for somebody who has not chosen a password yet; the one before is void."""
    with _somebody_else(username, actor) as operator:
        if operator.disabled_at is not None:
            raise Refused("这位用户已经停用，请先启用")
        if operator.password_hash is not None:
            raise Refused("这位用户已经启用，忘记密码请用“重置密码”")
        return _link(operator.id, operator.role, operator.username, actor)


def change(username: str, *, display_name: str, role: str, channels: Iterable[str], actor: Actor) -> None:
    """Name, role and channels. Acts on the person's next request. Nobody does it to themselves."""
    with _somebody_else(username, actor) as operator:
        _require_role(role, actor)
        before = {"display_name": operator.display_name, "role": operator.role}
        after = {"display_name": rules.require_display_name(display_name), "role": role}
        if before != after:
            operator.display_name, operator.role = after["display_name"], role
            db.session.flush()
            audit.record(actor, "operator.change", operator.username, before=before, after=after)
        _limit(operator.id, operator.username, channels, actor)
        _require_an_administrator()
        renew_tokens([operator.id])


def disable(username: str, *, reason: str, actor: Actor) -> None:
    """停用: their session ends now, and with it their claims. Nobody does it to themselves, nor to the last administrator."""
    with _somebody_else(username, actor) as operator:
        if operator.disabled_at is not None:
            raise Refused("这位用户已经停用")
        operator.disabled_at = clock.now()
        db.session.flush()
        _require_an_administrator()
        _void_links(operator.id)
        sessions.end_sessions(operator.id, Ended.DISABLED)
        audit.record(actor, "operator.disable", operator.username, why=reason)


def enable(username: str, *, actor: Actor) -> None:
    """启用: they may sign in again."""
    with _somebody_else(username, actor) as operator:
        if operator.disabled_at is None:
            raise Refused("这位用户没有停用")
        operator.disabled_at = None
        audit.record(actor, "operator.enable", operator.username)


def unlock(username: str, *, actor: Actor) -> None:
    """解锁: after too many wrong passwords, before the half hour is over."""
    with _somebody_else(username, actor) as operator:
        throttle.forget(queries.lock_name(operator.username), queries.proof_lock_name(operator.id))
        audit.record(actor, "operator.unlock", operator.username)


def reset_password(username: str, *, actor: Actor) -> str:
    """重置密码: the old one is gone, their session ends; the link to choose a new one."""
    with _somebody_else(username, actor) as operator:
        if operator.disabled_at is not None:
            raise Refused("这位用户已经停用，请先启用")
        operator.password_hash = None
        db.session.flush()
        _require_an_administrator()
        sessions.end_sessions(operator.id, Ended.RESET)
        throttle.forget(queries.lock_name(operator.username), queries.proof_lock_name(operator.id))
        audit.record(actor, "operator.reset_password", operator.username)
        return _link(operator.id, operator.role, operator.username, actor)


def reset_second_factor(username: str, *, actor: Actor) -> None:
    """重置动态验证码: the phone is lost, and the recovery codes too. Their session ends."""
    with _somebody_else(username, actor) as operator:
        if operator.totp_sealed is None:
            raise Refused("这位用户没有开启动态验证码")
        second_factor.take_away(operator.id)
        sessions.end_sessions(operator.id, Ended.RESET)
        audit.record(actor, "second_factor.reset", operator.username)


def end_sessions(username: str, *, actor: Actor) -> None:
    """下线: whatever is open of theirs ends now."""
    with _somebody_else(username, actor) as operator:
        if not sessions.end_sessions(operator.id, Ended.ENDED):
            raise Refused("这位用户现在没有登录")
        audit.record(actor, "session.end", operator.username)


def first_administrator_link() -> str:
    """The token of `/activate/<token>`: once, within 15 minutes, for a house without an administrator.

    Asking again voids the link before.
    """
    with transaction():
        if queries.administrators():
            raise Refused("已经有管理员了，不能再生成首个管理员的激活链接")
        return _link(None, Role.ADMINISTRATOR, Role.ADMINISTRATOR, "command line")


def link_for(token: str) -> Operator | None:
    """Whose link this is; None for the first administrator's, who has no name yet. Refused unless it is open."""
    link = queries.open_link(fingerprint(token), clock.now())
    if link is None:
        raise Refused(_DEAD_LINK, advice=_NEW_LINK)
    return queries.operator(link.operator_id) if link.operator_id else None


def activate(token: str, *, password: str, username: str = "", display_name: str = "") -> int:
    """Turn a link into the person it was made for, with the password they chose."""
    known = link_for(token)
    with _a_free_name(username):
        name = known.username if known else rules.require_username(username)
        password_hash = passwords.hashed(password, username=name)
        with transaction():
            now = clock.now()
            link = queries.open_link(fingerprint(token), now)
            spent = update(ActivationLink).where(
                ActivationLink.id == (link.id if link else 0), ActivationLink.used_at.is_(None)
            )
            if not link or not changed(spent.values(used_at=now)):
                raise Refused(_DEAD_LINK, advice=_NEW_LINK)
            if link.operator_id is not None:
                _set_password(link.operator_id, password_hash)
                operator_id = link.operator_id
            else:
                operator_id = _add(name, display_name, link.role, password_hash, name)
                db.session.execute(
                    update(ActivationLink).where(ActivationLink.id == link.id).values(operator_id=operator_id)
                )
            audit.record(name, "operator.activate", name, after={"role": link.role})
            return operator_id


def renew_tokens(operator_ids: Iterable[int]) -> None:
    """What these people may do has changed: their next request gets a new token. Joins the caller's transaction."""
    live = (OperatorSession.operator_id.in_(list(operator_ids)), OperatorSession.ended_at.is_(None))
    db.session.execute(update(OperatorSession).where(*live).values(renew=True))


@contextmanager
def _somebody_else(username: str, actor: Actor) -> Iterator[Operator]:
    """A transaction about another person than the one at the screen, who is held meanwhile."""
    with transaction():
        queries.hold_roles()
        known = queries.operator_named(username)
        if known is None:
            raise NotThere(username)
        if known.id == actor.operator_id:
            raise Refused("不能对自己做这件事", advice="请另一位管理员来做；自己的密码、语言与验证码在“我的账号”里。")
        operator = queries.held(known.id)
        yield operator
        live_events.announce(TOPIC, operator.username)


def _require_an_administrator() -> None:
    db.session.flush()
    if not queries.administrators():
        raise Refused("这是最后一位管理员，不能停用、降级或重置", advice="请先给另一位用户管理员角色并让其启用账号。")


def _reach(actor: Actor | str) -> frozenset[str] | None:
    return actor.channels if isinstance(actor, Actor) else None


def _require_role(role: str, actor: Actor | str) -> None:
    if queries.role(role) is None:
        raise Refused("没有这个角色，请刷新页面后再试")
    if isinstance(actor, Actor) and role == actor.role:
        return
    rules.require_separated(queries.rights_of(0, role).permissions)


def _add(name: str, display_name: str, role: str, password_hash: str | None, actor: Actor | str) -> int:
    _require_role(role, actor)
    now = clock.now() if password_hash else None
    display_name = rules.require_display_name(display_name)
    operator = Operator(
        username=name,
        display_name=display_name,
        role=role,
        password_hash=password_hash,
        password_changed_at=now,
    )
    db.session.add(operator)
    db.session.flush()
    audit.record(actor, "operator.create", name, after={"role": str(role), "display_name": display_name})
    live_events.announce(TOPIC, name)
    return operator.id


def _limit(operator_id: int, name: str, channels: Iterable[str], actor: Actor | str) -> None:
    """The channels this person is limited to; none: all that the role sees."""
    before, after = queries.channels_of(operator_id), set(channels)
    if before == after:
        return
    rules.require_reach(after, own=_reach(actor))
    db.session.execute(delete(OperatorChannel).where(OperatorChannel.operator_id == operator_id))
    db.session.add_all(OperatorChannel(operator_id=operator_id, channel=code) for code in sorted(after))
    was, shall_be = {"channels": sorted(before)}, {"channels": sorted(after)}
    audit.record(actor, "operator.limit", name, before=was, after=shall_be)


def _set_password(operator_id: int, password_hash: str) -> None:
    new = {"password_hash": password_hash, "password_changed_at": clock.now()}
    db.session.execute(update(Operator).where(Operator.id == operator_id).values(**new))


def _link(operator_id: int | None, role: str, name: str, actor: Actor | str) -> str:
    token, now = secrets.token_urlsafe(32), clock.now()
    _void_links(operator_id)
    db.session.add(
        ActivationLink(
            token_sha256=fingerprint(token),
            role=role,
            operator_id=operator_id,
            created_at=now,
            expires_at=now + timedelta(seconds=rules.LINK_S),
        )
    )
    audit.record(actor, "activation_link.create", name)
    return token


def _void_links(operator_id: int | None) -> None:
    whose = ActivationLink.operator_id.is_(None) if operator_id is None else ActivationLink.operator_id == operator_id
    db.session.execute(
        update(ActivationLink).where(whose, ActivationLink.used_at.is_(None)).values(used_at=clock.now())
    )


@contextmanager
def _a_free_name(username: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as problem:
        if "username" not in str(problem.orig):
            raise
        raise Refused("用户名“%(username)s”已经有人用了", username=username) from None
