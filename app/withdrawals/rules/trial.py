"""A rulebook tried on what was made already: what it would have refused, and how many people it would have asked."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.kernel.money import Money
from app.withdrawals.rules.admission import NOTHING, Facts, Rule, Standing, Twin, Used, checks
from app.withdrawals.rules.rulebook import UNLIMITED, Limit, Rulebook, Scope

DAYS = 7
EXAMPLES_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A withdrawal that was made. `stays`: it uses up its day's limits, because it was not rejected, cancelled, failed."""

    number: str
    amount: Money
    at: datetime
    day: date
    account: str
    card_index: str
    card_kind: str
    standing: Standing
    stays: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`refused` counts withdrawals, `by_rule` how often each rule stood against one: several may at once."""

    refused: int = 0
    by_rule: Mapping[Rule, int] = field(default_factory=dict)
    checkers: tuple[int, int, int] = (0, 0, 0)
    """Of those that were not refused: how many need nobody, one, two."""
    examples: Mapping[Rule, tuple[str, ...]] = field(default_factory=dict)


class Replay:
    """Withdrawals in the order they were made, each admitted or refused as this rulebook says, and as the accounts' own
    limits of a day do. `own_days`: these, by the account's number."""

    def __init__(self, book: Rulebook, own_days: Mapping[str, Limit] | None = None) -> None:
        self._book, self._checks, self._own_days = book, checks(book), own_days or {}
        limited = {scope for scope in Scope if book.day_limit(scope) != Limit()}
        self._limited = limited | ({Scope.ACCOUNT} if self._own_days else set())
        self._used: dict[tuple[Scope, str, date], Used] = {}
        self._twins: dict[tuple[str, Money], Twin] = {}
        self._by_rule: Counter[Rule] = Counter()
        self._examples: dict[Rule, list[str]] = {}
        self._checkers, self._refused = [0, 0, 0], 0

    def see(self, past: Past) -> None:
        places = {scope: (scope, _key(scope, past), past.day) for scope in self._limited}
        used = {scope: self._used[place] for scope, place in places.items() if place in self._used}
        twin = self._twins.get((past.card_index, past.amount)) if self._book.duplicate_minutes else None
        facts = Facts(
            amount=past.amount,
            at=past.at,
            account=past.account,
            card_kind=past.card_kind,
            standing=past.standing,
            used=used,
            own_day=self._own_days.get(past.account, UNLIMITED),
            twin=twin,
        )
        rules = [rule for rule, is_broken in self._checks if is_broken(self._book, facts)]
        if rules:
            self._refused += 1
            self._by_rule.update(rules)
            for rule in rules:
                examples = self._examples.setdefault(rule, [])
                if len(examples) < EXAMPLES_MOST:
                    examples.append(past.number)
            return
        self._checkers[self._book.checkers(past.amount, made_at=past.at)] += 1
        if not past.stays:
            return
        for scope, place in places.items():
            before = used.get(scope, NOTHING)
            self._used[place] = Used(before.amount + past.amount, before.count + 1)
        if self._book.duplicate_minutes:
            self._twins[past.card_index, past.amount] = Twin(past.number, past.at)

    def outcome(self) -> Outcome:
        nobody, one, two = self._checkers
        return Outcome(
            refused=self._refused,
            by_rule=dict(self._by_rule),
            checkers=(nobody, one, two),
            examples={rule: tuple(numbers) for rule, numbers in self._examples.items()},
        )


def _key(scope: Scope, past: Past) -> str:
    return {Scope.HOUSE: "", Scope.ACCOUNT: past.account, Scope.CARD: past.card_index}[scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a draft and the version in force make of the same withdrawals."""

    first: date
    last: date
    total: int
    before: Outcome
    after: Outcome

    def rules(self) -> Iterator[Rule]:
        """Those that stood against something, by either."""
        return (rule for rule in Rule if rule in self.before.by_rule or rule in self.after.by_rule)


def packed(trial: Trial) -> str:
    return json.dumps(
        {
            "first": trial.first.isoformat(),
            "last": trial.last.isoformat(),
            "total": trial.total,
            "before": _told(trial.before),
            "after": _told(trial.after),
        }
    )


def unpacked(text: str) -> Trial:
    """As it was packed."""
    told = json.loads(text)
    return Trial(
        first=date.fromisoformat(told["first"]),
        last=date.fromisoformat(told["last"]),
        total=told["total"],
        before=_outcome(told["before"]),
        after=_outcome(told["after"]),
    )


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "refused": outcome.refused,
        "by_rule": dict(outcome.by_rule),
        "checkers": outcome.checkers,
        "examples": dict(outcome.examples),
    }


def _outcome(told: Mapping[str, Any]) -> Outcome:
    nobody, one, two = told["checkers"]
    return Outcome(
        refused=told["refused"],
        by_rule={Rule(rule): count for rule, count in told["by_rule"].items()},
        checkers=(nobody, one, two),
        examples={Rule(rule): tuple(numbers) for rule, numbers in told["examples"].items()},
    )
