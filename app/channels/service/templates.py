"""渠道模板: every change is made to a draft; using it is a deed of its own, and so is an account's following it."""

import re
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import func, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import gateway, manners, queries, tryout, versions
from app.channels.adapters.templated import Broken, Description, flaws, parse, pretty
from app.channels.adapters.templated.strict import NotStrict, read_json
from app.channels.contract import Reply
from app.channels.models import ChannelTemplate
from app.channels.parameters import OVERLAP_S
from app.channels.service import drafting
from app.kernel import clock
from app.kernel.errors import Malformed, Refused
from app.runtime.db import changed, db, transaction

_CODE = re.compile("[a-z][a-z0-9_]{1,19}")
LONGEST = 200_000
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of what stands behind them: a flaw would read as something else."""
_TOO_DEEP = re.compile("^ {80}", re.M)
"""Lines are set in by two: nothing in a description stands forty levels inside."""


def draft(code: str, text: str, *, actor: Actor) -> None:
    """Begin a draft of this text: of a new template, or of the next version. Refused while there is one."""
    if not _CODE.fullmatch(code):
        raise Refused("模板编码由 2 到 20 个小写字母、数字和下划线组成，以字母开头")
    title, written = _readable(text)
    with transaction():
        if manners.draft(code) is not None:
            raise Refused("已有一份草稿，请先启用或放弃它")
        newest = select(func.max(ChannelTemplate.version)).where(ChannelTemplate.code == code)
        version = (db.session.scalar(newest) or 0) + 1
        db.session.add(
            ChannelTemplate(
                code=code, title=title, version=version, state="draft", description=written, made_by=actor.display_name
            )
        )
        db.session.flush()
        audit.record(actor, "channel-template.draft", code, after={"version": version, "title": title})


def change(code: str, text: str, *, edition: int, actor: Actor) -> None:
    """The draft says this from now on, be it right or not yet. Refused where it is no JSON, or somebody was quicker."""
    title, written = _readable(text)
    with transaction():
        found = manners.held_draft(code)
        mine = update(ChannelTemplate).where(ChannelTemplate.id == found.id, ChannelTemplate.edition == edition)
        values = {"title": title, "description": written, "changed_by": actor.display_name, "changed_at": clock.now()}
        if not changed(mine.values(edition=edition + 1, **values)):
            raise _stale()
        audit.record(actor, "channel-template.change", code, after={"version": found.version, "title": title})


def discard(code: str, *, actor: Actor) -> None:
    """The draft goes; what is used stays as it is."""
    with transaction():
        found = manners.held_draft(code)
        db.session.delete(found)
        audit.record(actor, "channel-template.discard", code, before={"version": found.version})


def activate(code: str, *, edition: int, note: str, actor: Actor) -> int:
    """Accounts that are opened from now on speak like this; others follow one by one. Refused while anything is wrong."""
    with transaction():
        found = manners.held_draft(code)
        if found.edition != edition:
            raise _stale()
        try:
            wrong = flaws(parse(found.description))
        except Broken as broken:
            wrong = list(broken.flaws)
        if wrong:
            first = wrong[0]
            raise Refused("这份草稿还不能启用：%(place)s %(why)s", place=first.place, why=first.text)
        used = ChannelTemplate.state == "active"
        db.session.execute(update(ChannelTemplate).where(ChannelTemplate.code == code, used).values(state="retired"))
        now = clock.now()
        found.state, found.note, found.activated_by, found.activated_at = "active", note, actor.display_name, now
        db.session.flush()
        told = {"version": found.version, "title": found.title}
        audit.record(actor, "channel-template.activate", code, after=told, why=note)
        return found.version


def adopt(number: str, *, actor: Actor) -> int:
    """The account speaks by the version of its template that is used now, with the parameters it has. Returns it.

    What was sent before is still read as it was signed: the version of the parameters before this one names the old one.
    """
    with transaction():
        account = queries.account(number)
        given = gateway.settings(account.id)
        now = manners.pinned(account.adapter, None)
        code = manners.template_of(now)
        kind = manners.find(now) if code else None
        if kind is None or kind.code == account.adapter:
            raise Refused("这个账号已是现用的版本")
        missing = [it.label for it in kind.settings if not (it.optional or it.default or given.get(it.name))]
        if missing:
            raise Refused("新版模板还要这些参数：%(names)s", names="、".join(missing))
        version = manners.version_of(kind.code)
        drafting.put_in_force(
            replace(account, adapter=kind.code),
            given,
            why=versions.adopting(version),
            overlap_s=OVERLAP_S,
            actor=actor,
        )
        audit.record(
            actor,
            "channel.adopt-template",
            number,
            before={"version": manners.version_of(account.adapter)},
            after={"version": version},
        )
        return version


def try_out(
    code: str,
    description: Description,
    interface: str,
    *,
    about: Mapping[str, str],
    settings: Mapping[str, str],
    reply: Reply | None,
    asks: bool,
    actor: Actor,
) -> tryout.Trial:
    """What would be sent, how a given answer reads, or (`asks`) what the channel itself says to a harmless question."""
    try:
        if asks:
            if interface not in tryout.ASKS:
                raise Refused("试用只能向渠道提问：付款、绑卡、解绑不从这里发出")
            with transaction():
                audit.record(actor, "channel-template.try", code, after={"what": interface})
            return tryout.ask(description, interface, about, settings)
        if reply is not None:
            return tryout.hear(description, interface, about, settings, reply)
        if interface == "callback":
            raise Refused("请贴上回调的报文")
        return tryout.fill(description, interface, about, settings)
    except Malformed:
        raise
    except (
        ValueError,
        KeyError,
        TypeError,
        AssertionError,
    ) as problem:  # a key in PEM that is none, a kind of account that nobody has
        raise Refused("这些值不能用来组装请求，请检查密钥与取值") from problem


def _readable(text: str) -> tuple[str, str]:
    """Its title, and the JSON as we set it in lines. Refused where it has no one reading: nothing could be said about it."""
    if len(text) > LONGEST:
        raise Refused("模板太长，最多 %(count)d 个字符", count=LONGEST)
    try:
        found = read_json(text.encode("utf-8", "surrogatepass"))
    except NotStrict as problem:
        raise Refused("不是规范的 JSON：%(why)s", why=problem.why) from problem
    if not isinstance(found, dict):
        raise Refused("模板应为一个 JSON 对象 {…}")
    title = found.get("title")
    try:
        written = pretty(found)[0]
        written.encode()
    except RecursionError:
        raise Refused("模板的层次太深") from None
    except UnicodeEncodeError:  # half a character
        raise Refused("模板里有不能保存的字符") from None
    if _TOO_DEEP.search(written):
        raise Refused("模板的层次太深")
    if "\\u0000" in written or _TURNING.search(written):
        raise Refused("模板里有不能保存的字符")
    return (title if isinstance(title, str) else "")[:60], written


def _stale() -> Refused:
    return Refused("这份草稿刚刚被改过，您看到的不是最新的", advice="请看过最新内容后再改")
