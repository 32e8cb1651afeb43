"""May this withdrawal be made? Decided from a rulebook and plain facts; a refusal names figures and says what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.kernel import clock
from app.kernel.bins import LENDS
from app.kernel.errors import Text, gettext_noop
from app.kernel.funds import Funds
from app.kernel.hours import WEEKDAYS, hour
from app.kernel.money import ZERO, Money
from app.withdrawals.rules.rulebook import UNLIMITED, Limit, Outside, Rulebook, Scope


class Rule(StrEnum):
    """What can stand against a withdrawal; the gravest first."""

    BLACK = "black"
    CREDIT = "credit"
    SOURCE = "source"
    WHITE = "white"
    ORDER = "order"
    HOURS = "hours"
    DUPLICATE = "duplicate"
    ACCOUNT_DAY = "account_day"
    OWN_DAY = "own_day"
    CARD_DAY = "card_day"
    HOUSE_DAY = "house_day"


LABELS = {
    Rule.BLACK: gettext_noop("收款人在黑名单"),
    Rule.CREDIT: gettext_noop("收款卡是信用卡"),
    Rule.SOURCE: gettext_noop("不是来源卡"),
    Rule.WHITE: gettext_noop("收款人不在白名单"),
    Rule.ORDER: gettext_noop("超过每笔上限"),
    Rule.HOURS: gettext_noop("不在可以创建的时间"),
    Rule.DUPLICATE: gettext_noop("同账号同金额重复"),
    Rule.ACCOUNT_DAY: gettext_noop("超过渠道账号每日上限"),
    Rule.OWN_DAY: gettext_noop("超过账号自己的每日限额"),
    Rule.CARD_DAY: gettext_noop("超过每个收款账号每日上限"),
    Rule.HOUSE_DAY: gettext_noop("超过全公司每日上限"),
}


@dataclass(frozen=True, slots=True)
class Used:
    """What a day's withdrawals add up to before this one."""

    amount: Money = ZERO
    count: int = 0


NOTHING = Used()


@dataclass(frozen=True, slots=True)
class Standing:
    """Which lists a payee is on. `black`: why, "" when not; `vouched`: this very card is on the white list."""

    black: str = ""
    white: bool = False
    vouched: bool = False
    source: bool = False


@dataclass(frozen=True, slots=True)
class Twin:
    """An earlier withdrawal of this amount to this card. Its number is "" for who may not see it."""

    number: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a withdrawal that somebody wants to make."""

    amount: Money
    at: datetime
    account: str
    funds: Funds = Funds.COLLECTED
    card_kind: str = ""
    standing: Standing = Standing()
    used: Mapping[Scope, Used] = field(default_factory=dict)
    own_day: Limit = UNLIMITED
    """What its account may send in a day by its own terms, whatever the rules allow to each."""
    twin: Twin | None = None
    whole: bool = True
    """May whoever asks see all channels? What others withdrew is not told to the rest."""


@dataclass(frozen=True, slots=True)
class Refusal:
    rule: Rule
    text: Text
    advice: Text


Check = Callable[[Rulebook, Facts], bool]


def checks(book: Rulebook) -> list[tuple[Rule, Check]]:
    """The rules that this book has at all, each with how it is seen to be broken: the gravest first."""
    return [(rule, is_broken) for rule, (has, is_broken) in _RULES.items() if has(book)]


def broken(book: Rulebook, facts: Facts) -> list[Rule]:
    """Every rule that stands against it."""
    return [rule for rule, is_broken in checks(book) if is_broken(book, facts)]


def refusals(book: Rulebook, facts: Facts) -> list[Refusal]:
    """The same in words, the gravest first; nothing, when it may be made."""
    return [Refusal(rule, *_SAID[rule](book, facts)) for rule in broken(book, facts)]


def _is_black(book: Rulebook, facts: Facts) -> bool:
    return bool(facts.standing.black)


def _is_credit(book: Rulebook, facts: Facts) -> bool:
    """First digits tell it, from lists that are years old: a person who vouches for the card knows better. And money
    that came from a credit card may go back to it."""
    goes_back = _is_card_funded(book, facts) and facts.standing.source
    return facts.card_kind in LENDS and not facts.standing.vouched and not goes_back


def _is_no_source(book: Rulebook, facts: Facts) -> bool:
    return _is_card_funded(book, facts) and not facts.standing.source


def _is_card_funded(book: Rulebook, facts: Facts) -> bool:
    """What we paid in ourselves never came from a card."""
    return facts.account in book.card_funded and facts.funds == Funds.COLLECTED


def _is_not_white(book: Rulebook, facts: Facts) -> bool:
    return book.white_from is not None and facts.amount >= book.white_from and not facts.standing.white


def _is_too_much(book: Rulebook, facts: Facts) -> bool:
    return book.order_most is not None and facts.amount > book.order_most


def _is_closed(book: Rulebook, facts: Facts) -> bool:
    return not book.is_open(facts.at)


def _is_duplicate(book: Rulebook, facts: Facts) -> bool:
    return facts.twin is not None and facts.at - facts.twin.made_at < timedelta(minutes=book.duplicate_minutes)


def _passes(limit: Limit, scope: Scope, facts: Facts) -> bool:
    used = facts.used.get(scope, NOTHING)
    return not limit.allows(used.amount + facts.amount, used.count + 1)


def _by_the_book(scope: Scope) -> tuple[Callable[[Rulebook], bool], Check]:
    def is_broken(book: Rulebook, facts: Facts) -> bool:
        return _passes(book.day_limit(scope), scope, facts)

    return lambda book: book.day_limit(scope) != Limit(), is_broken


def _passes_its_own(_book: Rulebook, facts: Facts) -> bool:
    return _passes(facts.own_day, Scope.ACCOUNT, facts)


def account_day(book: Rulebook, facts: Facts) -> Limit:
    """What its account may send in a day: the stricter of the rules' and its own holds, for each figure."""
    return book.account_day.within(facts.own_day)


def day_left(book: Rulebook, facts: Facts) -> Limit:
    """What its account may send today, this withdrawal not counted; None: as much as one likes."""
    used = facts.used.get(Scope.ACCOUNT, NOTHING)
    return account_day(book, facts).less(used.amount, used.count)


_RULES: dict[Rule, tuple[Callable[[Rulebook], bool], Check]] = {
    Rule.BLACK: (lambda _book: True, _is_black),
    Rule.CREDIT: (lambda book: book.credit_refused, _is_credit),
    Rule.SOURCE: (lambda book: bool(book.card_funded), _is_no_source),
    Rule.WHITE: (lambda book: book.white_from is not None, _is_not_white),
    Rule.ORDER: (lambda book: book.order_most is not None, _is_too_much),
    Rule.HOURS: (lambda book: book.outside is Outside.REFUSE and not book.hours.always, _is_closed),
    Rule.DUPLICATE: (lambda book: book.duplicate_minutes > 0, _is_duplicate),
    Rule.ACCOUNT_DAY: _by_the_book(Scope.ACCOUNT),
    Rule.OWN_DAY: (lambda _book: True, _passes_its_own),
    Rule.CARD_DAY: _by_the_book(Scope.CARD),
    Rule.HOUSE_DAY: _by_the_book(Scope.HOUSE),
}

Said = tuple[Text, Text]


def _black(book: Rulebook, facts: Facts) -> Said:
    text = Text("收款人在黑名单中，不能付款。原因：%(why)s", why=facts.standing.black)
    return text, Text("如已查清，请主管先把它移出黑名单")


def _credit(book: Rulebook, facts: Facts) -> Said:
    text = Text("按卡号判断，这是一张信用卡或准贷记卡，不能收款")
    return text, Text("请换一张储蓄卡；如发卡行证实它是储蓄卡，请主管把这张卡加入白名单")


def _source(book: Rulebook, facts: Facts) -> Said:
    text = Text("该渠道账号的资金来自银行卡，只能退回来源卡，而这张卡不在来源卡名单中")
    return text, Text("请换成来源卡；如它就是来源卡，请主管把它加入来源卡名单")


def _white(book: Rulebook, facts: Facts) -> Said:
    text = Text("¥%(least)s 起只能付给白名单中的收款人，这笔是 ¥%(amount)s", least=book.white_from, amount=facts.amount)
    return text, Text("请主管核实后把收款人加入白名单")


def _order(book: Rulebook, facts: Facts) -> Said:
    text = Text("金额 ¥%(amount)s 超过每笔上限 ¥%(most)s", amount=facts.amount, most=book.order_most)
    return text, Text("请减少金额，或请主管修改规则")


def _hours(book: Rulebook, facts: Facts) -> Said:
    local = facts.at.astimezone(clock.BUSINESS_ZONE)
    if local.isoweekday() not in book.days:
        return Text("今天（%(day)s）不能创建提现", day=WEEKDAYS[local.isoweekday()]), Text("请在可以创建的日子再来")
    opens, closes = hour(book.opens), hour(book.closes)
    return Text("现在不能创建提现：每天 %(opens)s–%(closes)s 才可以", opens=opens, closes=closes), Text(
        "请在这段时间再来"
    )


def _duplicate(book: Rulebook, facts: Facts) -> Said:
    assert facts.twin is not None
    minutes, at, number = book.duplicate_minutes, facts.twin.made_at, facts.twin.number
    advice = Text("请先核对是不是重复；确要再付一笔，请等满 %(minutes)s 分钟", minutes=minutes)
    if number:
        told = {"number": number, "minutes": minutes, "at": at}
        return Text("%(minutes)s 分钟内已有一笔同账号同金额的提现 %(number)s（%(at)s 创建）", **told), advice
    return Text("%(minutes)s 分钟内已有一笔同账号同金额的提现，在您看不到的渠道", minutes=minutes), advice


_TOO_MUCH = {
    Scope.ACCOUNT: gettext_noop(
        "该渠道账号今天已提 ¥%(used)s，加上这笔 ¥%(amount)s 超过提现规则的每日上限 ¥%(most)s，还可提 ¥%(left)s"
    ),
    Scope.CARD: gettext_noop(
        "这个账号今天已收 ¥%(used)s，加上这笔 ¥%(amount)s 超过每日上限 ¥%(most)s，还可收 ¥%(left)s"
    ),
    Scope.HOUSE: gettext_noop(
        "全公司今天已提 ¥%(used)s，加上这笔 ¥%(amount)s 超过每日上限 ¥%(most)s，还可提 ¥%(left)s"
    ),
}
_TOO_MANY = {
    Scope.ACCOUNT: gettext_noop("该渠道账号今天已提 %(used)s 笔，提现规则的每日上限是 %(most)s 笔"),
    Scope.CARD: gettext_noop("这个账号今天已收 %(used)s 笔，每日上限 %(most)s 笔"),
    Scope.HOUSE: gettext_noop("全公司今天已提 %(used)s 笔，每日上限 %(most)s 笔"),
}
_NO_MORE = {
    Scope.CARD: gettext_noop("这笔会使这个账号今天的收款超过每日上限"),
    Scope.HOUSE: gettext_noop("这笔会使全公司今天的提现超过每日上限"),
}
_ELSE = {
    Scope.ACCOUNT: gettext_noop("请减少金额、换一个渠道账号，或明天再提"),
    Scope.CARD: gettext_noop("请减少金额、换一个收款人，或明天再提"),
    Scope.HOUSE: gettext_noop("请减少金额，或明天再提"),
}


def _day(scope: Scope) -> Callable[[Rulebook, Facts], Said]:
    def said(book: Rulebook, facts: Facts) -> Said:
        limit, used = book.day_limit(scope), facts.used.get(scope, NOTHING)
        if not facts.whole and scope in _NO_MORE:
            return _NO_MORE[scope], _ELSE[scope]
        if limit.count is not None and used.count >= limit.count:
            return Text(_TOO_MANY[scope], used=used.count, most=limit.count), _ELSE[scope]
        assert limit.amount is not None
        left = _left_of_account(book, facts) if scope is Scope.ACCOUNT else limit.less(used.amount, used.count).amount
        told = {"used": used.amount, "amount": facts.amount, "most": limit.amount, "left": left}
        return Text(_TOO_MUCH[scope], **told), _ELSE[scope]

    return said


def _own_day(book: Rulebook, facts: Facts) -> Said:
    limit, used = facts.own_day, facts.used.get(Scope.ACCOUNT, NOTHING)
    advice = Text("请减少金额、换一个渠道账号，或明天再提；限额要调整，请有权的人修改渠道账号")
    if limit.count is not None and used.count >= limit.count:
        text = Text("该渠道账号今天已提 %(used)s 笔，它自己的每日限额是 %(most)s 笔", used=used.count, most=limit.count)
        return text, advice
    told = {"used": used.amount, "amount": facts.amount, "most": limit.amount, "left": _left_of_account(book, facts)}
    text = Text(
        "该渠道账号今天已提 ¥%(used)s，加上这笔 ¥%(amount)s 超过它自己的每日限额 ¥%(most)s，还可提 ¥%(left)s", **told
    )
    return text, advice


def _left_of_account(book: Rulebook, facts: Facts) -> Money:
    """Whoever types what one limit leaves is not refused by the other."""
    left = day_left(book, facts)
    assert left.amount is not None
    return ZERO if left.count == 0 else left.amount


_SAID: dict[Rule, Callable[[Rulebook, Facts], Said]] = {
    Rule.BLACK: _black,
    Rule.CREDIT: _credit,
    Rule.SOURCE: _source,
    Rule.WHITE: _white,
    Rule.ORDER: _order,
    Rule.HOURS: _hours,
    Rule.DUPLICATE: _duplicate,
    Rule.ACCOUNT_DAY: _day(Scope.ACCOUNT),
    Rule.OWN_DAY: _own_day,
    Rule.CARD_DAY: _day(Scope.CARD),
    Rule.HOUSE_DAY: _day(Scope.HOUSE),
}
