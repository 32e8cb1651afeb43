"""The world of a story: people, channel accounts at a running sandbox, a real door for callbacks, and a clock one can move.

Everything is driven into its state through the same services that pages and workers use.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from typing import Any, Self
from uuid import uuid4

from flask import Flask
from werkzeug.serving import make_server

from app import examine
from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards import service as card_service
from app.channels import queries as channels
from app.channels import service as channel_service
from app.collections import service as collections
from app.collections.states import Kind
from app.config import Config
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.signing import new_rsa_pair
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.withdrawals import queries, rules, service
from tests.sandbox.third_party import ThirdParty

CARD = "6222021001116245777"
PASSWORD = "correct horse battery staple"
PATIENCE_S = 120.0
_numbers = count(1)
_pair = new_rsa_pair()


class World:
    """Opens with an operator, a supervisor and nothing else; accounts are added as a story needs them."""

    def __init__(self, app: Flask, third: ThirdParty) -> None:
        self.app, self.third = app, third
        self.ahead = timedelta()
        self.terms: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(clock.replaced(lambda: clock._system() + self.ahead))
        self.door = make_server("127.0.0.1", 0, self.app, threaded=True)
        threading.Thread(target=self.door.serve_forever, args=(0.02,), daemon=True).start()
        self._stack.callback(self.door.shutdown)
        self.maker = self.person("maker", Role.OPERATOR)
        self.checker = self.person("checker", Role.SUPERVISOR)
        return self

    def __exit__(self, *_problem: object) -> None:
        self._stack.close()
        db.session.remove()

    def environment(self) -> dict[str, str]:
        """What a process of its own must be told to work in this world."""
        config: Config = self.app.extensions["paydesk.config"]
        return {name: value for name, value in os.environ.items() if not name.startswith("PAYDESK_")} | {
            "PAYDESK_DATA_DIR": str(config.data_dir),
            "PAYDESK_DATABASE_URL": config.database_url,
            "PAYDESK_REDIS_URL": config.redis_url,
            "PAYDESK_SECRET_KEY": config.secret_key.get_secret_value(),
            "PAYDESK_FIELD_KEYS": config.field_keys.get_secret_value(),
            "PAYDESK_PRIVATE_TARGETS": config.private_targets,
        }

    def person(self, username: str, role: Role) -> Actor:
        """Somebody who is signed in."""
        auth.create_operator(username=username, display_name=username, role=role, password=PASSWORD, actor="test")
        return self.signed_in(username)

    def signed_in(self, username: str) -> Actor:
        return auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="test")[1]

    def account(
        self,
        manner: str = "dolphin",
        *,
        balance: str = "10000.00",
        fee: str = "2.00",
        adapter: str = "",
        deposit: str = "",
    ) -> str:
        """A channel account at the sandbox with money on it, its figures read and booked.

        `adapter`: where it is not the one that was written for this manner; the channel is then another too.
        `deposit`: what was paid in there to pay out of, and is in the book.
        """
        merchant_no = f"M{next(_numbers)}{uuid4().hex[:6]}"
        ours, theirs = _keys(manner, merchant_no)
        number = f"C{merchant_no}"
        told = self.third.post(
            "/control/merchants",
            json={
                "manner": manner,
                "merchant_no": merchant_no,
                "keys": theirs,
                "callback_url": f"http://127.0.0.1:{self.door.server_port}/callbacks/{number}",
                "starting_balance_minor": Money.parse(balance).minor,
                "deposited_minor": Money.parse(deposit or "0").minor,
                "payout_fee_minor": Money.parse(fee).minor,
                "collect_fee_ppm": 0,
            },
        ).json()
        ours |= {name: told[name] for name in ("channel_public_key",) if name in told}
        channel = adapter.replace(":", "-") or manner
        if channels.find(channel) is None:
            channel_service.open_channel(code=channel, name=channel, adapter=adapter or manner, actor="test")
        channel_service.open_account(
            channel=channel,
            name=merchant_no,
            settings={"base_url": f"{self.third.url}/{manner}", "merchant_no": merchant_no, **ours},
            single_limit=Money.parse("5000.00"),
            fee_fixed=Money.parse(fee),
            fee_rate_ppm=0,
            actor="test",
            number=number,
            bind_per_s=500,
        )
        self.terms[number] = manner, merchant_no
        self.until(lambda: ledger.balances_of([number])[number].available == Money.parse(balance))
        if deposit:
            self._pay_in(number, Money.parse(deposit))
        return number

    def _pay_in(self, number: str, amount: Money) -> None:
        top_up = collections.enter(
            account=number,
            funds=Funds.PREFUNDED,
            kind=Kind.OPENING,
            amount=amount,
            arrived_on=clock.business_day(),
            evidence="渠道后台充值流水",
            form_key=str(uuid4()),
            actor=self.maker,
        )
        collections.approve(top_up, actor=self.checker)

    def claimed(self, number: str, by: Actor | None = None) -> int:
        """The account is held by the maker; its fence."""
        channel_service.claim(number, actor=by or self.maker)
        held = channels.holder(channels.account(number).id)
        assert held is not None
        return held.fence

    def card(self, number: str, card_number: str = CARD) -> str:
        """A bound card's reference; bound once for each account."""
        known = cards.by_number(channels.account(number).id, cards.index_of(card_number))
        if known is not None:
            return known.reference
        reference = card_service.bind(
            account=number,
            number=BankCard.parse(card_number),
            holder="张三",
            bank="中国工商银行",
            phone="",
            fence=self.claimed(number),
            form_key=str(uuid4()),
            actor=self.maker,
        )
        self.until(lambda: cards.card(reference).state == "bound")
        return reference

    def withdrawal(
        self,
        amount: str,
        *,
        account: str = "",
        card: str = "",
        form_key: str = "",
        funds: Funds = Funds.COLLECTED,
    ) -> str:
        """One made by the maker, waiting for review."""
        account = account or self.account()
        card = card or self.card(account)
        return service.create(
            account=account,
            card=card,
            amount=Money.parse(amount),
            memo="",
            fence=self.claimed(account),
            form_key=form_key or str(uuid4()),
            actor=self.maker,
            funds=funds,
        )

    def approve(self, number: str, by: Actor | None = None) -> None:
        service.approve(number, seen=queries.digest(queries.by_number(number)), actor=by or self.checker)

    def state(self, number: str) -> str:
        db.session.rollback()
        return queries.by_number(number).state

    def until(self, held: Callable[[], Any], *, hurry_s: float = 0) -> Any:
        """Let workers work until this holds. `hurry_s`: how far the clock jumps each time there is nothing to do."""
        deadline = time.monotonic() + PATIENCE_S
        pause = threading.Event()
        while True:
            worked = sum(jobs.drain(line) for line in Line)
            db.session.rollback()
            if found := held():
                return found
            assert time.monotonic() < deadline, "it did not happen"
            if not worked:
                self.ahead += timedelta(seconds=hurry_s)
                pause.wait(0.02)

    def until_state(self, number: str, *states: str, hurry_s: float = 1) -> str:
        self.until(lambda: self.state(number) in states, hurry_s=hurry_s)
        return self.state(number)

    def paid_by_sandbox(self, account: str) -> dict[str, Any]:
        manner, merchant_no = self.terms[account]
        (found,) = self.third.get("/control/summary", manner=manner, merchant=merchant_no)["merchants"]
        return found

    def all_is_well(self) -> None:
        """Every promise about money holds, and the sandbox paid exactly what our ledger settled, nothing twice."""
        db.session.rollback()
        assert examine() == []
        for account in self.terms:
            told = self.paid_by_sandbox(account)
            assert told["paid_more_than_once"]["count"] == 0
            numbers = queries.numbers_of(channels.account(account).id)
            deeds = ledger.deeds()
            booked = [deeds.get(it, {}) for number in numbers for it in (number, rules.late(number))]
            settled = sum(deed["settle"].minor for deed in booked if "settle" in deed)
            assert told["paid"]["sum_minor"] == settled


def _keys(manner: str, merchant_no: str) -> tuple[dict[str, str], dict[str, str]]:
    if manner == "egret":
        return {"private_key": _pair[0]}, {"public_key": _pair[1]}
    if manner == "spruce":
        pair = {"api_key": f"k{merchant_no}", "api_secret": uuid4().hex}
        return pair, dict(pair)
    key = {"key": uuid4().hex}
    return key, dict(key)
