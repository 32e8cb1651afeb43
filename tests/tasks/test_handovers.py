"""交接: what is handed over is signed before anything is changed, by whom it was given to, or by a supervisor with a reason."""

from datetime import timedelta

import pytest

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.channels import claims, queries
from app.channels import rules as channel_rules
from app.channels import service as channels
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.tasks import queries as tasks
from app.tasks import service
from app.tasks.rules import Brief
from tests.cards.test_pages import csrf, enters
from tests.channels.test_claims import at_once, holder
from tests.channels.test_lease import enters_as_maker
from tests.world import World


def given(world: World, account: str, *, to: Actor | None = None, note: str = "晚班接着查") -> str:
    return service.hand_over(
        account,
        fence=world.claimed(account),
        successor_id=to.operator_id if to else None,
        note=note,
        actor=world.maker,
    )


def brief(reference: str) -> Brief:
    db.session.rollback()
    return Brief.told(tasks.handover(reference).brief)


def require(account: str, by: Actor) -> None:
    with transaction():
        claims.require(queries.account(account).id, fence=holder_fence(account), actor=by)


def holder_fence(account: str) -> int:
    held = queries.holder(queries.account(account).id)
    return held.fence if held else 0


def test_the_successor_signs_and_the_lock_moves_with_it(world: World) -> None:
    account, heir = world.account(), world.person("heir", Role.OPERATOR)
    reference = given(world, account, to=heir)
    assert queries.holder(queries.account(account).id) is None
    with pytest.raises(Refused, match="没有领取"):
        require(account, world.maker)
    assert service.sign(reference, actor=heir) == account
    assert holder(account).operator_id == heir.operator_id
    require(account, heir)
    handover = tasks.handover(reference)
    assert (handover.signer, handover.why) == ("heir", "")
    with pytest.raises(Refused, match="已由 heir 签收"):
        service.sign(reference, actor=heir)
    (_now, claim) = queries.claims_of(queries.account(account).id)
    assert (claim.ending, claim.handover, claim.note) == ("handed_over", reference, "晚班接着查")


def test_what_is_given_by_name_is_for_nobody_else(world: World) -> None:
    account, heir, other = world.account(), world.person("heir", Role.OPERATOR), world.person("other", Role.OPERATOR)
    reference = given(world, account, to=heir)
    for deed in (lambda: channels.claim(account, actor=other), lambda: service.sign(reference, actor=other)):
        with pytest.raises(Refused, match="heir"):
            deed()
    assert service.sign(reference, actor=world.maker) == account, "whoever gave it may take it back"


def test_whoever_claims_it_changes_nothing_before_they_signed(world: World) -> None:
    account, next_one = world.account(), world.person("next", Role.OPERATOR)
    reference = given(world, account)
    world.claimed(account, by=next_one)
    with pytest.raises(Refused, match=reference):
        require(account, next_one)
    with pytest.raises(Refused, match=reference):
        service.hand_over(account, fence=holder_fence(account), successor_id=None, note="", actor=next_one)
    with pytest.raises(Refused, match="next"):
        service.sign(reference, actor=world.maker)
    assert [it.reference for it in tasks.waiting_for(next_one.operator_id)] == [reference]
    service.sign(reference, actor=next_one)
    require(account, next_one)
    assert tasks.waiting_for(next_one.operator_id) == []


def test_a_supervisor_signs_instead_with_a_reason(world: World) -> None:
    account, heir, other = world.account(), world.person("heir", Role.OPERATOR), world.person("other", Role.OPERATOR)
    reference = given(world, account, to=heir)
    service.sign_instead(reference, reason="李娜请假", actor=world.checker)
    assert (tasks.handover(reference).signer, tasks.handover(reference).why) == ("checker", "李娜请假")
    assert queries.holder(queries.account(account).id) is None, "it is nobody's until somebody claims it"
    world.claimed(account, by=other)
    require(account, other)


def test_only_the_holder_hands_over_and_only_to_who_may_take_it(world: World) -> None:
    account, heir = world.account(), world.person("heir", Role.OPERATOR)
    finance, fence = world.person("finance", Role.FINANCE), world.claimed(account)
    for wrong in (finance.operator_id, world.maker.operator_id, 10**9):
        with pytest.raises(Refused, match="不能交接给这个人"):
            service.hand_over(account, fence=fence, successor_id=wrong, note="", actor=world.maker)
    with pytest.raises(Refused, match="maker"):
        service.hand_over(account, fence=fence, successor_id=None, note="", actor=heir)
    world.ahead += timedelta(seconds=channel_rules.LEASE_S + 1)
    with pytest.raises(Refused, match="超时"):
        service.hand_over(account, fence=fence, successor_id=None, note="", actor=world.maker)
    assert queries.unsigned_handovers() == []


def test_of_two_who_sign_at_once_one_has_it(world: World) -> None:
    account = world.account()
    people = [world.person(f"racer{number}", Role.OPERATOR) for number in range(2)]
    for _ in range(5):
        reference = given(world, account)
        answers = at_once(world.app, *(lambda by=by, it=reference: service.sign(it, actor=by) for by in people))
        winners = [by for by, answer in zip(people, answers, strict=True) if answer == account]
        assert len(winners) == 1 and holder(account).operator_id == winners[0].operator_id, answers
        assert sum(isinstance(answer, Refused) for answer in answers) == 1, answers
        channels.release(account, actor=winners[0])


def test_the_brief_says_what_was_done_and_what_hangs(world: World) -> None:
    account = world.account()
    card = world.card(account)
    paid = world.withdrawal("100.00", account=account, card=card)
    world.approve(paid)
    world.until_state(paid, "paid")
    world.withdrawal("30.00", account=account, card=card)
    told = brief(given(world, account))
    assert [(it.state, it.count, it.amount) for it in told.open] == [("review", 1, Money.parse("30.00"))]
    assert [(it.state, it.count) for it in told.made] == [("review", 1), ("paid", 1)]
    assert [(it.state, it.amount) for it in told.ended] == [("paid", Money.parse("100.00"))]
    assert (told.cards, told.unknown_count, told.work, told.runs, told.sheets) == (1, 0, {}, (), ())
    assert told.settleable_before == Money.parse("10000.00") and told.hangs
    assert tasks.open_work([queries.account(account)]) == "关联的渠道账号还有 1 笔未完成的提现，不能删除"


def test_my_tasks_are_what_i_hold_and_what_i_did(world: World) -> None:
    account, left = world.account(), world.account()
    card = world.card(account)
    world.withdrawal("30.00", account=account, card=card)
    world.claimed(left)
    channels.finish(left, note="", actor=world.maker)
    (task,) = tasks.tasks(world.maker.operator_id)
    assert task.account.number == account and task.review and task.review.amount == Money.parse("30.00")
    assert (task.unknown.count, task.work, task.runs, task.unsigned) == (0, 0, (), None)
    today = tasks.today(world.maker.operator_id)
    assert [claim.ending for claim in today.claims] == ["finished"]
    assert [(it.state, it.count) for it in today.made] == [("review", 1)]
    assert tasks.tasks(world.checker.operator_id) == []


def test_a_hand_over_by_its_pages(world: World) -> None:
    account, heir = world.account(), world.person("heir", Role.OPERATOR)
    maker = enters_as_maker(world)
    assert "还没有领取" in maker.get("/handovers/new").text
    assert "请先领取" in maker.get("/handovers/new", query_string={"account": account}).text
    fence = world.claimed(account)
    page = maker.get("/handovers/new", query_string={"account": account}).text
    assert "都办完了" in page and "heir" in page
    sent = {"csrf_token": csrf(maker), "account": account, "fence": str(fence), "note": "晚班接着查"}
    assert maker.post("/handovers/", data=sent | {"successor": "-1"}).status_code == 422
    stale = maker.post("/handovers/", data=sent | {"successor": "", "fence": str(fence - 1)})
    assert stale.status_code == 409 and "晚班接着查" in stale.text
    answer = maker.post("/handovers/", data=sent | {"successor": str(heir.operator_id)})
    assert answer.status_code == 303
    path = answer.headers["Location"]
    assert "等待 heir 接收" not in maker.get(path).text, "the giver may take it back"
    successor = enters(world, "heir")
    assert path.rpartition("/")[2] in successor.get("/tasks/").text
    signed = successor.post(f"{path}/sign", data={"csrf_token": csrf(successor)})
    assert signed.headers["Location"] == f"/channels/{account}"
    assert "已签收" in maker.get(path).text
    assert path in successor.get(f"/channels/{account}/claims").text


def test_instead_of_the_one_who_is_named_others_sign(world: World) -> None:
    account, boss = world.account(), world.person("boss", Role.SUPERVISOR)
    path = f"/handovers/{given(world, account, to=world.checker)}"
    named, other = enters(world, "checker").get(path).text, enters(world, boss.username).get(path).text
    assert "接收确认" in named and "代为接收" not in named
    assert "等待 checker 接收" in other and "代为接收" in other
    assert f"{path}/sign-instead" in other and f'action="{path}/sign"' not in other


def test_a_claim_leads_to_what_is_to_be_signed(world: World) -> None:
    account = world.account()
    reference = given(world, account)
    checker = enters(world, "checker")
    sent = {"csrf_token": csrf(checker)}
    claimed = checker.post(f"/channels/{account}/claim", data=sent)
    assert claimed.headers["Location"] == f"/handovers/{reference}"
    assert "还没有接收确认" in checker.get(f"/channels/{account}").text
    assert "还没有接收确认" in checker.get(f"/channels/{account}/lease").text
    assert checker.post(f"/handovers/{reference}/sign-instead", data=sent | {"reason": ""}).status_code == 422
    done = checker.post(f"/handovers/{reference}/sign-instead", data=sent | {"reason": "本人接手"})
    assert done.status_code == 303
    assert "本人接手" in checker.get(f"/handovers/{reference}").text
    assert checker.get("/handovers/H0").status_code == 404
    with pytest.raises(NotThere):
        tasks.handover("H\0")


def test_a_place_is_removed_only_when_nothing_is_open_on_its_accounts(world: World) -> None:
    account = world.account()
    reference = channels.platforms.add(
        channel="dolphin",
        login_name="ops",
        address="https://a.example",
        password="Sea-horse-88",
        accounts=[account],
        note="",
        actor=world.checker,
    )
    number = world.withdrawal("30.00", account=account, card=world.card(account))
    channels.release(account, actor=world.maker)
    checker = enters(world, "checker")
    sent = {"csrf_token": csrf(checker), "reason": "换了登录名"}
    path = f"/platform-accounts/{reference}"
    refused = checker.post(f"{path}/remove", data=sent)
    assert refused.status_code == 409 and "1 笔未完成的提现" in refused.text
    checker.post(f"/withdrawals/{number}/reject", data=sent)
    assert checker.post(f"{path}/remove", data=sent | {"reason": ""}).headers["Location"] == path
    assert checker.post(f"{path}/remove", data=sent).headers["Location"] == "/platform-accounts/"
    page = checker.get(path).text
    assert "已删除" in page and "换了登录名" in page and "重置密码" not in page
    assert "还没有第三方平台账号" in checker.get("/platform-accounts/").text
