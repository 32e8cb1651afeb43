"""The rulebook as a value: what it allows, what it says no to and how, how many people it asks, what a trial finds."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.audit.fields import FIELDS
from app.kernel.errors import Text
from app.kernel.hours import WHOLE_DAY
from app.kernel.money import LARGEST_MINOR, ZERO, Money
from app.withdrawals.rules import rulebook, trial
from app.withdrawals.rules.admission import Facts, Rule, Standing, Twin, Used, broken, day_left, refusals
from app.withdrawals.rules.payees import Listed, plain
from app.withdrawals.rules.rulebook import BUILT_IN, Limit, Outside, Rulebook, Scope
from app.withdrawals.rules.trial import Outcome, Past, Replay, Trial

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # a Friday, 12:00 in Shanghai
money = st.integers(0, LARGEST_MINOR).map(Money)
limits = st.builds(Limit, st.none() | money, st.none() | st.integers(1, 10**6))
books = st.builds(
    Rulebook,
    order_most=st.none() | money, house_day=limits, account_day=limits, card_day=limits, none_below=money,
    two_from=st.none() | money, days=st.sets(st.integers(1, 7), min_size=1).map(lambda it: tuple(sorted(it))),
    opens=st.integers(0, WHOLE_DAY - 1), closes=st.integers(1, WHOLE_DAY), outside=st.sampled_from(Outside),
    credit_refused=st.booleans(), white_from=st.none() | money,
    card_funded=st.lists(st.text(min_size=1), max_size=3, unique=True).map(tuple),
    duplicate_minutes=st.integers(0, WHOLE_DAY),
)  # fmt: skip


def yuan(text: str) -> Money:
    return Money.parse(text)


def facts(amount: str = "100.00", **more: object) -> Facts:
    return Facts(**({"amount": yuan(amount), "at": NOON, "account": "C1"} | more))  # type: ignore[arg-type]


def told(book: Rulebook, asked: Facts) -> str:
    """The one refusal in words."""
    (found,) = refusals(book, asked)
    assert found.advice
    return str(found.text)


@given(books)
def test_what_is_packed_is_unpacked_as_it_was(book: Rulebook) -> None:
    assert rulebook.unpacked(rulebook.packed(book)) == book


def test_the_built_in_rules_are_sound_and_stop_an_ordinary_withdrawal_never() -> None:
    assert rulebook.flaws(BUILT_IN) == {}
    everything = facts("99999.99", used=dict.fromkeys(Scope, Used(yuan("9999999"), 9999)), twin=Twin("W1", NOON))
    assert broken(BUILT_IN, everything) == []
    assert broken(BUILT_IN, replace(everything, card_kind="credit")) == [Rule.CREDIT]


# -- how many people ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "people"),
    [("0.01", 0), ("99.99", 0), ("100.00", 1), ("49999.99", 1), ("50000.00", 2), ("999999.00", 2)],
)
def test_the_amount_says_how_many_check(amount: str, people: int) -> None:
    assert Rulebook(none_below=yuan("100.00")).checkers(yuan(amount)) == people


def test_by_default_somebody_checks_everything_and_two_from_fifty_thousand() -> None:
    assert [BUILT_IN.checkers(yuan(it)) for it in ("0.01", "49999.99", "50000.00")] == [1, 1, 2]
    assert replace(BUILT_IN, two_from=None).checkers(yuan("9999999.00")) == 1


def test_outside_working_hours_two_check_whatever_the_amount() -> None:
    book = Rulebook(none_below=yuan("100.00"), opens=540, closes=720, outside=Outside.TWO)
    assert book.checkers(yuan("1.00"), made_at=NOON - timedelta(minutes=1)) == 0
    assert book.checkers(yuan("1.00"), made_at=NOON) == 2
    assert broken(book, facts()) == []


# -- refusals -----------------------------------------------------------------------------------------------------------


def test_each_refusal_names_figures() -> None:
    assert told(Rulebook(order_most=yuan("99.99")), facts()) == "金额 ¥100.00 超过每笔上限 ¥99.99"
    used = {scope: Used(yuan("950.00"), 3) for scope in Scope}
    for name, who, whose, ends in (
        ("account_day", "该渠道账号今天已提", "提现规则的每日上限", "提现规则的每日上限是 3 笔"),
        ("card_day", "这个账号今天已收", "每日上限", "每日上限 3 笔"),
        ("house_day", "全公司今天已提", "每日上限", "每日上限 3 笔"),
    ):
        book = Rulebook(**{name: Limit(yuan("1000.00"))})  # type: ignore[arg-type]
        said = told(book, facts(used=used))
        assert said.startswith(f"{who} ¥950.00，加上这笔 ¥100.00 超过{whose} ¥1,000.00，还可")
        assert said.endswith("¥50.00")
        assert broken(book, facts("50.00", used=used)) == []
        book = Rulebook(**{name: Limit(count=3)})  # type: ignore[arg-type]
        assert told(book, facts(used=used)) == f"{who} 3 笔，{ends}"
        assert broken(Rulebook(**{name: Limit(count=4)}), facts(used=used)) == []  # type: ignore[arg-type]


# -- an account's own limit of a day --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("book", "own", "amount", "rules"),
    [
        (Limit(), Limit(yuan("1000.00")), "50.00", []),
        (Limit(), Limit(yuan("1000.00")), "50.01", [Rule.OWN_DAY]),
        (Limit(yuan("1000.00")), Limit(), "50.01", [Rule.ACCOUNT_DAY]),
        (Limit(yuan("1000.00")), Limit(yuan("2000.00")), "50.01", [Rule.ACCOUNT_DAY]),
        (Limit(yuan("2000.00")), Limit(yuan("1000.00")), "50.01", [Rule.OWN_DAY]),
        (Limit(yuan("2000.00")), Limit(yuan("1000.00")), "1050.01", [Rule.ACCOUNT_DAY, Rule.OWN_DAY]),
        (Limit(None, 4), Limit(None, 3), "0.01", [Rule.OWN_DAY]),
        (Limit(None, 3), Limit(None, 4), "0.01", [Rule.ACCOUNT_DAY]),
        (Limit(yuan("1000.00")), Limit(None, 4), "50.00", []),
        (Limit(yuan("1000.00")), Limit(None, 3), "50.01", [Rule.ACCOUNT_DAY, Rule.OWN_DAY]),
    ],
)
def test_of_an_accounts_two_limits_the_stricter_holds_for_each_figure(
    book: Limit, own: Limit, amount: str, rules: list[Rule]
) -> None:
    used = {Scope.ACCOUNT: Used(yuan("950.00"), 3)}
    assert broken(Rulebook(account_day=book), facts(amount, used=used, own_day=own)) == rules


def test_an_accounts_own_limit_is_told_as_its_own() -> None:
    used = {Scope.ACCOUNT: Used(yuan("950.00"), 3)}
    said = told(BUILT_IN, facts(used=used, own_day=Limit(yuan("1000.00"))))
    assert said == "该渠道账号今天已提 ¥950.00，加上这笔 ¥100.00 超过它自己的每日限额 ¥1,000.00，还可提 ¥50.00"
    assert (
        told(BUILT_IN, facts(used=used, own_day=Limit(count=3))) == "该渠道账号今天已提 3 笔，它自己的每日限额是 3 笔"
    )
    (found,) = refusals(BUILT_IN, facts(used=used, own_day=Limit(count=3)))
    assert "修改渠道账号" in found.advice


def test_what_one_limit_leaves_is_never_more_than_the_other_does() -> None:
    used = {Scope.ACCOUNT: Used(yuan("950.00"), 3)}
    book = Rulebook(account_day=Limit(yuan("1010.00")))
    both = refusals(book, facts(used=used, own_day=Limit(yuan("960.00"))))
    assert [str(it.text).rpartition("还可提")[2] for it in both] == [" ¥10.00"] * 2
    first, _ = refusals(book, facts(used=used, own_day=Limit(count=3)))
    assert str(first.text).endswith("还可提 ¥0.00"), "not one more may be made"


@given(limits, limits, money, st.integers(0, 10**6), st.integers(1, 10**9).map(Money))
def test_two_limits_are_one_that_is_as_strict_as_both(
    book: Limit, own: Limit, sent: Money, count: int, amount: Money
) -> None:
    sent = min(sent, Money(LARGEST_MINOR) - amount)
    both = book.within(own)
    assert both == own.within(book) and both.within(both) == both and both.within(Limit()) == both
    assert both.allows(sent, count) == (book.allows(sent, count) and own.allows(sent, count))
    asked = Facts(amount=amount, at=NOON, account="C1", used={Scope.ACCOUNT: Used(sent, count)}, own_day=own)
    rules = Rulebook(account_day=book)
    left = day_left(rules, asked)
    assert (broken(rules, asked) == []) == left.allows(amount, 1)
    assert len(refusals(rules, asked)) == len(broken(rules, asked)), "each is told in words"


def test_a_limit_that_was_lowered_below_what_is_used_leaves_nothing() -> None:
    used = {Scope.HOUSE: Used(yuan("950.00"), 3)}
    assert told(Rulebook(house_day=Limit(yuan("900.00"))), facts(used=used)).endswith("还可提 ¥0.00")


def test_what_others_withdrew_is_not_told_to_who_may_not_see_it() -> None:
    used = {scope: Used(yuan("950.00"), 3) for scope in Scope}
    for name in ("card_day", "house_day"):
        said = told(Rulebook(**{name: Limit(yuan("1000.00"))}), facts(used=used, whole=False))  # type: ignore[arg-type]
        assert not any(letter.isdigit() for letter in said)
    assert "950.00" in told(Rulebook(account_day=Limit(yuan("1000.00"))), facts(used=used, whole=False))
    twin = Twin("", NOON)
    assert "在您看不到的渠道" in told(Rulebook(duplicate_minutes=10), facts(twin=twin))


@pytest.mark.parametrize("kind", ["credit", "semi_credit"])
def test_what_lends_money_is_not_paid(kind: str) -> None:
    assert broken(BUILT_IN, facts(card_kind=kind)) == [Rule.CREDIT]
    assert broken(Rulebook(credit_refused=False), facts(card_kind=kind)) == []
    assert broken(BUILT_IN, facts(card_kind=kind, standing=Standing(white=True))) == [Rule.CREDIT], "a name is no card"
    assert broken(BUILT_IN, facts(card_kind=kind, standing=Standing(white=True, vouched=True))) == []


@pytest.mark.parametrize("kind", ["debit", "prepaid", ""])
def test_what_nobody_calls_a_credit_card_is_paid(kind: str) -> None:
    assert broken(BUILT_IN, facts(card_kind=kind)) == []


def test_money_from_cards_goes_back_to_its_source_and_nowhere_else() -> None:
    book = Rulebook(card_funded=("C1",))
    assert broken(book, facts()) == [Rule.SOURCE]
    assert broken(book, facts(standing=Standing(white=True, vouched=True))) == [Rule.SOURCE]
    assert broken(book, facts(standing=Standing(source=True))) == []
    assert broken(book, facts(account="C2")) == []
    assert broken(book, facts(card_kind="credit", standing=Standing(source=True))) == [], "a credit card may be it"
    assert broken(book, facts(account="C2", card_kind="credit", standing=Standing(source=True))) == [Rule.CREDIT]


def test_lists() -> None:
    assert "原因：冒名" in told(BUILT_IN, facts(standing=Standing(black="冒名")))
    book = Rulebook(white_from=yuan("100.00"))
    assert told(book, facts()) == "¥100.00 起只能付给白名单中的收款人，这笔是 ¥100.00"
    assert broken(book, facts("99.99")) == broken(book, facts(standing=Standing(white=True))) == []
    known = Listed({"i1": "card", "张三": "name"}, {"i2"}, {"李四"}, {"i3"})
    assert known.standing("i1", "李四") == Standing(black="card", white=True)
    assert known.standing("i2", " 张三 ") == Standing(black="name", white=True, vouched=True)
    assert known.standing("i3", "王五") == Standing(source=True)


@pytest.mark.parametrize(("typed", "name"), [(" 张三 ", "张三"), ("Ｊohn　 Doe", "John Doe"), ("阿·卜", "阿·卜")])
def test_a_name_is_compared_in_one_way_of_writing_it(typed: str, name: str) -> None:
    assert plain(typed) == name


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-20 08:59", False), ("2026-11-20 09:00", True), ("2026-11-20 17:59", True),
        ("2026-11-20 18:00", False), ("2026-11-21 12:00", False), ("2026-11-22 12:00", False), ("2026-11-23 09:00", True),
    ],
)  # fmt: skip
def test_working_hours_are_those_of_shanghai(at: str, is_open: bool) -> None:
    book = Rulebook(days=(1, 2, 3, 4, 5), opens=9 * 60, closes=18 * 60)
    moment = datetime.fromisoformat(f"{at}+08:00")
    assert book.is_open(moment) == is_open
    assert broken(book, facts(at=moment)) == ([] if is_open else [Rule.HOURS])


def test_a_closed_hour_and_a_closed_day_are_told_apart() -> None:
    assert told(Rulebook(opens=9 * 60, closes=12 * 60), facts()) == "现在不能创建提现：每天 09:00–12:00 才可以"
    assert told(Rulebook(days=(6, 7)), facts()) == "今天（周五）不能创建提现"


def test_a_duplicate_names_the_earlier_one_until_the_window_is_over() -> None:
    book = Rulebook(duplicate_minutes=10)
    early = Twin("W7", NOON - timedelta(minutes=10) + timedelta(seconds=1))
    assert told(book, facts(twin=early)).startswith("10 分钟内已有一笔同账号同金额的提现 W7")
    assert broken(book, facts(twin=Twin("W7", NOON - timedelta(minutes=10)))) == []
    assert broken(book, facts(twin=Twin("W7", NOON + timedelta(minutes=5)))) == [Rule.DUPLICATE], "clocks step"


def test_the_gravest_comes_first() -> None:
    book = Rulebook(order_most=yuan("1.00"), house_day=Limit(count=1), white_from=ZERO, duplicate_minutes=5)
    everything = facts(
        card_kind="credit", standing=Standing(black="冒名"), used={Scope.HOUSE: Used(ZERO, 1)}, twin=Twin("W1", NOON)
    )
    found = [it.rule for it in refusals(book, everything)]
    assert found == [Rule.BLACK, Rule.CREDIT, Rule.WHITE, Rule.ORDER, Rule.DUPLICATE, Rule.HOUSE_DAY]
    assert all(isinstance(it.text, Text) and isinstance(it.advice, Text) for it in refusals(book, everything))


# -- what is unfit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"order_most": ZERO}, "order_most"),
        ({"card_day": Limit(ZERO)}, "card_day_amount"),
        ({"house_day": Limit(None, 0)}, "house_day_count"),
        ({"account_day": Limit(None, 1_000_001)}, "account_day_count"),
        ({"none_below": Money(5_000_001)}, "two_from"),
        ({"days": ()}, "days"),
        ({"days": (0, 1)}, "days"),
        ({"opens": 600, "closes": 600}, "closes"),
        ({"closes": WHOLE_DAY + 1}, "closes"),
        ({"opens": -1}, "closes"),
        ({"duplicate_minutes": -1}, "duplicate_minutes"),
        ({"duplicate_minutes": WHOLE_DAY + 1}, "duplicate_minutes"),
    ],
)
def test_what_cannot_be_a_rulebook_is_told_at_its_field(wrong: dict[str, object], where: str) -> None:
    assert list(rulebook.flaws(replace(BUILT_IN, **wrong))) == [where]  # type: ignore[arg-type]


# -- in words -----------------------------------------------------------------------------------------------------------


def test_every_property_has_a_line_that_tells_it_apart() -> None:
    """A change that no line shows would be activated unseen."""
    changes: dict[str, object] = {
        "order_most": yuan("1.00"), "house_day": Limit(count=2), "account_day": Limit(yuan("3.00")),
        "card_day": Limit(yuan("3.00"), 4), "none_below": yuan("5.00"), "two_from": None, "days": (1,), "opens": 60,
        "closes": 120, "credit_refused": False, "white_from": yuan("6.00"), "card_funded": ("C1",), "duplicate_minutes": 7,
    }  # fmt: skip
    assert set(changes) | {"outside"} == set(Rulebook.__dataclass_fields__)
    for name, value in changes.items():
        found = rulebook.differences(BUILT_IN, replace(BUILT_IN, **{name: value}), {})  # type: ignore[arg-type]
        assert len(found) >= 1, name
        assert all(it.before != it.after for it in found)
    closed = replace(BUILT_IN, days=(1,))
    assert len(rulebook.differences(closed, replace(closed, outside=Outside.TWO), {})) == 1
    assert rulebook.differences(BUILT_IN, BUILT_IN, {}) == []


def test_every_property_is_a_field_of_the_audit_log_with_a_word_of_its_own() -> None:
    assert set(rulebook.fields(BUILT_IN)) <= set(FIELDS)
    one, other = replace(BUILT_IN, card_day=Limit(yuan("3.00"), 4)), BUILT_IN
    told, plain_ = rulebook.fields(one), rulebook.fields(other)
    assert {name: value for name, value in told.items() if value != plain_[name]} == {
        "card_day_amount": "¥3.00",
        "card_day_count": 4,
    }


# -- a trial ------------------------------------------------------------------------------------------------------------


def past(number: int, amount: str = "100.00", *, minutes: int = 0, **more: object) -> Past:
    at = NOON + timedelta(minutes=minutes)
    base = {
        "number": f"W{number}", "amount": yuan(amount), "at": at, "day": at.date(), "account": "C1", "card_index": "i1",
        "card_kind": "debit", "standing": Standing(), "stays": True,
    }  # fmt: skip
    return Past(**(base | more))  # type: ignore[arg-type]


def replayed(book: Rulebook, *seen: Past, **own_days: Limit) -> Outcome:
    replay = Replay(book, own_days)
    for one in seen:
        replay.see(one)
    return replay.outcome()


def test_a_trial_counts_what_it_admits_and_forgets_what_it_refuses() -> None:
    week = [past(it, f"{it}00.00") for it in range(1, 6)]
    found = replayed(
        Rulebook(card_day=Limit(yuan("700.00")), two_from=yuan("400.00"), none_below=yuan("200.00")), *week
    )
    # 100 + 200 + 300 = 600; 400 and 500 do not fit any more.
    assert (found.refused, found.by_rule) == (2, {Rule.CARD_DAY: 2})
    assert found.examples == {Rule.CARD_DAY: ("W4", "W5")}
    assert found.checkers == (1, 2, 0)


def test_a_trial_keeps_days_accounts_and_cards_apart() -> None:
    book = Rulebook(account_day=Limit(count=1))
    other_day = past(2, day=date(2026, 11, 21))
    assert replayed(book, past(1), other_day, past(3, account="C2"), past(4)).by_rule == {Rule.ACCOUNT_DAY: 1}
    card = Rulebook(card_day=Limit(count=1))
    assert replayed(card, past(1), past(2, account="C2"), past(3, card_index="i2")).by_rule == {Rule.CARD_DAY: 1}
    assert replayed(Rulebook(house_day=Limit(count=1)), past(1), past(2, account="C2", card_index="i2")).refused == 1


def test_a_trial_knows_the_limits_that_accounts_have_themselves() -> None:
    week = [past(1), past(2, "50.00"), past(3, account="C2"), past(4, account="C2", card_index="i2")]
    assert replayed(BUILT_IN, *week, C1=Limit(yuan("149.99"))).by_rule == {Rule.OWN_DAY: 1}
    assert replayed(BUILT_IN, *week, C1=Limit(count=1), C2=Limit(count=1)).by_rule == {Rule.OWN_DAY: 2}
    found = replayed(Rulebook(account_day=Limit(count=1)), *week, C2=Limit(count=1))
    assert found.by_rule == {Rule.ACCOUNT_DAY: 2, Rule.OWN_DAY: 1} and found.refused == 2


def test_a_trial_leaves_room_for_what_was_rejected() -> None:
    book = Rulebook(house_day=Limit(count=1), duplicate_minutes=10)
    assert replayed(book, past(1, stays=False), past(2, minutes=1), past(3, minutes=2)).by_rule == {
        Rule.DUPLICATE: 1,
        Rule.HOUSE_DAY: 1,
    }


def test_a_trial_shows_a_few_examples_of_each_rule() -> None:
    found = replayed(Rulebook(order_most=yuan("1.00")), *(past(it) for it in range(50)))
    assert found.by_rule == {Rule.ORDER: 50} and len(found.examples[Rule.ORDER]) == trial.EXAMPLES_MOST


def test_a_trial_is_kept_as_it_was() -> None:
    book = Rulebook(order_most=yuan("150.00"), white_from=ZERO)
    outcome = replayed(book, past(1, standing=Standing(white=True)), past(2, "200.00"))
    found = Trial(first=date(2026, 11, 14), last=date(2026, 11, 20), total=2, before=Outcome(), after=outcome)
    assert trial.unpacked(trial.packed(found)) == found
    assert list(found.rules()) == [Rule.WHITE, Rule.ORDER]
    assert json.loads(trial.packed(found))["total"] == 2


def test_midnight_in_shanghai_belongs_to_the_new_day() -> None:
    book = Rulebook(days=(6,))
    midnight = datetime.combine(date(2026, 11, 20), time(16), UTC)
    assert book.is_open(midnight) and not book.is_open(midnight - timedelta(seconds=1))
