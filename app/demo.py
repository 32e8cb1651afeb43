"""The demo: people, three sandbox channels of different manners, six accounts, thirty days of history, some cards.

Everything is made by the same commands that people use, against the sandbox as a real third party.
"""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid4, uuid5

from flask import Flask, current_app
from sqlalchemy import select

from app import demo_sheets
from app.auth import queries as auth_queries
from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.models import Operator
from app.auth.permissions import Role
from app.cards import queries as card_queries
from app.cards import service as cards
from app.channels import gateway, parameters, platforms, versions
from app.channels import queries as channels
from app.channels import service as channel_service
from app.collections import queries as collection_queries
from app.collections import service as collections
from app.collections.states import Kind, State
from app.config import config
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.signing import new_rsa_pair, public_of
from app.runtime import http
from app.runtime.db import db
from app.tasks import service as tasks

ROTATIONS = ("例行更换密钥", "渠道通知：旧密钥 11 月底停用")
ACCOUNTS_FILE = "demo-accounts.json"
HISTORY_DAYS = 30
ACTOR = "demo"

PEOPLE = (
    ("wangfang", "王芳", Role.OPERATOR),
    ("lina", "李娜", Role.OPERATOR),
    ("zhangwei", "张伟", Role.SUPERVISOR),
    ("chenjing", "陈静", Role.SUPERVISOR),
    ("liuyang", "刘洋", Role.FINANCE),
    ("zhaomin", "赵敏", Role.ADMINISTRATOR),
)
CHANNELS = (("dolphin", "海豚支付"), ("egret", "白鹭支付"), ("spruce", "云杉支付"))
# channel, account name, merchant number, balance before, growth a minute, single limit, fee a payout (yuan, all), weight
ACCOUNTS = (
    ("dolphin", "华东主账户", "880100231", "186000.00", "58.20", "50000.00", "2.00", 100),
    ("dolphin", "电商收款", "880100232", "42500.00", "21.35", "20000.00", "2.00", 50),
    ("egret", "总部账户", "EG20260017", "530000.00", "96.40", "200000.00", "1.50", 200),
    ("egret", "门店收款", "EG20260018", "68800.00", "33.10", "50000.00", "1.50", 100),
    ("spruce", "跨境业务", "SP-3301", "97000.00", "27.75", "50000.00", "3.00", 100),
    ("spruce", "会员充值", "SP-3302", "12400.00", "9.60", "10000.00", "3.00", 0),
)
DAYS = {"SP-3302": (Money.parse("30000.00"), 200)}
"""What some of them may send in a day by their own contract: so much, so many."""
CARDS = (
    ("6222021001116245777", "陈志强", "中国工商银行"),
    ("6217001210024455220", "林晓梅", "中国建设银行"),
    ("6228480402564890067", "黄建国", "中国农业银行"),
    ("6214830100799658", "周雅婷", "招商银行"),
)
ALSO_BOUND = ((ACCOUNTS[1], CARDS[:2]), (ACCOUNTS[2], CARDS[:2]), (ACCOUNTS[4], CARDS[:1]))
"""Payees of several accounts: for them one may choose a channel."""
DEPOSIT = "80000.00"
"""Paid in at the third account, to pay out of; in yuan."""


def seed() -> None:
    """Make the demo in an empty house, or go on where an earlier start was interrupted: every step is one that may be
    done twice. In a house that has its people already, only tell both sides where the other is now.
    """
    draft = config().data_dir / f"{ACCOUNTS_FILE}.part"
    if draft.exists():
        people = json.loads(draft.read_text())
    elif db.session.scalar(select(Operator.id).limit(1)) is None:
        people = [{"username": name, "password": auth.new_password(), "role": role} for name, _, role in PEOPLE]
        _write(draft, people)
    else:
        _introduce_again()
        return
    for (username, display_name, role), person in zip(PEOPLE, people, strict=True):
        if auth_queries.operator_named(username) is None:
            auth.create_operator(
                username=username, display_name=display_name, role=role, password=person["password"], actor=ACTOR
            )
    for code, name in CHANNELS:
        if channels.find(code) is None:
            channel_service.open_channel(code=code, name=name, adapter=code, actor=ACTOR)
    known = {account.number for account in channels.accounts()}
    for account in ACCOUNTS:
        if _number(account[2]) not in known:
            _account(*account)
    if known:
        _introduce_again()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(len(ACCOUNTS)) as pool:
        list(pool.map(lambda account: _history(app, _number(account[2])), ACCOUNTS))
    _a_colleague_at_work(people[1]["password"])
    _payees_of_several(people[0]["password"])
    _a_deposit(people[0]["password"], people[2]["password"])
    _templates(people[2]["password"])
    _rotations(people[5]["password"])
    _a_place_and_a_handover(*(person["password"] for person in people[:3]))
    demo_sheets.write(config().data_dir / "samples")
    draft.replace(config().data_dir / ACCOUNTS_FILE)  # last: while it is missing, the demo is not complete


def _write(path: Path, people: list[dict[str, str]]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(people, file, ensure_ascii=False, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _number(merchant_no: str) -> str:
    return f"C{merchant_no.replace('-', '')}"


def _account(
    channel: str, name: str, merchant_no: str, before: str, growth: str, limit: str, fee: str, weight: int
) -> None:
    number = _number(merchant_no)
    ours = _new_keys(channel)
    told = _register(
        {
            "manner": channel,
            "merchant_no": merchant_no,
            "name": name,
            "keys": _their_keys(channel, ours),
            "callback_url": _callback_url(number),
            "starting_balance_minor": Money.parse(before).minor,
            "deposited_minor": Money.parse(DEPOSIT if merchant_no == ACCOUNTS[2][2] else "0").minor,
            "growth_minor_per_minute": Money.parse(growth).minor,
            "collect_fee_ppm": 0,
            "payout_fee_minor": Money.parse(fee).minor,
            "history_days": HISTORY_DAYS,
        }
    )
    if "channel_public_key" in told:
        ours["channel_public_key"] = told["channel_public_key"]
    day_amount, day_count = DAYS.get(merchant_no, (None, None))
    channel_service.open_account(
        channel=channel,
        name=name,
        settings={"base_url": f"{config().sandbox_url}{told['base_path']}", "merchant_no": merchant_no, **ours},
        single_limit=Money.parse(limit),
        fee_fixed=Money.parse(fee),
        fee_rate_ppm=0,
        actor=ACTOR,
        number=number,
        bind_per_s=120,  # what the sandbox answers at its ease
        weight=weight,
        day_amount=day_amount,
        day_count=day_count,
    )


def _new_keys(channel: str) -> dict[str, str]:
    if channel == "egret":
        return {"private_key": new_rsa_pair()[0]}
    if channel == "spruce":
        return {"api_key": f"spk_{uuid4().hex[:16]}", "api_secret": uuid4().hex + uuid4().hex}
    return {"key": uuid4().hex}


def _their_keys(channel: str, ours: Mapping[str, str]) -> dict[str, str]:
    """What the third party must know of our settings."""
    if channel == "egret":
        return {"public_key": public_of(ours["private_key"])}
    return {name: ours[name] for name in ("key", "api_key", "api_secret") if name in ours}


def _history(app: Flask, number: str) -> None:
    with app.app_context():
        today = clock.business_day()
        for back in reversed(range(HISTORY_DAYS)):
            channel_service.pull_figures(number, today - timedelta(days=back))
        collections.book_collected(number)


def _a_colleague_at_work(password: str) -> None:
    """One account is held by another operator, and cards are bound to it: a console is never quite empty."""
    _token, lina = auth.sign_in("lina", password, address="127.0.0.1", user_agent="demo")
    account = channels.account(_number(ACCOUNTS[3][2]))
    if channels.holder(account.id) is None:
        channel_service.claim(account.number, actor=lina)
    for card in CARDS:
        _bind(account, *card, form_key=str(uuid5(NAMESPACE_OID, card[0])), actor=lina)


def _payees_of_several(password: str) -> None:
    """Some of the same payees are bound at free accounts of all three channels."""
    _token, wangfang = auth.sign_in("wangfang", password, address="127.0.0.1", user_agent="demo")
    for (_channel, _name, merchant_no, *_terms), payees in ALSO_BOUND:
        account = channels.account(_number(merchant_no))
        channel_service.claim(account.number, actor=wangfang)
        for card in payees:
            _bind(account, *card, form_key=str(uuid5(NAMESPACE_OID, merchant_no + card[0])), actor=wangfang)
        channel_service.release(account.number, actor=wangfang)


def _a_deposit(wangfang: str, zhangwei: str) -> None:
    """What was paid in at one account is in the book: entered by one, let in by another."""
    _token, maker = auth.sign_in("wangfang", wangfang, address="127.0.0.1", user_agent="demo")
    _token, checker = auth.sign_in("zhangwei", zhangwei, address="127.0.0.1", user_agent="demo")
    account = channels.account(_number(ACCOUNTS[2][2]))
    if collection_queries.opening_of(account.id, Funds.PREFUNDED) is None:
        collections.enter(
            account=account.number,
            funds=Funds.PREFUNDED,
            kind=Kind.OPENING,
            amount=Money.parse(DEPOSIT),
            arrived_on=clock.business_day(),
            evidence="渠道后台预存余额页",
            form_key=str(uuid5(NAMESPACE_OID, DEPOSIT)),
            actor=maker,
        )
    entered = collection_queries.opening_of(account.id, Funds.PREFUNDED)
    if entered is not None and entered.state == State.WAITING:
        collections.approve(entered.number, actor=checker)


def _bind(account: channels.Account, card: str, holder: str, bank: str, *, form_key: str, actor: Actor) -> None:
    """`form_key`: the same in every run, so that it is bound once."""
    held = channels.holder(account.id)
    assert held is not None
    reference = cards.bind(
        account=account.number,
        number=BankCard.parse(card),
        holder=holder,
        bank=bank,
        phone="",
        fence=held.fence,
        form_key=form_key,
        actor=actor,
    )
    cards.ask_channel(reference)


def _a_place_and_a_handover(wangfang: str, lina: str, zhangwei: str) -> None:
    """Two accounts are looked after at one platform account; one of them passed from hand to hand this morning."""
    _token, supervisor = auth.sign_in("zhangwei", zhangwei, address="127.0.0.1", user_agent="demo")
    accounts = [channels.account(_number(account[2])) for account in ACCOUNTS[:2]]
    if platforms.of_account(accounts[0].id) is None:
        channel_service.platforms.add(
            channel=ACCOUNTS[0][0],
            login_name="caiwu@demo",
            address="https://merchant.dolphin.example/login",
            password=channel_service.platforms.new_password(),
            accounts=[account.number for account in accounts],
            note="华东与电商共用一个登录名",
            actor=supervisor,
        )
    number = accounts[0].number
    if any(claim.handover for claim in channels.claims_of(accounts[0].id)):
        return
    _token, giver = auth.sign_in("wangfang", wangfang, address="127.0.0.1", user_agent="demo")
    _token, successor = auth.sign_in("lina", lina, address="127.0.0.1", user_agent="demo")
    channel_service.claim(number, actor=giver)
    held = channels.holder(accounts[0].id)
    assert held is not None
    reference = tasks.hand_over(
        number, fence=held.fence, successor_id=successor.operator_id, note="余额已核对，下午留意退票", actor=giver
    )
    tasks.sign(reference, actor=successor)
    channel_service.finish(number, note="", actor=successor)


def _templates(password: str) -> None:
    """Two of the channels want more than a number and a name, each its own."""
    _token, designer = auth.sign_in("zhangwei", password, address="127.0.0.1", user_agent="demo")
    for channel, note, columns in demo_sheets.TEMPLATES:
        found = channels.channel(channel)
        if card_queries.template(found.id).version:
            continue
        if card_queries.draft(found.id) is None:
            cards.templates.draft(channel, actor=designer)
        for column in columns:
            draft = card_queries.require_draft(found.id)
            if column.key not in draft.columns:
                cards.templates.put_column(channel, column, edition=draft.edition, actor=designer)
        edition = card_queries.require_draft(found.id).edition
        cards.templates.activate(channel, edition=edition, note=note, actor=designer)


def _rotations(password: str) -> None:
    """One account has changed its keys twice, and somebody drafts the next change with a key that the channel does not know."""
    channel, _name, merchant_no, *_ = ACCOUNTS[5]
    account = channels.account(_number(merchant_no))
    _token, keeper = auth.sign_in("zhaomin", password, address="127.0.0.1", user_agent="demo")
    for why in ROTATIONS[len(versions.ever_used(account.id)) - 1 :]:
        given = {**gateway.settings(account.id), **_new_keys(channel)}
        _draft(account, given, keeper)
        _introduce(channel, account, given)
        draft = versions.draft(account.id)
        assert draft is not None
        overlap_s = parameters.OVERLAP_S
        channel_service.settings.activate(
            account.number, edition=draft.edition, overlap_s=overlap_s, why=why, actor=keeper
        )
    if versions.draft(account.id) is None:
        _draft(account, {**gateway.settings(account.id), **_new_keys(channel)}, keeper)


def _draft(account: channels.Account, given: Mapping[str, str], keeper: Actor) -> None:
    if versions.draft(account.id) is None:
        channel_service.settings.begin(account.number, actor=keeper)
    draft = versions.draft(account.id)
    assert draft is not None
    channel_service.settings.save(account.number, given, edition=draft.edition, actor=keeper)


def _introduce_again() -> None:
    """Ports may have changed since the last start: the sandbox learns where to call, we learn where it listens."""
    present = {account.number: account for account in channels.accounts()}
    for channel, _name, merchant_no, *_ in ACCOUNTS:
        account = present.get(_number(merchant_no))
        if account is None:
            continue
        base_url = f"{config().sandbox_url}/{channel}"
        known = gateway.settings(account.id)
        _introduce(channel, account, known)
        if known["base_url"] != base_url:
            channel_service.change_settings(account.number, {**known, "base_url": base_url}, actor=ACTOR, overlap_s=0)


def _introduce(channel: str, account: channels.Account, known: Mapping[str, str]) -> None:
    """The sandbox knows the account by these keys, and where to call."""
    _register(
        {
            "manner": channel,
            "merchant_no": account.merchant_no,
            "name": account.name,
            "keys": _their_keys(channel, known),
            "callback_url": _callback_url(account.number),
        }
    )


def _register(what: dict[str, object]) -> dict[str, str]:
    answer = http.send(
        "POST",
        f"{config().sandbox_url}/control/merchants",
        body=json.dumps(what).encode(),
        headers={"Content-Type": "application/json"},
    )
    if answer.status != 200:
        raise Refused("沙箱渠道没有接受登记：%(body)s", body=answer.body.decode(errors="replace")[:200])
    told: dict[str, str] = json.loads(answer.body)
    return told


def _callback_url(number: str) -> str:
    return f"http://{config().host}:{config().port}/callbacks/{number}"
