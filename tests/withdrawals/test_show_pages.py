"""The page of one withdrawal, as people see it: what was typed stays, and the trace says who did what."""

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.auth.permissions import Role
from app.channels import queries as channels
from app.channels.contract import Observation, Seen
from app.channels.models import ChannelCall
from app.kernel.errors import Text, gettext_noop
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.service import movement
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_outcomes import PDF, out
from tests.world import World

ONE_ENGINE = True
GROUNDS = "渠道后台查到流水号 20261121-0001，金额一致，对方银行已入账"


def region(page: str, name: str) -> str:
    """The tag that opens a region."""
    found = re.search(rf'<section id="{name}"[^>]*>', page)
    assert found, name
    return found[0]


@pytest.fixture
def checker(world: World) -> Person:
    return Person(world, "checker")


def test_grounds_that_were_refused_stay_on_the_page(world: World, checker: Person) -> None:
    number = out(world)
    assert "hx-get" in region(checker.reads(f"/withdrawals/{number}"), "withdrawal_now")
    page = checker.does(f"/withdrawals/{number}/outcomes", reason=GROUNDS, status=422)
    assert GROUNDS in page and "请选择认定结果" in page
    assert "hx-" not in region(page, "withdrawal_now"), "the first word of the stream would bring a blank form"


def test_what_changed_before_an_approval_stays_on_the_page(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    shown = '{"amount": "90.00"}'
    page = checker.does(f"/withdrawals/{number}/approve", seen="0" * 64, shown=shown, status=409)
    assert "您打开页面之后有变化" in page and "<del>90.00</del>" in page
    assert "hx-" not in region(page, "withdrawal_now")


def test_the_trace_names_each_approver_for_their_own_line(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    service.send_back(number, reason="再看一次", actor=world.checker)
    world.approve(number, by=world.person("second", Role.FINANCE))
    lines = re.findall(
        r"<strong>审批通过</strong>.*?<span class=\"who\">([^<]+)<", checker.reads(f"/withdrawals/{number}"), re.S
    )
    assert lines == ["checker", "second"]


def test_who_rejects_is_not_named_for_an_approval_before(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    service.send_back(number, reason="再看一次", actor=world.checker)
    service.reject(number, reason="收款人不对", actor=world.person("second", Role.FINANCE))
    page = checker.reads(f"/withdrawals/{number}")
    lines = re.findall(r"<strong>审批(?:通过|驳回)</strong>.*?<span class=\"who\">([^<]+)<", page, re.S)
    assert lines == ["checker", "second"]


def test_it_names_the_version_of_the_parameters_that_it_was_signed_with(world: World, checker: Person) -> None:
    number = out(world)
    account = channels.account_by_id(queries.by_number(number).account_id).number
    link = f'<a class="no" href="/channels/{account}/settings/1">第 1 版</a>'
    assert link in checker.reads(f"/withdrawals/{number}")
    assert "第 1 版" not in checker.reads(f"/withdrawals/{world.withdrawal('3.00')}"), "nothing was signed yet"


def test_a_refusal_says_what_to_do_about_it(world: World, checker: Person) -> None:
    number = out(world)
    page = checker.does(f"/withdrawals/{number}/outcomes", reason=GROUNDS, outcome="failed", status=409)
    summary = re.search(r'<section class="error-summary".*?</section>', page, re.S)
    assert summary and summary[0].count("<li>") == 2, "why not, and what to do"


def test_a_file_that_is_too_large_is_called_too_large(world: World, checker: Person) -> None:
    number = out(world)
    slip = io.BytesIO(b"%PDF-" + bytes(6 * 1024 * 1024)), "slip.pdf"
    page = checker.does(f"/withdrawals/{number}/outcomes", reason=GROUNDS, outcome="paid", file=slip, status=413)
    assert "文件太大" in page and "5 MB" in page


def test_each_form_has_ids_of_its_own(world: World, checker: Person) -> None:
    """A label, and the link of an error, must find the field of their own form."""
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    with transaction():
        movement.hold(queries.held(number), "never_sent", "")
    page = checker.reads(f"/withdrawals/{number}")
    assert 'id="outcome-reason"' in page and 'id="back-reason"' in page
    service.outcomes.propose(
        number, outcome="as_is", reason="渠道后台核对", file_name="slip.pdf", content=PDF, actor=checker.actor
    )
    decided = checker.reads(f"/withdrawals/{number}")
    assert 'id="refuse-reason"' in decided
    for shown in (page, decided):
        ids = re.findall(r'\sid="([^"]+)"', shown)
        assert len(ids) == len(set(ids))


# What the page says is going on


def said(page: str) -> str:
    """Every notice of the page, one after the other."""
    return " ".join(re.findall(r'<div class="notice tone-\w+".*?</div></div>', page, re.S))


def hear(number: str, seen: Seen, **more: object) -> None:
    amount = Money.parse("10.17") if seen in (Seen.PAID, Seen.FAILED, Seen.RETURNED) else None
    told = {"signed": True, "number": number, "amount": amount} | more
    service.observe(number, Observation(seen=seen, **told), source="query")  # type: ignore[arg-type]


def test_what_was_said_before_does_not_explain_a_failure(world: World, checker: Person) -> None:
    number = out(world)
    hear(number, Seen.PENDING, message="受理成功")
    hear(number, Seen.FAILED)
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "受理成功" not in told and "渠道没有说明原因" in told


def test_the_reason_of_a_failure_is_told(world: World, checker: Person) -> None:
    number = out(world)
    hear(number, Seen.FAILED, message="户名不符")
    assert "渠道说明：“户名不符”" in said(checker.reads(f"/withdrawals/{number}"))


def test_a_signed_word_that_says_nothing_leaves_it_unknown(world: World, checker: Person) -> None:
    number = out(world, "10.04")  # not taken, and no answer
    hear(number, Seen.PENDING, vague=True, message="系统繁忙")
    assert queries.is_unknown(queries.by_number(number))
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "结果未知" in told and "渠道已受理" not in told
    hear(number, Seen.PENDING)
    assert "渠道已受理" in said(checker.reads(f"/withdrawals/{number}"))


def test_another_amount_is_told_beside_how_it_stands(world: World, checker: Person) -> None:
    number = out(world)
    hear(number, Seen.PAID, amount=Money.parse("11.00"))
    hear(number, Seen.PAID)
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "渠道说 ¥11.00，我方记录 ¥10.17" in told and "确认付款成功" in told
    assert "渠道说 ¥11.00" in checker.reads("/work/")


def test_a_return_is_explained_once(world: World, checker: Person) -> None:
    number = out(world)
    hear(number, Seen.RETURNED)
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "手续费不退" in told and "再决定是否" not in told, "the work says what to do first"
    (hold,) = queries.holds(queries.by_number(number).id)
    service.work.resolve(hold.id, reason="已与收款人核对", actor=world.checker)
    assert "请核对收款人与卡号" in said(checker.reads(f"/withdrawals/{number}"))


def test_what_people_declared_is_not_said_to_be_the_channels_word(world: World, checker: Person) -> None:
    number = out(world)
    proposal = service.outcomes.propose(
        number, outcome="paid", reason=GROUNDS, file_name="a.pdf", content=PDF, actor=world.checker
    )
    service.outcomes.confirm(number, proposal, actor=world.person("second", Role.FINANCE))
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "已付款（人工认定）" in told and "渠道于" not in told
    assert queries.trace(queries.by_number(number))[-1].who == "second"


def test_why_it_was_rejected_is_told_whatever_is_heard_afterwards(world: World, checker: Person) -> None:
    number = world.withdrawal("10.17")
    service.reject(number, reason="收款人不对", actor=world.checker)
    hear(number, Seen.PAID)
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "原因：“收款人不对”" in told


def test_a_send_is_told_before_what_came_of_it(world: World) -> None:
    number = world.withdrawal("10.00")
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"
    titles = [line.title for line in queries.trace(queries.by_number(number))]
    assert titles.index("开始发送") < titles.index("提交代付") < titles.index("渠道确认成功")


def test_what_a_rule_wrote_is_said_in_the_readers_language(world: World) -> None:
    number = world.withdrawal("10.00")
    with transaction():
        movement.note(queries.held(number), "lapse", movement.RULE, why=gettext_noop("审批已超过 24 小时，请重新审批"))
        movement.note(queries.held(number), "refuse", "checker", why='["not", {"ours": 1}]')
    rule, person = (line.note for line in queries.trace(queries.by_number(number))[-2:])
    assert isinstance(rule, Text) and rule == "审批已超过 24 小时，请重新审批"
    assert not isinstance(person, Text) and person == '["not", {"ours": 1}]'


def test_the_first_of_two_approvers_is_not_told_that_it_is_sent(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(checkers=2))
    here, maker = f"/withdrawals/{number}", Person(world, "maker")
    assert "需要 2 人审批，还没有人通过" in maker.reads(here)
    page = checker.reads(here)
    assert "通过 ¥100.00，交下一位审批" in page and "现在不会付款" in page
    assert "通过并发送" not in page and "立即" not in page
    world.approve(number)
    assert "您已通过，还需一人" in checker.reads(here)
    assert "已有 1 人通过，还需 1 人" in maker.reads(here)
    world.person("second", Role.FINANCE)
    last = Person(world, "second").reads(here)
    assert "通过并发送 ¥100.00" in last and "您是另一位审批人" in last


def test_an_approval_that_counts_no_more_makes_nobody_the_last(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(checkers=2))
    world.approve(number)
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(bank="别的银行"))
    assert "通过 ¥100.00，交下一位审批" in checker.reads(f"/withdrawals/{number}")


def test_who_approved_and_who_rejected_stand_under_what_was_done(world: World, checker: Person) -> None:
    numbers = [world.withdrawal("100.00"), world.withdrawal("50.00")]
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(numbers[0])
    service.reject(numbers[1], reason="不对", actor=world.checker)
    for number, title in zip(numbers, ("审批", "驳回"), strict=True):
        assert f"<dt>{title}</dt><dd>checker" in checker.reads(f"/withdrawals/{number}")


def test_a_company_is_told_wherever_its_withdrawal_is_listed(world: World, checker: Person) -> None:
    number, private = world.withdrawal("100.00"), world.withdrawal("50.00")
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(account_type="corporate"))
    assert "对公" in checker.reads(f"/withdrawals/{number}/slip")
    assert "对公" not in checker.reads(f"/withdrawals/{private}/slip")
    assert checker.reads("/withdrawals/?state=review").count(">对公<") == 1
    picked = checker.does("/withdrawals/selections", number=[number, private])
    assert checker.reads(picked).count(">对公<") == 1


def declared(world: World, number: str, outcome: str) -> None:
    proposal = service.outcomes.propose(
        number, outcome=outcome, reason=GROUNDS, file_name="a.pdf", content=PDF, actor=world.checker
    )
    service.outcomes.confirm(number, proposal, actor=world.person("second", Role.FINANCE))


def test_what_a_late_payment_cost_stands_with_its_entries(world: World, checker: Person) -> None:
    number = out(world)
    hear(number, Seen.FAILED)
    hear(number, Seen.PAID)
    declared(world, number, "paid")
    page = checker.reads(f"/withdrawals/{number}/entries")
    kinds = re.findall(r'<th scope="row" class="tail">([^<]+)', page)
    assert kinds == ["冻结", "解冻", "冻结", "结清", "手续费"] and f"{number}-L" in page


def test_what_is_stopped_is_not_said_to_leave_in_seconds(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    told = said(checker.reads(f"/withdrawals/{number}"))
    assert "由人停发" in told and "停发解除后自动发送" in told and "几秒内发出" not in told


def test_the_proof_is_folded_until_the_order_is_old_and_tells_who_acknowledged_it(
    world: World, checker: Person
) -> None:
    number = out(world)
    page = checker.reads(f"/withdrawals/{number}")
    assert '<details class="panel more-panel" id="evidence"><summary>' in page
    assert re.search("渠道已于 [^<]+ 承认过这笔订单", page) and "不能由此认定未付" in page
    with transaction():
        queries.held(number).sent_at -= timedelta(hours=1)  # type: ignore[operator]
    assert '<details class="panel more-panel" id="evidence" open>' in checker.reads(f"/withdrawals/{number}")


def test_a_contradiction_is_red_and_a_return_has_its_own_tone(world: World, checker: Person) -> None:
    number = out(world)
    hear(number, Seen.PAID)
    hear(number, Seen.FAILED)
    assert '<div class="notice tone-bad" role="alert">' in checker.reads(f"/withdrawals/{number}")
    assert re.search(r'<tr id="hold-\d+" class="is-bad">', checker.reads("/work/?reason=contradiction"))
    hear(number, Seen.RETURNED)
    assert re.search(r'<tr id="hold-\d+" class="is-odd">', checker.reads("/work/?reason=returned"))


def sent(world: World, amount: str) -> str:
    number = world.withdrawal(amount)
    world.approve(number)
    world.until(lambda: queries.by_number(number).state in ("pending", "paid"))
    return number


def line(number: str, title: str) -> queries.TraceLine:
    return next(it for it in queries.trace(queries.by_number(number)) if it.title == title)


def test_who_was_kicked_out_is_told_so_in_words(world: World, checker: Person) -> None:
    number = sent(world, "10.24")
    told = line(number, "提交代付")
    assert "第三方已有他人登录" in told.note and "无法识别" not in told.note
    assert "重新领取" in told.hint and "现在不需要您处理" not in said(checker.reads(f"/withdrawals/{number}"))


def test_a_word_that_nobody_knows_is_said_to_be_one(world: World, checker: Person) -> None:
    number = sent(world, "10.18")
    assert "系统不认识这个词" in said(checker.reads(f"/withdrawals/{number}"))
    with transaction():  # a channel that took it without a word about it said nothing odd
        db.session.execute(update(ChannelCall).where(ChannelCall.subject == number).values(word=""))
    assert not line(number, "提交代付").hint
    assert line(sent(world, "10.17"), "提交代付").hint == "", "an ordinary word needs no hint"


def test_a_broken_line_is_not_called_the_channels_answer(world: World, checker: Person) -> None:
    dropped, answered = sent(world, "10.05"), sent(world, "10.17")
    assert line(dropped, "等待渠道结果").who == queries.UNHEARD
    assert line(answered, "等待渠道结果").who == "submit"
    assert "没有收到有效的答复" in checker.reads(f"/withdrawals/{dropped}")
