"""The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes for when it is lost."""

import hmac
import secrets

import pyotp
from sqlalchemy import delete, update

from app.auth import audit, queries
from app.auth.identity import Actor
from app.auth.models import Operator, RecoveryCode
from app.auth.rules import RECOVERY_CODES
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime import vault
from app.runtime.db import changed, db, transaction

ISSUER = "Paydesk"
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_STEP_S = 30


def begin(actor: Actor) -> None:
    """Make a secret that is not in use until a code of it was shown. Refused where one is in use already."""
    with transaction():
        operator = queries.held(actor.operator_id)
        if operator.totp_since is not None:
            raise Refused("动态验证码已经开启")
        operator.totp_sealed = vault.seal(pyotp.random_base32(), **_place(operator.id))
        operator.totp_step = 0


def secret_to_show(actor: Actor) -> tuple[str, str] | None:
    """The secret and its otpauth address, while it is not in use yet; never again after that."""
    operator = queries.operator(actor.operator_id)
    if operator.totp_sealed is None or operator.totp_since is not None:
        return None
    secret = vault.unseal(operator.totp_sealed, **_place(operator.id))
    return secret, pyotp.TOTP(secret).provisioning_uri(name=actor.username, issuer_name=ISSUER)


def confirm(actor: Actor, code: str) -> list[str]:
    """From now on a code is asked for at sign-in. The recovery codes, told once."""
    if not _takes_code(actor.operator_id, code, in_use=False):
        raise Refused("验证码不正确", advice="请核对手机的时间，并等应用换出下一个验证码。")
    with transaction():
        operator = queries.held(actor.operator_id)
        if operator.totp_since is not None:
            raise Refused("动态验证码已经开启")
        operator.totp_since = clock.now()
        codes = _new_codes(operator.id)
        audit.record(actor, "second_factor.enable", actor.username)
    return codes


def new_recovery_codes(actor: Actor) -> list[str]:
    """Ten new ones, told once; the ones before are void."""
    with transaction():
        if queries.held(actor.operator_id).totp_since is None:
            raise Refused("还没有开启动态验证码")
        codes = _new_codes(actor.operator_id)
        audit.record(actor, "second_factor.new_codes", actor.username)
    return codes


def disable(actor: Actor) -> None:
    """The person's own wish; the door asked for a proof before."""
    with transaction():
        take_away(actor.operator_id)
        audit.record(actor, "second_factor.disable", actor.username)


def take_away(operator_id: int) -> None:
    """Joins the caller's transaction."""
    gone = {"totp_sealed": None, "totp_since": None, "totp_step": 0}
    db.session.execute(update(Operator).where(Operator.id == operator_id).values(**gone))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.operator_id == operator_id))


def takes(operator_id: int, code: str) -> bool:
    """Is this a code of theirs, and unused? From now on it is used."""
    plain = "".join(code.split()).upper()
    if plain.isdecimal() and len(plain) == 6:
        return _takes_code(operator_id, plain, in_use=True)
    mac = _mac(operator_id, plain.replace("-", ""))
    with transaction():
        mine = (RecoveryCode.operator_id == operator_id, RecoveryCode.code_mac == mac, RecoveryCode.used_at.is_(None))
        used = bool(changed(update(RecoveryCode).where(*mine).values(used_at=clock.now())))
        if used:
            audit.record("nobody", "second_factor.use_recovery_code", queries.operator(operator_id).username)
    return used


def _takes_code(operator_id: int, code: str, *, in_use: bool) -> bool:
    """One step of 30 s before and after counts (a phone's clock), and no step counts twice (RFC 6238, 5.2)."""
    operator = queries.operator(operator_id)
    plain = "".join(code.split())
    if operator.totp_sealed is None or (operator.totp_since is not None) is not in_use or not plain.isascii():
        db.session.rollback()
        return False
    totp = pyotp.TOTP(vault.unseal(operator.totp_sealed, **_place(operator_id)))
    now = int(clock.now().timestamp()) // _STEP_S
    steps = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(totp.generate_otp(step), plain)]
    if not steps:
        db.session.rollback()
        return False
    with transaction():
        unused = (Operator.id == operator_id, Operator.totp_step < steps[0])
        return bool(changed(update(Operator).where(*unused).values(totp_step=steps[0])))


def _new_codes(operator_id: int) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.operator_id == operator_id))
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(operator_id=operator_id, code_mac=_mac(operator_id, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _mac(operator_id: int, code: str) -> str:
    return vault.mac(f"{operator_id}|{code}".encode(), purpose="recovery code")


def _place(operator_id: int) -> dict[str, str]:
    return {"table": "operator", "column": "totp_sealed", "row": str(operator_id)}
