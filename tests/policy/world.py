"""One account, its biller, its mail server and the worker that watches them, on a clock that only moves forward.

Everything is a value in memory, but what decides is real: `decide` says what to do, `content_now` what a letter says.
What the ledger does with a verdict (cases, unique notices, withdrawals) is done here in a few lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from gatekeeper.model import (
    Audience,
    Contact,
    Dispute,
    Exemption,
    Facts,
    Invoice,
    Notice,
    NoticeState,
    Promise,
    Scope,
    Standing,
    Step,
    Verdict,
)
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.sending import content_now, not_before
from tests.kit.builders import automatic, contact, invoice, on

UNSENT: Final = (NoticeState.PLANNED, NoticeState.DEFERRED)
GIVE_UP_AFTER: Final = timedelta(hours=72)
POST: Final = {
    "accepts": (NoticeState.ACCEPTED,),
    "is moody": (NoticeState.ACCEPTED, NoticeState.ACCEPTED, NoticeState.DEFERRED, NoticeState.REFUSED, NoticeState.UNCERTAIN),
    "is away": (NoticeState.DEFERRED,),
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at the account: what was known, what the policy said, and what was known after that was written down."""

    now: datetime
    before: Facts
    verdict: Verdict
    after: Facts


class World:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.now = on(0)
        self.dice = Random(0)
        self.books: dict[str, Invoice] = {"in_0": invoice(0)}
        self.known: dict[str, Invoice] = {}
        self.contacts: tuple[Contact, ...] = tuple(contact(audience) for audience in Audience)
        self.notices: list[Notice] = []
        self.arrived: list[tuple[Notice, Facts]] = []
        self.doubted: set[int] = set()
        self.exemptions: tuple[Exemption, ...] = ()
        self.promises: tuple[Promise, ...] = ()
        self.disputes: tuple[Dispute, ...] = ()
        self.standing_since_at: datetime | None = None
        self.case_opened_at: datetime | None = None
        self.reopened_at: datetime | None = None
        self.distrust = ""
        self.standing = Standing.CURRENT
        self.case_id: int | None = None
        self.cases = 0
        self.made = 0

    def facts(self) -> Facts:
        return Facts(
            account_id="acme",
            standing=self.standing,
            invoices=tuple(known for known in self.known.values() if known.status in {"open", "uncollectible"}),
            contacts=self.contacts,
            case_id=self.case_id,
            notices=tuple(n for n in self.notices if n.case_id in {None, self.case_id}),
            exemptions=self.exemptions,
            promises=self.promises,
            disputes=self.disputes,
            standing_since_at=self.standing_since_at,
            case_opened_at=self.case_opened_at,
            reopened_at=self.reopened_at,
            distrust=self.distrust,
            watched_since_at=on(-100),
        )

    # The worker

    def round(self, post: str, *, reads: bool = True) -> list[Look]:
        """One turn of the worker: sync, review, perform, and a review of what came of it."""
        if reads:
            self._read(self.books)
        looks = self._review()
        if not self.distrust:
            self._send(post)
        return looks + self._review()

    def _read(self, invoice_ids: Iterable[str]) -> None:
        if self.distrust:
            return
        for invoice_id in invoice_ids:
            read, before = replace(self.books[invoice_id], read_at=self.now), self.known.get(invoice_id)
            if before is not None:
                failed = before.processing_since_at is not None and read.processing_since_at is None
                read = replace(read, processing_ended_at=self.now if failed else before.processing_ended_at)
            self.known[invoice_id] = read

    def _review(self) -> list[Look]:
        looks = [self._look()]
        if wanted := looks[0].verdict.read_first:
            self._read(wanted)
            looks.append(self._look())
        return looks

    def _look(self) -> Look:
        before = self.facts()
        verdict = decide(before, self.rules, self.now)
        if verdict.standing is not Standing.CURRENT and self.case_id is None:
            self.cases += 1
            self.case_id = self.cases
            self.case_opened_at = self.now
        for asked in verdict.notices:
            assert self.case_id is not None or asked.step is Step.COURTESY
            self.notices.append(
                Notice(
                    id=len(self.notices),
                    account_id="acme",
                    case_id=None if asked.step is Step.COURTESY else self.case_id,
                    step=asked.step,
                    name=asked.name,
                    occasion=asked.occasion,
                    audiences=asked.audiences,
                    address=asked.address,
                    state=NoticeState.PLANNED,
                    planned_at=self.now,
                    named=asked.named,
                    suspend_on=asked.suspend_on,
                    closes=asked.closes,
                )
            )
        if verdict.standing is Standing.CURRENT:
            self._withdraw_unsent()
            self.case_id = self.case_opened_at = None
        if verdict.standing is not self.standing:
            self.standing_since_at = self.now
        self.standing = verdict.standing
        return Look(now=self.now, before=before, verdict=verdict, after=self.facts())

    def _withdraw_unsent(self) -> None:
        for at, unsent in enumerate(self.notices):
            if unsent.case_id == self.case_id is not None and unsent.state in UNSENT and unsent.step is not Step.RESTORED:
                self.notices[at] = replace(unsent, state=NoticeState.WITHDRAWN)

    def _send(self, post: str) -> None:
        for at, letter in enumerate(self.notices):
            once_more = letter.state is NoticeState.UNCERTAIN and letter.id not in self.doubted
            if letter.state not in UNSENT and not once_more:
                continue
            if not_before(letter, self.facts(), self.rules, self.now) > self.now:
                continue
            content = content_now(letter, self.facts(), self.rules, self.now)
            if content is None:
                self.notices[at] = replace(letter, state=NoticeState.WITHDRAWN)
                continue
            if letter.state is NoticeState.UNCERTAIN:
                self.doubted.add(letter.id)
            outcome = self.dice.choice(POST[post])
            if outcome is NoticeState.DEFERRED and self.now - letter.planned_at >= GIVE_UP_AFTER:
                outcome = NoticeState.REFUSED
            sent = replace(letter, named=content.named, suspend_on=content.suspend_on, state=outcome)
            if outcome is NoticeState.ACCEPTED:
                sent = replace(sent, accepted_at=self.now)
                self.arrived.append((sent, self.facts()))
            self.notices[at] = sent

    # What happens in the world; the dice decide the details

    def nothing(self) -> None:
        pass

    def bill(self) -> None:
        self.made += 1
        due_at = self.now + timedelta(days=self.dice.choice([0, 0, 1, 10, 20]))
        fields = {
            "created_at": self.now,
            "finalized_at": self.now,
            "currency": self.dice.choice(["eur", "eur", "usd"]),
            "remaining_minor": self.dice.choice([5000, 5000, 60]),
        }
        if self.dice.random() < 0.8:
            made = invoice(self.made, **fields, due_at=due_at)
        else:
            next_attempt_at = self.dice.choice([None, self.now + timedelta(days=20)])
            made = automatic(self.made, **fields, next_attempt_at=next_attempt_at)
        self.books[made.id] = made

    def pay(self) -> None:
        self._change(status="paid", remaining_minor=0, processing_since_at=None)

    def pay_in_part(self) -> None:
        self._change(remaining_minor=self.dice.choice([30, 70, 1000]))

    def pay_everything(self) -> None:
        for owed in [one for one in self.books.values() if one.owed]:
            self.books[owed.id] = replace(owed, status="paid", remaining_minor=0)

    def forgive_everything(self) -> None:
        for given_up in [one for one in self.books.values() if one.status == "uncollectible"]:
            self.books[given_up.id] = replace(given_up, status="void")

    def credit(self) -> None:
        self._change(remaining_minor=0)

    def revise(self) -> None:
        old = self._change(status="void")
        if old is not None:
            self.made += 1
            due_at = None if old.due_at is None else old.due_at + timedelta(days=self.dice.choice([0, 5]))
            new = replace(old, id=f"in_{self.made}", number=f"A-{self.made}", due_at=due_at, processing_since_at=None)
            self.books[new.id] = new

    def pay_by_bank(self) -> None:
        self._change(processing_since_at=self.now)

    def write_off(self) -> None:
        self._change(status="uncollectible")

    def dispute(self) -> None:
        self.disputes += (Dispute(id=f"dp_{len(self.disputes)}", opened_at=self.now),)

    def settle_dispute(self) -> None:
        self.disputes = tuple(replace(one, closed_at=one.closed_at or self.now) for one in self.disputes)

    def fail_at_bank(self) -> None:
        for pending in [one for one in self.books.values() if one.processing_since_at is not None]:
            self.books[pending.id] = replace(pending, processing_since_at=None)

    def _change(self, **changes: Any) -> Invoice | None:
        """Change one of the owed invoices; the one that was."""
        owed = [one for one in self.books.values() if one.owed]
        if not owed:
            return None
        chosen = self.dice.choice(owed)
        self.books[chosen.id] = replace(chosen, **changes)
        return chosen

    def exempt(self) -> None:
        self.end_exemption()
        until_on = day_of(self.now, self.rules.time_zone) + timedelta(days=self.dice.choice([0, 1, 10]))
        self.exemptions += (
            Exemption(until_on=until_on, reason="", author="Ann", set_at=self.now, scope=self.dice.choice(list(Scope))),
        )

    def end_exemption(self) -> None:
        self.exemptions = tuple(replace(e, ended_at=e.ended_at or self.now) for e in self.exemptions)

    def promise(self) -> None:
        self.promises = tuple(replace(p, ended_at=p.ended_at or self.now) for p in self.promises)
        due_on = day_of(self.now, self.rules.time_zone) + timedelta(days=self.dice.choice([0, 1, 7]))
        self.promises += (Promise(due_on=due_on, by="Bob", set_at=self.now),)

    def reopen(self) -> None:
        self.reopened_at = self.now

    def lose_contact(self) -> None:
        if self.contacts:
            gone = self.dice.choice(self.contacts)
            self.contacts = tuple(kept for kept in self.contacts if kept != gone)

    def find_contact(self) -> None:
        address = self.dice.choice(["a@customer.example", "b@customer.example", "C@customer.example", "owner@customer.example"])
        self.contacts = (*self.contacts, contact(self.dice.choice(tuple(Audience)), address))

    def bounce(self) -> None:
        arrived = [at for at, letter in enumerate(self.notices) if letter.state is NoticeState.ACCEPTED]
        if arrived:
            at = self.dice.choice(arrived)
            self.notices[at] = replace(self.notices[at], state=NoticeState.BOUNCED)

    def resend(self) -> None:
        for at, letter in enumerate(self.notices):
            if letter.state in {NoticeState.REFUSED, NoticeState.UNCERTAIN}:
                self.notices[at] = replace(letter, state=NoticeState.PLANNED)

    def doubt(self) -> None:
        self.distrust = "the key was refused"

    def believe(self) -> None:
        self.distrust = ""

    def calm(self) -> None:
        """Faults stop: everybody can be reached, nothing is held, and something is owed that nobody pays."""
        self.distrust = ""
        self.end_exemption()
        self.promises = tuple(replace(p, ended_at=p.ended_at or self.now) for p in self.promises)
        self.contacts = tuple(contact(audience, f"{audience}@calm.example") for audience in Audience)
        self.fail_at_bank()
        self.settle_dispute()
        self.books = {id_: replace(owed, next_attempt_at=None) for id_, owed in self.books.items()}
        self.books["in_1000"] = invoice(1000, due_at=self.now, created_at=self.now, finalized_at=self.now)
