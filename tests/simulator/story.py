"""One story: a seed draws who does what, what breaks and when, until the channel heals and everything must drain."""

import heapq
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from app.auth.identity import Actor as Person
from app.channels import queries as channels
from app.channels import service as channel_service
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.runtime import http, jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.sandbox import faults, merchants, switches
from app.sandbox.manners import MANNERS
from app.withdrawals import queries, rules, service
from app.withdrawals.rules import Outcome
from app.withdrawals.states import Kind, State
from tests.simulator.actors import FOR_EVER, Actor
from tests.simulator.channel import FATES, LATEST_ARRIVAL_S, Letter, Wire
from tests.simulator.checker import Checker
from tests.simulator.stage import PREFUNDED, Account, Stage, seeded, wired

STEPS = 40
MOST_FORMS = 5
MOST_REPLACEMENTS = 2
ROWS_AT_ONCE = (1, 1, 2, 3, 5)
MOST_ON_STAGE = 5
ROUNDS_TO_DRAIN = 400
LONGEST_NAP_S = 70
"""A worker that finds nothing due looks again when something is, unless that is far away."""
FAULTS = tuple(fault for fault in faults.FAULTS if fault.name != "kicked_out")
"""A seed plays the story that it was kept for: a fault that came later and is, as to money, one of these, stays out."""
_NUMBER = re.compile(rb"W[0-9]{8}[0-9A-Z]{10}")
_TWO_HOURS = 7200.0
_SLIP = b"%PDF-1.7 a slip of the bank"


class Broken(AssertionError):
    """The story shows that a promise is broken."""


@dataclass(frozen=True, slots=True)
class Form:
    key: str
    account: Account
    amount: Money
    kind: Kind
    funds: Funds = Funds.COLLECTED
    replaces: str = ""


class Story:
    def __init__(self, stage: Stage, seed: int, tell: Callable[[str], None] = lambda _: None) -> None:
        self.stage, self.seed, self._tell = stage, seed, tell
        self.skew, self._at_third, self._healed = 0.0, False, False
        self.forms: list[Form] = []
        self.numbers: dict[str, str] = {}
        """form key → the number that it made"""
        self.asleep: list[Actor] = []
        self.read_letters: list[Letter] = []
        self.arrivals: list[tuple[float, int, Callable[[], object]]] = []
        self.replies: dict[str, list[tuple[int, Mapping[str, str], bytes]]] = {}
        self._manner_called = ""
        self.checker = Checker(stage)
        self.steps = 0

    def play(self) -> None:
        """Raises Broken, or what the house itself raised."""
        with self.on_stage():
            acts = self._acts()
            self._prologue()
            for _ in range(STEPS):
                self._pass(self.chance.random() * 3)
                self._arrive()
                self.chance.choices(list(acts), list(acts.values()))[0]()
                self.check()
            self._drain()

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        """The files, the wire and the clock are this story's own; who is still asleep at its end dies with it."""
        self.stage.begin()
        wire = Wire(self._fate, self._deliver, self._arrive_later, self._leaves, self._of_another)
        with seeded(self.seed) as self.chance, clock.replaced(self._clock), wired(wire):
            self.checker.open()
            try:
                yield
            finally:
                for actor in self.asleep:
                    actor.kill()
                self.checker.close()

    def _prologue(self) -> None:
        """A few withdrawals are on their way before anything goes wrong."""
        self._healed = True
        for _ in range(self.chance.randint(1, 3)):
            self._make()
        for _ in range(self.chance.randint(1, 3)):
            self._approve()
        self._healed = False

    def _acts(self) -> dict[Callable[[], None], int]:
        return {
            self._make: 12,
            self._send_a_form_again: 2,
            self._approve: 14,
            self._reject: 1,
            self._cancel: 1,
            self._ask_now: 3,
            self._propose: 14,
            self._decide: 6,
            self._replace: 6,
            self._claim: 2,
            self._force_release: 1,
            self._work: 34,
            self._wake: 16,
            self._kill: 6,
            self._live: 10,
            self._bring_a_letter: 12,
            self._bring_it_again: 3,
            self._forge: 2,
            self._wait: 12,
            self._step_the_clock: 2,
            self._force_a_fault: 4,
            self._shut_or_open: 2,
        }

    # People

    def _make(self) -> None:
        if sum(1 for form in self.forms if not form.replaces) >= MOST_FORMS:
            return
        account = self.chance.choice(self.stage.accounts)
        whole = self.chance.choice((10, 10, 10, 100, 4000))
        # Most endings ask the sandbox to misbehave; 99 and 0 do not.
        ending = self.chance.choice((0, 99, *(fault.ending or 0 for fault in FAULTS)))
        kind = self.chance.choice((Kind.PAYOUT, Kind.PAYOUT, Kind.SETTLEMENT))
        # Every other one, and not drawn: a seed plays the story that it was kept for.
        is_prefunded = account.manner == PREFUNDED and kind is Kind.PAYOUT and len(self.forms) % 2 == 1
        funds = Funds.PREFUNDED if is_prefunded else Funds.COLLECTED
        form = Form(f"form {len(self.forms)} of {self.seed}", account, Money(whole * 100 + ending), kind, funds)
        self.forms.append(form)
        self._submit_form(form)

    def _send_a_form_again(self) -> None:
        if self.forms:
            self._submit_form(self.chance.choice(self.forms))

    def _submit_form(self, form: Form) -> None:
        maker = self.chance.choice((self.stage.makers[0], self.stage.makers[0], self.stage.makers[1]))
        held = self._holder(form.account)
        if held is None and self.chance.random() < 0.9:
            self._enact(f"{maker.username} claims {form.account.number}", self._taking(form.account, maker))
            held = self._holder(form.account)
        is_holder = held is not None and held.operator_id == maker.operator_id
        fence = held.fence if held else 0
        if is_holder and self.chance.random() < 0.1:
            fence, is_holder = fence - 1, False  # a page that was left open
        with self.stage.app.app_context():  # a sleeper may have made it, whose answer nobody waited for
            is_new = queries.by_form_key(form.key) is None
        what = f"{maker.username} makes {form.amount} at {form.account.number}"
        actor = self._enact(what, self._create(form, maker, fence))
        if actor.result and is_new and not is_holder:
            self._is_broken(f"{maker.username} made {actor.result} without holding the account")
        self._take_in(form, actor)

    def _holder(self, account: Account) -> channels.Held | None:
        with self.stage.app.app_context():
            return channels.holder(channels.account(account.number).id)

    @staticmethod
    def _taking(account: Account, maker: Person) -> Callable[[], None]:
        return lambda: channel_service.claim(account.number, actor=maker)

    def _create(self, form: Form, maker: Person, fence: int) -> Callable[[], str]:
        return lambda: service.create(
            account=form.account.number,
            card=form.account.card,
            amount=form.amount,
            memo="",
            fence=fence,
            form_key=form.key,
            actor=maker,
            kind=form.kind,
            funds=form.funds,
            replaces=form.replaces,
        )

    def _take_in(self, form: Form, actor: Actor) -> None:
        if actor.result and self.numbers.setdefault(form.key, actor.result) != actor.result:
            self._is_broken(f"one form made {actor.result} and {self.numbers[form.key]}")

    def _approve(self) -> None:
        if number := self._some_number("review"):
            checker = self.chance.choice((*[self.stage.checker] * 6, *self.stage.makers))

            def deed() -> None:
                service.approve(number, seen=queries.digest(queries.by_number(number)), actor=checker)

            self._enact(f"{checker.username} approves {number}", deed)

    def _reject(self) -> None:
        if number := self._some_number("review"):
            self._enact(f"rejects {number}", lambda: service.reject(number, reason="no", actor=self.stage.checker))

    def _cancel(self) -> None:
        if number := self._some_number("review"):
            maker = self.chance.choice(self.stage.makers)
            self._enact(f"{maker.username} cancels {number}", lambda: service.cancel(number, actor=maker))

    def _ask_now(self) -> None:
        if number := self._some_number("sending", "pending"):
            self._enact(f"asks about {number} now", lambda: service.ask_now(number, actor=self.stage.makers[0]))

    def _propose(self) -> None:
        """Somebody says what became of one of them. Most look at the third party's back office first; some err."""
        states = (
            (State.SENDING, State.PENDING, State.FAILED, State.PAID) if self.chance.random() < 0.8 else tuple(State)
        )
        number = self._some_number(*states)
        if not number:
            return
        outcome = self._truth_of(number) if self.chance.random() < 0.5 else self._some_outcome(number)
        person = self.chance.choice(self._people())
        content = _SLIP if self.chance.random() < 0.8 else b""

        def deed() -> None:
            service.outcomes.propose(
                number, outcome=outcome, reason="because", file_name="slip.pdf", content=content, actor=person
            )

        self._enact(f"{person.username} says that {number} is {outcome}", deed)
        if self.chance.random() < 0.8:
            self._decide()

    def _some_outcome(self, number: str) -> Outcome:
        """One of those that the page offers, mostly."""
        with self.stage.app.app_context():
            known = queries.by_number(number)
            waits = queries.is_waiting(known.id)
            offered = rules.possible(State(known.state), waits=waits, attempts=known.attempts)
        return self.chance.choice(offered if offered and self.chance.random() < 0.9 else list(Outcome))

    def _truth_of(self, number: str) -> Outcome:
        rows = [row for row in self.stage.third.payouts() if row["order_no"] == number]
        if any(row["returned_at"] for row in rows):
            return Outcome.RETURNED
        return Outcome.PAID if any(row["paid_at"] for row in rows) else Outcome.FAILED

    def _decide(self) -> None:
        """Somebody, the proposer too, confirms a proposal that is open or refuses it; sometimes from an old page."""
        with self.stage.app.app_context():
            found = [
                (number, proposal.id, proposal.proposer_id)
                for account in self.stage.accounts
                for number in queries.numbers_of(channels.account(account.number).id)
                for proposal in queries.outcomes(queries.by_number(number).id)
                if proposal.state == "proposed" or self.chance.random() < 0.1
            ]
        if not found:
            return
        number, proposal_id, proposer_id = self.chance.choice(sorted(found))
        others = [person for person in self._people() if person.operator_id != proposer_id]
        person = self.chance.choice(others if self.chance.random() < 0.85 else self._people())

        def confirm() -> None:
            service.outcomes.confirm(number, proposal_id, actor=person)

        def refuse() -> None:
            service.outcomes.refuse(number, proposal_id, reason="no", actor=person)

        deed = confirm if self.chance.random() < 0.85 else refuse
        self._enact(f"{person.username} {deed.__name__}s what was said of {number}", deed)

    def _people(self) -> list[Person]:
        return [*self.stage.makers, self.stage.checker]

    def _replace(self) -> None:
        """A maker wants to pay once more, under a new number, what was not paid: whether that is certain or not."""
        replacements = sum(1 for form in self.forms if form.replaces)
        number = self._some_number(*(State if self.chance.random() < 0.2 else rules.REPLACEABLE))
        if not number or replacements >= MOST_REPLACEMENTS:
            return
        with self.stage.app.app_context():
            old = queries.by_number(number)
            account = next(it for it in self.stage.accounts if channels.account(it.number).id == old.account_id)
            amount, kind = old.amount, Kind(old.kind)
        form = Form(f"form {len(self.forms)} of {self.seed}", account, amount, kind, replaces=number)
        self.forms.append(form)
        self._submit_form(form)

    def _claim(self) -> None:
        account, maker = self.chance.choice(self.stage.accounts), self.chance.choice(self.stage.makers)
        self._enact(f"{maker.username} claims {account.number}", self._taking(account, maker))

    def _force_release(self) -> None:
        account = self.chance.choice(self.stage.accounts)
        self._enact(
            f"{account.number} is released by force",
            lambda: channel_service.force_release(account.number, reason="no", actor=self.stage.checker),
        )

    def _some_number(self, *states: str) -> str:
        with self.stage.app.app_context():
            found = [
                number
                for account in self.stage.accounts
                for number in queries.numbers_of(channels.account(account.number).id)
                if queries.by_number(number).state in states
            ]
        return self.chance.choice(sorted(found)) if found else ""

    # Machines

    def _work(self) -> None:
        if len(self.asleep) >= MOST_ON_STAGE:
            return
        due = self.checker.next_due()
        if due and 0 < due.timestamp() - self._ours() < LONGEST_NAP_S:
            self._pass(due.timestamp() - self._ours())
        self._enact("a worker", self._rows)

    def _rows(self) -> str:
        """What a worker does with due rows, one or several at once. Nobody else may hold them."""
        me = self._current
        claimed = jobs.claim(Line.CHANNEL, limit=self.chance.choice(ROWS_AT_ONCE))
        if not claimed:
            return "finds nothing"
        me.leases = {job: lease for job in claimed if (lease := self.checker.lease_of(job))}
        for other in self.asleep:
            for held, until in other.leases.items() if other is not me else ():
                for job, lease in me.leases.items():
                    if held.id == job.id and until > lease - jobs.LEASE_S:
                        self._is_broken(f"{me.name} and {other.name} both hold {job.kind} {job.subject}")
        me.name = "a worker at " + ", ".join(f"{job.kind.rpartition('.')[2]} {job.subject}" for job in claimed)
        jobs.run(*claimed)
        return "is through"

    def _wake(self) -> None:
        if self.asleep:
            actor = self.chance.choice(self.asleep)
            self._go(actor, self._draw_stop(), f"{actor.name} goes on {actor.where}")

    def _kill(self) -> None:
        if self.asleep:
            actor = self.chance.choice(self.asleep)
            self._tell(f"  kill -9: {actor.name} {actor.where}")
            actor.kill()
            self.asleep.remove(actor)

    def _enact(self, name: str, deed: Callable[[], Any]) -> Actor:
        actor = Actor(self.stage.app, name, deed)
        self._go(actor, self._draw_stop(), name)
        return actor

    def _draw_stop(self) -> int:
        if self._healed or self.chance.random() < 0.5:
            return FOR_EVER
        return self.chance.randint(1, 9)

    def _go(self, actor: Actor, pauses: int, what: str) -> None:
        self._current = actor
        actor.go(pauses)
        if actor in self.asleep:
            self.asleep.remove(actor)
        if actor.is_over:
            end = "is killed there" if actor.is_killed else str(actor.refused or actor.result or "done")
        elif self.chance.random() < 0.3:
            actor.kill()
            end = f"is killed {actor.where}"
        else:
            self._look_at_its_lease(actor)
            self.asleep.append(actor)
            end = f"falls asleep {actor.where}"
        self._tell(f"  {what}: {actor.name if actor.name != what else ''} {end}")

    def _look_at_its_lease(self, actor: Actor) -> None:
        """Whoever has given rows back, and sleeps after that, holds them no more."""
        with self.stage.app.app_context():
            for job in [*actor.leases]:
                row = db.session.get_one(jobs.Job, job.id)
                if row.fence != job.fence or row.lease_until is None:
                    del actor.leases[job]

    # The third party

    def _live(self) -> None:
        with self._true_time():
            self.stage.third.postman.live()

    def _bring_a_letter(self) -> None:
        """Any of those that are due: late and in another order, as it happens."""
        with self._true_time():
            letters = self.stage.third.letters()
        if letters:
            self._bring(self.chance.choice(letters))

    def _bring(self, letter: Letter) -> None:
        self.read_letters.append(letter)
        actor = self._enact(f"a callback {letter.row['call']} {letter.row['state']}", partial(self._knock, letter))
        status, answer = actor.result or (0, b"")
        merchant = MANNERS[letter.url.rpartition("/C")[2]]
        satisfied = status == 200 and merchant.satisfied(answer)
        if satisfied and letter.row["call"] == "badly_signed":
            self._is_broken("a badly signed callback was accepted")
        with self._true_time():
            self.stage.third.postman.note(letter.row, str(status), satisfied=satisfied)

    def _bring_it_again(self) -> None:
        if self.read_letters:
            self._enact("an old callback again", partial(self._knock, self.chance.choice(self.read_letters)))

    def _forge(self) -> None:
        """Somebody who has seen a callback changes a digit of it."""
        if not self.read_letters:
            return
        letter = self.chance.choice(self.read_letters)
        places = [at for at, byte in enumerate(letter.body) if chr(byte).isdigit()]
        at = self.chance.choice(places)
        body = letter.body[:at] + (b"7" if letter.body[at : at + 1] != b"7" else b"3") + letter.body[at + 1 :]
        forged = Letter(letter.row, letter.url, body, letter.headers)
        actor = self._enact("a forged callback", partial(self._knock, forged))
        if actor.result and actor.result[0] == 200:
            self._is_broken("a forged callback was accepted")

    def _knock(self, letter: Letter) -> tuple[int, bytes]:
        with self.stage.app.test_client() as client:
            reply = client.post(letter.url, data=letter.body, headers=dict(letter.headers))
            return reply.status_code, reply.get_data()

    def _force_a_fault(self) -> None:
        account, fault = self.chance.choice(self.stage.accounts), self.chance.choice(FAULTS)
        interface = self.chance.choice(("submit", "query", "query"))
        times = self.chance.choice((1, 1, 2, 5))
        if fault.name == "refused" and interface == "query":
            return
        self._tell(f"  {account.manner} will answer the next {times} × {interface} with {fault.name}")
        with self.stage.third.store.writing() as tx:
            merchant = merchants.find(tx, account.manner, account.merchant_no)
            assert merchant is not None
            switches.force(tx, merchant, interface, fault.name, times)

    def _shut_or_open(self) -> None:
        account, mode = self.chance.choice(self.stage.accounts), self.chance.choice(list(switches.MODES))
        self._tell(f"  {account.manner} is {mode}")
        with self.stage.third.store.writing() as tx:
            switches.set_mode(tx, account.manner, mode)

    # The wire

    def _fate(self) -> str:
        if self._healed:
            return "fine"
        fate = self.chance.choices(list(FATES), list(FATES.values()))[0]
        if fate != "fine":
            self._tell(f"    the wire: {fate}")
        return fate

    def _leaves(self, body: bytes, target: str) -> None:
        http._wire.touched = True
        self._manner_called = target.split("/")[1]
        if self._interface(target) in ("submit", "settle"):
            found = _NUMBER.search(body)
            assert found is not None
            self.checker.left[found[0].decode()] += 1

    def _interface(self, target: str) -> str | None:
        manner, path = target.split("/")[1], f"/{target.split('/', 2)[2].partition('?')[0]}"
        interfaces = MANNERS[manner].interfaces
        return next((name for rule, name in interfaces.items() if rule.partition(" ")[2] == path), None)

    def _deliver(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        with self._true_time():
            answer = self.stage.third.call(method, target, body, headers)
        manner = self._manner_called = target.split("/")[1]
        if answer is not None and answer[0] == 200:
            self.replies.setdefault(manner, []).append(answer)
        return answer

    def _of_another(self) -> tuple[int, Mapping[str, str], bytes] | None:
        """A genuine answer that the same company once gave to somebody's question, perhaps about another order."""
        said = self.replies.get(self._manner_called)
        return said[0] if said else None

    def _arrive_later(self, deliver: Callable[[], object]) -> None:
        at = self.stage.now + self.chance.random() * LATEST_ARRIVAL_S
        heapq.heappush(self.arrivals, (at, len(self.arrivals) + self.steps * 1000, deliver))

    def _arrive(self) -> None:
        while self.arrivals and self.arrivals[0][0] <= self.stage.now:
            self._tell("  a request that was given up arrives")
            heapq.heappop(self.arrivals)[2]()

    # Time

    def _ours(self) -> float:
        return self.stage.now + self.skew

    def _clock(self) -> datetime:
        self.stage.now += 0.001
        return datetime.fromtimestamp(self.stage.now if self._at_third else self._ours(), UTC)

    @contextmanager
    def _true_time(self) -> Iterator[None]:
        self._at_third = True
        try:
            yield
        finally:
            self._at_third = False

    def _pass(self, seconds: float) -> None:
        self.stage.now += seconds

    def _wait(self) -> None:
        seconds = self.chance.choice((5, 20, 40, 70, 70, 130, 200, 700, 3600)) * (0.5 + self.chance.random())
        self._tell(f"  {seconds:.0f} s pass")
        self._pass(seconds)

    def _step_the_clock(self) -> None:
        self.skew = self.chance.choice((_TWO_HOURS, -_TWO_HOURS, 0.0, 0.0))
        self._tell(f"  our clock is {self.skew:+.0f} s off")

    # The end

    def _drain(self) -> None:
        """The channel heals, clocks are set right, who sleeps wakes or is killed; then time passes until nothing is open."""
        self._tell("the channel heals")
        self._healed, self.skew = True, 0.0
        with self.stage.third.store.writing() as tx:
            tx.execute("DELETE FROM forced")
            for account in self.stage.accounts:
                switches.set_mode(tx, account.manner, switches.OPEN)
        while self.asleep:
            self.chance.choice((self._kill, self._wake, self._wake))()
            self.check()
        for _ in range(ROUNDS_TO_DRAIN):
            self._arrive()
            self._live()
            with self._true_time():
                letters = self.stage.third.letters()
            for letter in letters:
                self._bring(letter)
                self.check()
            while True:
                worker = self._enact("a worker", self._rows)
                if worker.result == "finds nothing":
                    break
                self.check()
            if not self._advance():
                break
        else:
            self._is_broken(f"it does not drain: {self.checker.open_numbers()}")
        with self.stage.app.app_context():
            if found := self.checker.problems_at_the_end():
                self._is_broken("; ".join(found))

    def _advance(self) -> bool:
        """To the next moment at which something is due. False: all that is left waits for people."""
        theirs = [due for due in (self.stage.third.next_due(), *(at for at, *_ in self.arrivals[:1])) if due]
        still_open = self.checker.open_numbers()  # what people have before them is asked about for ever
        ours = self.checker.next_due(still_open) if still_open else None
        due = [*theirs, *([ours.timestamp()] if ours else [])]
        if not due:
            return False
        self.stage.now = max(self.stage.now, min(due) + 0.01)
        return True

    def check(self) -> None:
        self.steps += 1
        with self.stage.app.app_context():
            found = self.checker.problems()
        if found:
            self._is_broken("; ".join(found))

    def _is_broken(self, what: str) -> None:
        self._tell(f"BROKEN: {what}")
        raise Broken(f"seed {self.seed}, step {self.steps}: {what}")
