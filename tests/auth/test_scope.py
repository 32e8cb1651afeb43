"""A limit to channels: what is foreign does not exist for them, on any page and in any command; their own is all theirs."""

import re
from contextvars import Context
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.auth import service as auth
from app.auth.permissions import PUBLIC, Role
from app.cards import queries as cards
from app.channels import queries as channels
from app.channels.models import ChannelCall, Claim
from app.ledger.models import Transfer
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.withdrawals.models import Withdrawal
from tests.world import PASSWORD, World

SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone

pytestmark = pytest.mark.slow

FIELDS = {
    "force-release": {"reason": "试一试"},
    "finish": {"note": ""},
    "renew": {"fence": "1"},
    "reject": {"reason": "试一试"},
    "reveal": {"reason": "试一试"},
    "approve": {"seen": "x"},
}
"""What the forms of these deeds ask for."""
ELSEWHERE = {"renew": (403, 404, 410)}
"""A heartbeat says only that nothing is held here, whatever the number."""
ROOMS = ("channels", "cards", "withdrawals", "ledger", "live")


class Person(FlaskClient):
    """Somebody at a browser. Every request gets a context of its own, as in production."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return Context().run(super().open, *args, **kwargs)

    def does(self, path: str, **form: str) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/me/").text)
        assert found
        return self.post(path, data={"csrf_token": found[1], **form})


class Houses:
    """Two channels, A (dolphin) and B (egret), each with an account, a card, a withdrawal and calls; people limited to A."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.app.test_client_class = Person
        self.boss = world.person("keeper", Role.ADMINISTRATOR)
        self.ours, self.theirs = (self._side(manner) for manner in ("dolphin", "egret"))
        self.people = {role: self._limited(role) for role in (Role.SUPERVISOR, Role.OPERATOR, Role.FINANCE)}

    def _side(self, manner: str) -> dict[str, Any]:
        account = self.world.account(manner)
        card = self.world.card(account)
        paid = self.world.withdrawal("12.00", account=account, card=card)
        self.world.approve(paid)
        self.world.until_state(paid, "paid")
        waiting = self.world.withdrawal("13.00", account=account, card=card)
        number = channels.account(account).id
        call = db.session.scalars(select(ChannelCall.id).where(ChannelCall.account_id == number).limit(1)).one()
        db.session.rollback()
        merchant_no = self.world.terms[account][1]
        return {
            **{"number": [account, waiting, paid], "reference": [card], "call_id": [call]},
            **{"words": [account, merchant_no, card, waiting, paid, manner]},
            **{"account": account, "waiting": waiting, "paid": paid, "card": card},
        }

    def _limited(self, role: Role) -> Person:
        name = f"a.{role}"
        auth.create_operator(username=name, display_name=name, role=role, password=PASSWORD, actor="test")
        auth.change(name, display_name=name, role=role, channels=("dolphin",), actor=self.boss)
        token, _actor = auth.sign_in(name, PASSWORD, address="127.0.0.1", user_agent="test")
        browser = self.world.app.test_client()
        assert isinstance(browser, Person)
        browser.set_cookie("paydesk_session", token)
        return browser

    def doors(self, side: dict[str, Any]) -> list[tuple[str, str]]:
        """Every route of these rooms that takes an argument, with each thing of this side in it."""
        found = []
        for rule in self.world.app.url_map.iter_rules():
            view = self.world.app.view_functions[rule.endpoint]
            if rule.endpoint.split(".")[0] not in ROOMS or getattr(view, "permission", None) == PUBLIC:
                continue
            if len(rule.arguments) != 1 or not rule.arguments <= side.keys():
                continue
            (name,) = rule.arguments
            for value in side[name]:
                built = rule.build({name: value})
                assert built
                found += [(method, built[1]) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
        return found

    def lists(self) -> list[str]:
        """Every page without an argument, and the searches that name what is theirs."""
        app = self.world.app
        plain = [
            str(rule)
            for rule in app.url_map.iter_rules()
            if "GET" in (rule.methods or ()) and not rule.arguments and not rule.endpoint.endswith(("stream", "static"))
            if getattr(app.view_functions[rule.endpoint], "permission", None) != PUBLIC
        ]
        there = self.theirs
        return [
            *plain,
            "/?channel=egret",
            f"/withdrawals/?account={there['account']}",
            "/withdrawals/?state=paid",
            "/withdrawals/?state=unknown",
            "/withdrawals/?size=100",
            f"/withdrawals/new?account={self.ours['account']}",
            f"/cards/?account={there['account']}",
            "/cards/?state=bound",
        ]


@pytest.fixture
def houses(world: World) -> Houses:
    return Houses(world)


def test_nothing_of_another_channel_exists_for_whoever_is_limited(houses: Houses) -> None:
    before = _state()
    for role, person in houses.people.items():
        hidden = 0
        for method, path in houses.doors(houses.theirs):
            if path.startswith("/ledger/"):
                assert person.get(path).status_code == 409, "the book is about all channels at once"
                continue
            form = {} if "/selections/" in path else FIELDS.get(path.rpartition("/")[2], {})
            status = (person.get(path) if method == "GET" else person.does(path, **form)).status_code
            assert status in (ELSEWHERE.get(path.rpartition("/")[2], ()) or (403, 404)), f"{role}: {path}: {status}"
            hidden += status == 404
        assert hidden > 8, role
    db.session.rollback()
    assert _state() == before, "and nothing was done"


def _state() -> list[object]:
    return [
        db.session.execute(select(Withdrawal.number, Withdrawal.state, Withdrawal.seq)).all(),
        db.session.execute(select(Claim.account_id, Claim.holder, Claim.fence, Claim.released_at)).all(),
        len(db.session.scalars(select(Transfer.id)).all()),
    ]


def test_what_is_made_for_another_channel_is_refused_as_if_it_were_not_there(houses: Houses) -> None:
    there, person = houses.theirs, houses.people[Role.OPERATOR]
    form = {"account": there["account"], "fence": "1", "form_key": str(uuid4())}
    withdrawal = {**form, "card": there["card"], "amount": "1.00", "memo": ""}
    bind = {**form, "c_number": "6217001210024455220", "c_holder": "张三", "c_bank": "中国建设银行", "c_phone": ""}
    for path, fields in (("/withdrawals/check", withdrawal), ("/withdrawals/", withdrawal), ("/cards/", bind)):
        assert person.does(path, **fields).status_code == 404, path
    mine = houses.ours
    fence = str(_claims(person, mine["account"]))
    crossed = withdrawal | {"account": mine["account"], "fence": fence}
    assert person.does("/withdrawals/check", **crossed).status_code == 404, "their card on our account"
    assert person.does("/withdrawals/", **crossed).status_code in (404, 409)


def test_lists_and_the_dashboard_hold_nothing_of_another_channel(houses: Houses) -> None:
    for role, person in houses.people.items():
        seen = 0
        for path in houses.lists():
            answer = person.get(path, follow_redirects=False)
            if answer.status_code != 200:
                continue
            seen += 1
            typed = path.partition("?")[2]  # what the reader typed stands on the page again
            for word in houses.theirs["words"]:
                if word not in typed:
                    assert str(word) not in _told(answer), f"{role}: {path} tells of {word}"
        assert seen > 12, role
    by_number = houses.people[Role.OPERATOR].get(f"/withdrawals/?q={houses.theirs['paid']}")
    assert by_number.status_code == 200, "no jump to what is not there"
    assert 'class="money"' not in by_number.text.partition('id="withdrawal_list"')[2].partition("</section>")[0]


def _told(answer: TestResponse) -> str:
    """What an answer says; of a sheet, what its parts say."""
    if answer.data.startswith(b"PK"):
        with ZipFile(BytesIO(answer.data)) as sheet:
            return "".join(sheet.read(part).decode() for part in sheet.namelist())
    return answer.text


def test_a_total_counts_only_what_one_may_see(houses: Houses) -> None:
    page = houses.people[Role.FINANCE].get("/withdrawals/").text
    assert "合计 2 笔" in page
    everything = houses.world.app.test_client()
    token, _ = auth.sign_in("checker", PASSWORD, address="", user_agent="")
    everything.set_cookie("paydesk_session", token)
    assert "合计 4 笔" in everything.get("/withdrawals/").text


def test_in_ones_own_channel_one_works_as_ever(houses: Houses) -> None:
    here, maker, checker = houses.ours, houses.people[Role.OPERATOR], houses.people[Role.SUPERVISOR]
    for method, path in houses.doors(here):
        if method == "GET":
            assert maker.get(path).status_code in (200, 403, 404, 409), path  # one number is not of every kind
    for path in (f"/channels/{here['account']}", f"/cards/{here['card']}", f"/withdrawals/{here['paid']}"):
        assert maker.get(path).status_code == 200, path
    assert maker.get(f"/channels/calls/{here['call_id'][0]}").status_code == 200
    page = checker.get(f"/withdrawals/{here['waiting']}").text
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen
    assert checker.does(f"/withdrawals/{here['waiting']}/approve", seen=seen[1]).status_code == 303
    houses.world.until_state(here["waiting"], "paid")
    fence = _claims(maker, here["account"])
    form = {"account": here["account"], "fence": str(fence), "form_key": str(uuid4())}
    made = maker.does("/withdrawals/", **form, card=here["card"], amount="1.00", memo="")
    assert made.status_code == 303
    houses.world.all_is_well()


def test_the_machine_is_not_limited(houses: Houses) -> None:
    """A job of another channel is done whoever sat at the screen when it was put on the list."""
    there = houses.theirs
    houses.world.approve(there["waiting"])
    houses.people[Role.OPERATOR].get("/")
    jobs.drain(Line.CHANNEL)
    houses.world.until_state(there["waiting"], "paid")
    assert cards.card(there["card"]).state == "bound"


def test_a_limit_that_is_lifted_or_changed_acts_on_the_next_request(houses: Houses) -> None:
    person, there, here = houses.people[Role.OPERATOR], houses.theirs, houses.ours

    def may(*codes: str) -> None:
        auth.change(f"a.{Role.OPERATOR}", display_name="x", role=Role.OPERATOR, channels=codes, actor=houses.boss)

    assert person.get(f"/channels/{there['account']}").status_code == 404
    may()
    assert person.get(f"/channels/{there['account']}").status_code == 200
    may("egret")
    assert person.get(f"/channels/{there['account']}").status_code == 200
    assert person.get(f"/channels/{here['account']}").status_code == 404


def _claims(person: Person, account: str) -> int:
    """Held by this person, whoever had it before: the fence."""
    held = channels.holder(channels.account(account).id)
    if held is not None:
        db.session.rollback()
        auth.end_sessions("maker", actor=auth.sign_in("keeper", PASSWORD, address="", user_agent="")[1])
    assert person.does(f"/channels/{account}/claim").status_code == 303
    db.session.rollback()
    held = channels.holder(channels.account(account).id)
    assert held is not None
    return held.fence
