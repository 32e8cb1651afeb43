"""Tables of people, their sessions, and what they did."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.auth.rules import IDLE_S, LANGUAGES, SHORTEST_IDLE_S, Ended
from app.kernel import clock
from app.runtime.db import Key, Model, append_only


def _one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=column)


class RoleRecord(Model):
    """A role 角色: a set of permissions with a name in both languages. The four built-in ones cannot be removed."""

    __tablename__ = "role"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    title_zh: Mapped[str] = mapped_column(String(40))
    title_en: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(String(200), default="")
    built_in: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class RoleGrant(Model):
    """A permission that a role has 授权."""

    __tablename__ = "role_grant"

    role: Mapped[str] = mapped_column(ForeignKey("role.code", ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(String(40), primary_key=True)


class RoleChannel(Model):
    """A channel that a role is limited to, by its code. A role without any is not limited."""

    __tablename__ = "role_channel"

    role: Mapped[str] = mapped_column(ForeignKey("role.code", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32), primary_key=True)


class Operator(Model):
    """A person. Without a password hash nobody can sign in with this name."""

    __tablename__ = "operator"
    __table_args__ = (
        _one_of("language", LANGUAGES),
        CheckConstraint(f"time_out_s BETWEEN {SHORTEST_IDLE_S} AND {IDLE_S}", name="time_out"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    username: Mapped[str] = mapped_column(String(32), unique=True)
    display_name: Mapped[str] = mapped_column(String(40))
    role: Mapped[str] = mapped_column(ForeignKey("role.code"), index=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    password_changed_at: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(String(2), default=LANGUAGES[0])
    time_out_s: Mapped[int] = mapped_column(default=IDLE_S)
    totp_sealed: Mapped[str | None] = mapped_column(String(200))
    totp_since: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class OperatorChannel(Model):
    """A channel that a person is limited to, by its code. A person without any is limited by their role alone."""

    __tablename__ = "operator_channel"

    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32), primary_key=True)


class RecoveryCode(Model):
    """A way in without the second factor, once. Only its MAC is kept."""

    __tablename__ = "recovery_code"

    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), primary_key=True)
    code_mac: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None]


class OperatorSession(Model):
    """One sign-in. The database itself refuses a second live one of the same person (RELIABILITY I-12)."""

    __tablename__ = "operator_session"
    __table_args__ = (
        Index(
            "uq_operator_session_live",
            "operator_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(None, "operator_id", "id"),
        _one_of("ended_reason", Ended),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_for_a_reason"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(200))
    verified_at: Mapped[datetime]
    """When the person last proved who they are: at sign-in, or asked again before a sensitive act."""
    former_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    renewed_at: Mapped[datetime | None]
    renew: Mapped[bool] = mapped_column(default=False)
    """The next request gets a new token: what this session may do has changed."""


@append_only
class AuditRecord(Model):
    """One line of the chain: `hash` is an HMAC over everything else here, `prev_hash` included."""

    __tablename__ = "audit_record"
    __table_args__ = (Index(None, "subject", "seq"), Index(None, "actor", "seq"), Index(None, "action", "seq"))

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(128))
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(String(45))
    session_id: Mapped[int | None] = mapped_column(BigInteger)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class AuditHead(Model):
    """The end of the chain: one row, locked by whoever appends."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


class ActivationLink(Model):
    """Lets one person choose a password, once: the first administrator, somebody new, or somebody who forgot theirs.

    One open link a person (and one for the first administrator): a new one voids the last.
    """

    __tablename__ = "activation_link"
    __table_args__ = (
        Index(
            "uq_activation_link_open",
            "operator_id",
            unique=True,
            sqlite_where=text("used_at IS NULL"),
            postgresql_where=text("used_at IS NULL"),
        ),
        Index(
            "uq_activation_link_first",
            "role",
            unique=True,
            sqlite_where=text("used_at IS NULL AND operator_id IS NULL"),
            postgresql_where=text("used_at IS NULL AND operator_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(ForeignKey("role.code"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
