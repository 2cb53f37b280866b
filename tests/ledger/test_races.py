"""Many at once: nothing is lost, nothing happens twice, nobody waits for ever (cases 63, 67, 68 and 82)."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from gatekeeper.model import Dispute, Invoice, NoticeState, Outcome, Reading, Standing
from tests.kit.builders import DUE_AT, day, invoice
from tests.kit.ledger import Ledger, a_customer, at_once, past_due, planned, reading, suspended


class Biller:
    """Objects that change, and answers that take their time: what is read here may be old when it arrives."""

    def __init__(self, shown: Reading) -> None:
        self.shown = shown

    def fetch(self, dice: random.Random) -> Reading:
        time.sleep(dice.random() * 0.0005)
        found = self.shown
        time.sleep(dice.random() * 0.0005)
        return found


def read_under_the_lock(ledger: Ledger, fetch: Callable[[], Reading], invoice_id: str = "in_1") -> None:
    """As `sync` does it: ask for the version, fetch, write; who lost asks again."""
    for _ in range(50):
        version = ledger.reader.invoice_version(invoice_id)
        if ledger.writer.readings.record(fetch(), if_version=version):
            return
    raise AssertionError("a reading lost fifty times")


def test_whoever_reads_last_never_leaves_an_older_state(ledger: Ledger) -> None:
    """200 races of two who read an invoice while it is being paid."""
    dice = random.Random(4)
    for number in range(200):
        name = f"in_{number}"
        biller = Biller(reading(invoice(number)))
        if number % 2:
            ledger.read(invoice(number))

        def pay(number: int = number, biller: Biller = biller, pause: float = dice.random() * 0.001) -> None:
            time.sleep(pause)
            biller.shown = reading(invoice(number, status="paid", remaining_minor=0))
            read_under_the_lock(ledger, lambda: biller.fetch(random.Random(1)), f"in_{number}")

        def look(name: str = name, biller: Biller = biller, seed: int = number) -> None:
            read_under_the_lock(ledger, lambda: biller.fetch(random.Random(seed)), name)

        at_once(pay, look)
        assert ledger.reader.invoice(name).status == "paid"


def test_two_who_read_for_the_first_time_write_each_thing_once(ledger: Ledger) -> None:
    for number in range(30):
        name = f"cus_{number}"
        one = reading(invoice(number, customer_id=name), a_customer(id=name, account_id=f"acme_{number}"))
        other = replace(one, invoice=replace(one.invoice, id=f"in_{number}b"))
        won = at_once(*[lambda one=one: ledger.writer.readings.record(one, if_version=None)] * 2)
        assert sorted(won) == [False, True]
        found = at_once(
            lambda one=one, other=other: ledger.writer.readings.record_page([one, other], 1),
            lambda one=one, other=other: ledger.writer.readings.record_page([other, one], 1),
        )
        assert found == [[], []]
    assert [len(ledger.rows(table)) for table in ("invoices", "customers", "accounts", "contacts")] == [60, 30, 30, 60]


def test_of_two_workers_with_the_same_verdict_one_writes_it(ledger: Ledger) -> None:
    ledger.read(invoice())
    for number in range(40):
        facts = ledger.facts()
        verdict = suspended() if number % 2 else past_due(planned(occasion=number))
        changed = at_once(
            *[lambda facts=facts, verdict=verdict: ledger.writer.verdicts.record([(facts, verdict, False)], DUE_AT)] * 2
        )
        assert sorted(changed) == [[], ["acme"]]
    assert len(ledger.rows("audit")) == 40
    assert len(ledger.rows("notices")) == 20
    assert ledger.reader.revision() == 40


def test_a_promise_and_a_suspension_at_the_same_moment_leave_the_promise_seen(ledger: Ledger) -> None:
    """Either the suspension came first, and the account is due another look; or it was refused (case 82)."""
    ledger.read(invoice())
    for _ in range(40):
        facts = ledger.facts()
        at_once(
            lambda: ledger.writer.desk.promise("acme", due_on=day(5), by="Bob", author="Ann", now=DUE_AT),
            lambda facts=facts: ledger.writer.verdicts.record([(facts, suspended(), False)], DUE_AT),
        )
        assert ledger.touched() == {"acme"}
        ledger.judge(past_due())


def test_two_exemptions_at_the_same_moment_leave_one(ledger: Ledger) -> None:
    ledger.read(invoice())
    for _ in range(20):
        at_once(*[lambda: ledger.writer.desk.exempt("acme", until_on=day(5), reason="good", author="Ann", now=DUE_AT)] * 2)
        assert len([row for row in ledger.rows("exemptions") if row["ended_at"] is None]) == 1


def test_revisions_are_counted_one_by_one_by_many_workers(ledger: Ledger) -> None:
    names = [f"acme_{number}" for number in range(8)]
    for number, name in enumerate(names):
        ledger.read(invoice(number, customer_id=f"cus_{number}"), customer=a_customer(account_id=name))
    work = [lambda name=name: ledger.judge(past_due(), account_id=name) for name in names]

    assert at_once(*work) == [True] * 8
    assert ledger.reader.revision() == 8


class Crowd:
    """Everybody who writes, about the same eight accounts, each in an order of their own."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger = ledger
        self.writer = ledger.writer
        self.dice = random.Random(seed)
        self.names = [f"acme_{number}" for number in range(8)]
        self.invoices = [invoice(number, customer_id=f"cus_{number}") for number in range(8)]

    def moved(self, one: Invoice) -> Reading:
        """An invoice, and its customer, which is of another account each time that one looks."""
        return reading(one, a_customer(id=one.customer_id, account_id=self.dice.choice(self.names)))

    def page(self) -> None:
        shown = [self.moved(one) for one in self.dice.sample(self.invoices, 8)]
        self.writer.readings.record_page(shown, self.dice.randrange(1000))

    def single(self) -> None:
        one = replace(self.dice.choice(self.invoices), remaining_minor=self.dice.randrange(1, 99))
        self.writer.readings.record(self.moved(one), if_version=self.ledger.reader.invoice_version(one.id))

    def customer(self) -> None:
        self.writer.readings.record_customer(self.moved(self.dice.choice(self.invoices)).customer, DUE_AT)

    def review(self) -> None:
        facts = self.ledger.reader.facts(self.names)
        standing = self.dice.choice([Standing.CURRENT, Standing.PAST_DUE, Standing.SUSPENDED])
        asked = [planned(occasion=self.dice.randrange(10**9), address=address) for address in ("a@x.example", "b@x.example")]
        verdict = past_due(*([] if standing is Standing.CURRENT else asked))._replace(standing=standing)
        judged = [(one, verdict, self.dice.random() < 0.5) for one in self.dice.sample(facts, len(facts))]
        self.writer.verdicts.record(judged, DUE_AT)

    def post(self) -> None:
        now = DUE_AT + timedelta(minutes=self.dice.randrange(600))
        self.writer.outbox.recover(now)
        if (notice := self.writer.outbox.claim(now)) is not None:
            state = self.dice.choice([NoticeState.ACCEPTED, NoticeState.DEFERRED, NoticeState.UNCERTAIN, NoticeState.REFUSED])
            self.writer.outbox.name(notice, ("in_1",), None)
            self.writer.outbox.settle(notice, Outcome(state=state), now)
            self.writer.outbox.resend(notice.id, now)

    def staff(self) -> None:
        self.writer.desk.exempt(self.dice.choice(self.names), until_on=day(5), reason="good", author="Ann", now=DUE_AT)
        self.writer.desk.release()

    def reconcile(self) -> None:
        self.writer.reconciles.distrust(str(self.dice.random()))
        self.writer.reconciles.finish(self.writer.reconciles.begin(DUE_AT))
        self.writer.disputes.record([(Dispute(id=f"dp_{self.dice.randrange(9)}", opened_at=DUE_AT), "cus_1")], DUE_AT)
        self.writer.readings.settle_by_event(self.dice.choice(self.invoices).id, DUE_AT)


def test_writers_of_every_kind_never_wait_for_each_other_in_a_circle(ledger: Ledger) -> None:
    """For three seconds; the database would name a deadlock, and end one of the two (case 68)."""
    for name, one in zip(Crowd(ledger, 0).names, Crowd(ledger, 0).invoices, strict=True):
        ledger.read(one, customer=a_customer(account_id=name))
    until = time.monotonic() + 3

    def again(work: Callable[[Crowd], None], seed: int) -> int:
        crowd, done = Crowd(ledger, seed), 0
        while time.monotonic() < until:
            work(crowd)
            done += 1
        return done

    works = [Crowd.page, Crowd.page, Crowd.single, Crowd.single, Crowd.customer, Crowd.review, Crowd.review]
    works += [Crowd.post, Crowd.post, Crowd.staff, Crowd.reconcile]
    done = at_once(*(lambda work=work, seed=seed: again(work, seed) for seed, work in enumerate(works)))

    assert min(done) > 0
    listed = ledger.reader.snapshot(DUE_AT).standings
    assert {row["id"] for row in ledger.rows("accounts") if row["standing"] != "current"} == set(listed)
    changes = ledger.rows("audit", kind="standing")
    for account_id in Crowd(ledger, 0).names:
        said = [(row["before"], row["after"]) for row in changes if row["account_id"] == account_id]
        assert all(one[1] == other[0] for one, other in pairwise(said))
