"""渠道参数: every change is made to a draft; putting it in force is a deed of its own, and so is trying it out."""

from collections.abc import Mapping, Sequence

from app.auth import audit
from app.auth.identity import Actor
from app.channels import breaker, gateway, parameters, queries, rules, trial, versions
from app.channels.contract import Interface, Setting, Shape
from app.channels.parameters import Flawed
from app.channels.queries import Account
from app.channels.service import drafting
from app.channels.states import State
from app.kernel.errors import Refused, Text
from app.runtime import http, jobs, live_events, vault
from app.runtime.db import transaction

Said = dict[str, object]


def begin(number: str, *, base: int | None = None, actor: Actor) -> int:
    """Begin a draft from the version in use, or from an earlier one. Returns its number. Refused while there is one."""
    with transaction():
        account = queries.account(number)
        found = versions.active(account.id) if base is None else versions.version(account.id, base)
        if found is None:
            raise Refused("这个渠道账号还没有可以照抄的参数版本")
        if not found.sealed:
            raise Refused("第 %(version)d 版已放弃，内容已清除，不能照抄", version=found.version)
        given = versions.given(number, found) | _own_number(account)
        draft = drafting.insert_draft(account, given, based_on=found.version, actor=actor)
        audit.record(actor, "setting.draft", number, after={"version": draft.version, "like": found.version})
        live_events.announce(rules.TOPIC, number)
        return draft.version


def save(
    number: str, typed: Mapping[str, str], *, cleared: Sequence[str] = (), edition: int, actor: Actor
) -> Sequence[str]:
    """The draft says this from now on. A secret that is left empty stays as it was. Returns the names of what is missing
    yet. Flawed when something in it can never be used."""
    with transaction():
        account = queries.account(number)
        found = versions.held_draft(account.id, edition)
        settings = queries.adapter_class(account).settings
        before = versions.given(number, found)
        given = parameters.merged(settings, before, typed, cleared=cleared) | _own_number(account)
        if flaws := parameters.malformed(settings, given) | _uncallable(settings, given):
            raise Flawed(flaws, settings)
        missing = list(parameters.missing(settings, given))
        if not missing and (flaws := dict(parameters.flaws(queries.adapter_class(account), given))):
            raise Flawed(flaws, settings)
        told = versions.told(found)
        drafting.rewrite(account, found, given, actor)
        old, new = _differing(account, told, versions.told(found))
        audit.record(actor, "setting.change", number, before=old, after={"version": found.version} | new)
        return missing


def discard(number: str, *, edition: int, actor: Actor) -> None:
    """The draft goes, and its secrets with it; what is in use stays."""
    with transaction():
        account = queries.account(number)
        found = versions.held_draft(account.id, edition)
        drafting.move(found, "discard", sealed="")
        audit.record(actor, "setting.discard", number, after={"version": found.version})
        live_events.announce(rules.TOPIC, number)


def activate(number: str, *, edition: int, overlap_s: int, why: str, actor: Actor) -> int:
    """Calls are signed with the draft from now on. Returns its version.

    The keys of the version before go on proving callbacks for `overlap_s`; 0: from now on they prove nothing. What was
    announced with it is finished with it. Flawed when something is missing or wrong.
    """
    assert overlap_s in parameters.OVERLAPS_S
    with transaction():
        account = queries.account(number)
        found = versions.held_draft(account.id, edition)
        kind = queries.adapter_class(account)
        given = versions.given(number, found)
        if flaws := dict(parameters.flaws(kind, given)) or _uncallable(kind.settings, given):
            raise Flawed(flaws, kind.settings)
        before = versions.active(account.id)
        told = versions.told(before) if before else {}
        if told == versions.told(found):
            raise Refused("草稿与现用的第 %(version)d 版完全相同，不必启用", version=before.version if before else 0)
        drafting.activate(account, found, overlap_s=overlap_s, why=why, actor=actor)
        old, new = _differing(account, told, versions.told(found))
        audit.record(
            actor,
            "setting.activate",
            number,
            before={"version": before.version if before else None} | old,
            after={"version": found.version, "overlap_s": overlap_s} | new,
            why=why,
        )
        breaker.hurry(account.id, number)
        jobs.promise("app.channels.jobs.pull_figures", number)  # the first who notices should be we
        live_events.announce(rules.TOPIC, number)
        return found.version


def try_out(number: str, version: int, *, actor: Actor) -> int:
    """Ask the channel something harmless with this version's parameters, now. Returns the id of the call, which tells how it
    went; nothing else is changed by it. Refused for versions that are over, with parameters missing, and while another
    trial is under way: it waits for a stranger."""
    with transaction():
        account = queries.account(number)
        found = versions.version(account.id, version)
        if found.state not in (State.DRAFT, State.ACTIVE):
            raise Refused("只能试草稿和现用的参数")
        kind = queries.adapter_class(account)
        given = versions.given(number, found)
        if flaws := dict(parameters.flaws(kind, given)) or _uncallable(kind.settings, given):
            raise Flawed(flaws, kind.settings)
        if trial.is_under_way():
            raise Refused("另一次试用还在等渠道答复", advice="最多等半分钟，请稍后再试")
        call = gateway.announce(Interface.TRY, account_id=account.id, setting_id=found.id, subject=number)
        audit.record(actor, "setting.try", number, after={"version": version})
    trial.ask(call)
    return call.id


def change_settings(
    number: str, settings: Mapping[str, str], *, actor: Actor | str, overlap_s: int = parameters.OVERLAP_S
) -> None:
    """A new version in use at once, from a command of the house itself; people draft and activate."""
    with transaction():
        account = queries.account(number)
        found = drafting.put_in_force(account, settings, why="", overlap_s=overlap_s, actor=actor)
        audit.record(actor, "channel.change-settings", number, after={"version": found.version})


def _own_number(account: Account) -> dict[str, str]:
    names = {setting.name for setting in queries.adapter_class(account).settings}
    return {parameters.ITS_NUMBER: account.merchant_no} if parameters.ITS_NUMBER in names else {}


def _uncallable(settings: Sequence[Setting], given: Mapping[str, str]) -> dict[str, Text]:
    """Addresses that we would not call, and why."""
    addresses = {it.name: given[it.name] for it in settings if it.shape is Shape.URL and given.get(it.name)}
    return {name: why for name, url in addresses.items() if (why := http.objection(url)) is not None}


def _differing(account: Account, before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Said, Said]:
    """What differs, by the channel's names of it, for the log: of keys their fingerprints."""
    settings = queries.adapter_class(account).settings
    old, new = (parameters.lines(settings, told, vault.fingerprint) for told in (before, after))
    names = [name for name in new if old[name].text != new[name].text]
    return {name: old[name].text for name in names}, {name: new[name].text for name in names}
