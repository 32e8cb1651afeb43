"""Which account takes a withdrawal, as a table of cases, and what holds whatever the accounts are."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.channels.rules.health import Grade
from app.kernel.errors import Text
from app.kernel.money import ZERO, Money
from app.withdrawals.rules import routing
from app.withdrawals.rules.admission import Facts, Standing, Used
from app.withdrawals.rules.routing import Bound, Candidate, Fit, Judged
from app.withdrawals.rules.rulebook import Limit, Rulebook, Scope

AT = datetime(2026, 11, 19, 4, tzinfo=UTC)
BOOK = Rulebook()
CLOSED = Text("现在不在渠道的营业时间")
HELD = Text("由 %(holder)s 领取，只有领取人可以办理", holder="李娜")


def yuan(text: str) -> Money:
    return Money.parse(text)


def one(number: str = "C1", *, sent: str = "0", amount: str = "100.00", source: bool = False, **more: Any) -> Candidate:
    """An account that takes a hundred yuan, but for what is said."""
    used = {Scope.ACCOUNT: Used(yuan(sent), 1 if yuan(sent) else 0)}
    facts = Facts(amount=yuan(amount), at=AT, account=number, used=used, standing=Standing(source=source))
    usual: dict[str, Any] = {"usable": True, "verified": True, "method": True, "bound": Bound.BOUND, "weight": 100}
    usual |= {"single_limit": yuan("5000.00"), "fee": yuan("2.00"), "available": yuan("10000.00"), "facts": facts}
    return Candidate(number=number, **usual | more)


def proposed(*candidates: Candidate, book: Rulebook = BOOK) -> str | None:
    return next((it.candidate.number for it in routing.route(book, candidates) if it.proposed), None)


def said(judged: Judged) -> list[str]:
    return [str(it) for it in judged.reasons]


@pytest.mark.parametrize(
    ("candidate", "fit", "reasons"),
    [
        (one(), Fit.SUITS, []),
        (one(usable=False), Fit.NOT, ["渠道账号已停用"]),
        (one(method=False, bound=Bound.ABSENT), Fit.NOT, ["这个渠道不能付到这种收款账号"]),
        (one(bound=Bound.ABSENT), Fit.NOT, ["这张卡没有绑定在该渠道账号上"]),
        (one(bound=Bound.BINDING), Fit.NOT, ["这张卡在该渠道账号上还没有绑定完"]),
        (one(bound=Bound.REFUSED), Fit.NOT, ["渠道没有接受这张卡的绑定"]),
        (one(bound=Bound.OTHER_NAME), Fit.NOT, ["这张卡在该渠道账号上绑定的是另一个户名"]),
        (one(single_limit=yuan("99.99")), Fit.NOT, ["金额 ¥100.00 超过单笔限额 ¥99.99"]),
        (one(single_limit=yuan("100.00")), Fit.SUITS, []),
        (one(available=yuan("101.99")), Fit.NOT, ["连手续费要 ¥102.00，可用余额 ¥101.99，还差 ¥0.01"]),
        (one(available=yuan("102.00")), Fit.SUITS, []),
        (one(held=HELD), Fit.NOT, ["由 李娜 领取，只有领取人可以办理"]),
        (one(halts=(CLOSED,)), Fit.WAITS, ["现在不在渠道的营业时间"]),
        (one(halts=(CLOSED,), held=HELD), Fit.NOT, ["由 李娜 领取，只有领取人可以办理", "现在不在渠道的营业时间"]),
    ],
)
def test_what_speaks_against_an_account(candidate: Candidate, fit: Fit, reasons: list[str]) -> None:
    judged = routing.judge(BOOK, candidate)
    assert (judged.fit, said(judged)) == (fit, reasons)


def test_every_reason_is_told_and_what_the_rules_say_is_said_in_their_words() -> None:
    book = Rulebook(order_most=yuan("50.00"), account_day=Limit(yuan("1000.00")), card_funded=("C1",))
    judged = routing.judge(book, one(usable=False, sent="950.00", available=ZERO))
    assert said(judged) == [
        "渠道账号已停用",
        "连手续费要 ¥102.00，可用余额 ¥0.00，还差 ¥102.00",
        "该渠道账号的资金来自银行卡，只能退回来源卡，而这张卡不在来源卡名单中",
        "金额 ¥100.00 超过每笔上限 ¥50.00",
        "该渠道账号今天已提 ¥950.00，加上这笔 ¥100.00 超过提现规则的每日上限 ¥1,000.00，还可提 ¥50.00",
    ]
    assert routing.judge(replace(book, order_most=None), one(source=True)).fit == Fit.SUITS


def test_the_one_that_has_taken_least_of_its_weight_is_proposed() -> None:
    heavy, light = one("C1", sent="300.00", weight=400), one("C2", sent="100.00", weight=100)
    assert proposed(heavy, light) == "C1"
    assert proposed(one("C1", sent="500.00", weight=400), light) == "C2"


def test_a_tie_goes_to_the_lower_fee_and_then_to_the_number() -> None:
    assert proposed(one("C1"), one("C2", fee=yuan("1.00"))) == "C2"
    assert proposed(one("C2"), one("C1")) == "C1"


def test_a_shaky_account_counts_a_quarter() -> None:
    sound = one("C1", sent="300.00")
    assert proposed(sound, one("C2", sent="74.99", grade=Grade.SHAKY)) == "C2"
    assert proposed(sound, one("C2", sent="75.01", grade=Grade.SHAKY)) == "C1"
    assert proposed(sound, one("C2", sent="75.01", unknown=0.06)) == "C1"
    assert proposed(sound, one("C2", sent="75.01", unknown=0.05)) == "C2"


@pytest.mark.parametrize("reserve", [{"weight": 0}, {"grade": Grade.BAD}, {"verified": False}])
def test_what_only_people_choose_is_never_proposed(reserve: dict[str, Any]) -> None:
    other = one("C2", **reserve)
    assert proposed(other) is None
    assert proposed(one("C1", sent="9000.00"), other) == "C1"
    (judged,) = routing.route(BOOK, [other])
    assert judged.fit == Fit.SUITS and len(judged.notes) == 1


def test_each_says_why_it_is_the_one_or_not() -> None:
    ranked = routing.route(
        BOOK,
        [
            one("C1", sent="300.00"),
            one("C2", sent="100.00"),
            one("C3", sent="100.00", fee=yuan("3.00")),
            one("C4", sent="100.00"),
            one("C5", halts=(CLOSED,)),
            one("C6", available=ZERO, usable=False),
            one("C7", available=ZERO),
        ],
    )
    assert [(it.candidate.number, said(it)[0]) for it in ranked] == [
        ("C2", "今天的提现额相对权重、手续费都并列，按编号排在最前"),
        ("C4", "与推荐的并列，编号排在后面"),
        ("C3", "手续费更高：¥3.00，推荐的是 ¥2.00"),
        ("C1", "今天的提现额相对权重更多（¥300.00，权重 100）"),
        ("C5", "现在不在渠道的营业时间"),
        ("C7", "连手续费要 ¥102.00，可用余额 ¥0.00，还差 ¥102.00"),
        ("C6", "渠道账号已停用"),
    ]


def test_the_one_that_is_proposed_says_by_what() -> None:
    def why(*others: Candidate) -> str:
        return said(routing.route(BOOK, [one("C1", sent="10.00"), *others])[0])[0]

    assert why() == "现在只有它可以推荐"
    assert why(one("C2", weight=0)) == "现在只有它可以推荐"
    assert why(one("C2", sent="20.00")) == ("2 个可以推荐的渠道账号中，它今天的提现额相对权重最少（¥10.00，权重 100）")
    assert why(one("C2", sent="10.00", fee=yuan("3.00"))) == (
        "今天的提现额相对权重最少的不止一个，其中它的手续费最低（¥2.00）"
    )


def test_another_is_named_only_where_it_helps() -> None:
    def instead(*candidates: Candidate) -> str | None:
        found = routing.instead_of("C1", routing.route(BOOK, candidates))
        return found.candidate.number if found else None

    assert instead(one("C1", available=ZERO), one("C2")) == "C2"
    assert instead(one("C1", halts=(CLOSED,)), one("C2")) == "C2"
    assert instead(one("C1"), one("C2", sent="0")) is None, "this one takes it"
    assert instead(one("C1", available=ZERO), one("C2", halts=(CLOSED,))) is None
    assert instead(one("C1", available=ZERO), one("C2", held=HELD)) is None
    assert instead(one("C2")) is None


# -- whatever the accounts are ------------------------------------------------------------------------------------------

fen = st.integers(0, 2_000_000).map(Money)
books = st.builds(
    Rulebook,
    order_most=st.none() | fen,
    account_day=st.builds(Limit, st.none() | fen, st.none() | st.integers(1, 20)),
    card_funded=st.sampled_from([(), ("C1",), ("C1", "C2")]),
)


@st.composite
def accounts(draw: st.DrawFn, most: int = 6) -> list[Candidate]:
    amount = draw(st.integers(1, 1_000_000).map(Money))
    standing = Standing(source=draw(st.booleans()))
    found = []
    for number in range(draw(st.integers(1, most))):
        used = {Scope.ACCOUNT: Used(draw(fen), draw(st.integers(0, 20)))}
        own = draw(st.builds(Limit, st.none() | fen, st.none() | st.integers(1, 20)))
        facts = Facts(amount=amount, at=AT, account=f"C{number}", used=used, standing=standing, own_day=own)
        found.append(
            Candidate(
                number=f"C{number}",
                usable=draw(st.booleans()),
                verified=draw(st.booleans()),
                method=draw(st.booleans()),
                bound=draw(st.sampled_from([Bound.BOUND, *Bound])),
                single_limit=draw(fen),
                fee=draw(st.integers(0, 1000).map(Money)),
                available=draw(fen),
                facts=facts,
                halts=draw(st.sampled_from([(), (CLOSED,)])),
                grade=draw(st.sampled_from(Grade)),
                unknown=draw(st.sampled_from([None, 0.0, 0.05, 0.5])),
                held=draw(st.sampled_from([None, HELD])),
                weight=draw(st.integers(0, 1000)),
            )
        )
    return found


@given(books, accounts())
def test_what_is_refused_is_never_proposed_and_everything_is_explained(
    book: Rulebook, candidates: list[Candidate]
) -> None:
    ranked = routing.route(book, candidates)
    assert Counter(it.candidate.number for it in ranked) == Counter(it.number for it in candidates)
    fits = [list(Fit).index(it.fit) for it in ranked]
    assert fits == sorted(fits)
    assert all(it.reasons or it.notes for it in ranked), "each says why it is the one, or is not"
    for it in ranked:
        suits = it.fit == Fit.SUITS and it.candidate.weight and it.candidate.verified
        assert not it.proposed or (suits and it is ranked[0] and it.candidate.grade not in (Grade.BAD, Grade.PAUSED))
    could = [it for it in ranked if it.fit == Fit.SUITS and it.candidate.pull]
    assert sum(it.proposed for it in ranked) == bool(could)


@given(books, accounts(), st.randoms())
def test_the_order_in_which_accounts_are_told_says_nothing(
    book: Rulebook, candidates: list[Candidate], chance: Any
) -> None:
    shuffled = chance.sample(candidates, len(candidates))
    assert routing.route(book, shuffled) == routing.route(book, candidates)


@given(books, accounts(most=1), fen, fen, fen)
def test_more_money_and_wider_limits_make_nothing_worse(
    book: Rulebook, candidates: list[Candidate], money: Money, wider: Money, day: Money
) -> None:
    (it,) = candidates
    before = routing.judge(book, it)
    richer = replace(it, available=it.available + money, single_limit=it.single_limit + wider)
    limit = book.account_day
    open_day = Limit(None if limit.amount is None else limit.amount + day, None)
    looser = replace(book, account_day=open_day, order_most=None if book.order_most is None else book.order_most + day)
    after = routing.judge(looser, richer)
    assert list(Fit).index(after.fit) <= list(Fit).index(before.fit)
    assert len(after.reasons) <= len(before.reasons)


@given(
    st.lists(st.integers(1, 1000), min_size=2, max_size=6), st.lists(st.integers(1, 100_000), min_size=1, max_size=5)
)
def test_over_a_day_the_shares_come_to_what_the_weights_say(weights: list[int], amounts: list[int]) -> None:
    """No account is ever ahead of another, per weight, by more than one withdrawal."""
    sent = dict.fromkeys((f"C{at}" for at in range(len(weights))), 0)
    of = {f"C{at}": weight for at, weight in enumerate(weights)}
    for turn in range(120):
        candidates = [
            one(number, sent=Money(its).yuan, weight=of[number], amount="0.01") for number, its in sent.items()
        ]
        chosen = proposed(*candidates)
        assert chosen is not None
        sent[chosen] += amounts[turn % len(amounts)]
    burdens = [sent[number] / weight for number, weight in of.items()]
    assert max(burdens) - min(burdens) <= max(amounts) / min(weights) + 1e-6
