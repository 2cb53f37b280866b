"""Each method of the writer is one transaction: whichever of its statements fails, nothing of it is written (case 69)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from gatekeeper.ledger.writer.reconciles import Reconcile
from gatekeeper.model import Audience, Dispute, Identity, Mode, NoticeState, Outcome, Step
from tests.kit.builders import USER, day, invoice, on
from tests.kit.ledger import Ledger, a_customer, current, past_due, planned, reading, suspended


class PowerCut(Exception):
    pass


def verdicts(ledger: Ledger) -> None:
    """One account is suspended, one opened with the word of it, one drawn into a new case."""
    judged = {
        "acme": suspended(notices=(planned(Step.WARNING, suspend_on=day(5)),)),
        "open": current(planned(Step.RESTORED, named=())),
        "new": past_due(planned()),
    }
    facts = ledger.reader.facts(list(judged))
    assert len(ledger.writer.verdicts.record([(one, judged[one.account_id], True) for one in facts], on(2))) == 3


def settle(ledger: Ledger) -> None:
    notice = replace(ledger.facts().notices[0], attempts=1)
    ledger.writer.outbox.settle(notice, Outcome(state=NoticeState.ACCEPTED, detail="250 ok"), on(2))


def withdraw(ledger: Ledger) -> None:
    ledger.writer.outbox.withdraw(replace(ledger.facts().notices[0], attempts=1))


def a_reading_that_changes_everything(ledger: Ledger) -> None:
    version = ledger.reader.invoice_version("in_1")
    moved = a_customer(account_id="else", name="Else", addresses=((Audience.USER, "else@customer.example"),))
    shown = invoice(remaining_minor=1, lineage="in_0")
    assert ledger.writer.readings.record(reading(shown, moved), if_version=version)


METHODS: dict[str, Callable[[Ledger], object]] = {
    "record verdicts": verdicts,
    "record a reading": a_reading_that_changes_everything,
    "record a page": lambda ledger: ledger.writer.readings.record_page(
        [reading(), reading(invoice(8)), reading(invoice(9, customer_id="cus_9"), a_customer(id="cus_9", account_id="nine"))], 1
    ),
    "record a customer": lambda ledger: ledger.writer.readings.record_customer(a_customer(account_id="else"), on(1)),
    "settle by event": lambda ledger: ledger.writer.readings.settle_by_event("in_1", on(1)),
    "record disputes": lambda ledger: ledger.writer.disputes.record([(Dispute(id="dp_1", opened_at=on(0)), "cus_1")], on(1)),
    "record clocks": lambda ledger: ledger.writer.clocks.record({"clock_1": on(40)}),
    "begin a reconcile": lambda ledger: ledger.writer.reconciles.begin(on(0)),
    "advance a reconcile": lambda ledger: ledger.writer.reconciles.advance(1, "in_1"),
    "finish a reconcile": lambda ledger: ledger.writer.reconciles.finish(Reconcile(number=1, began_at=on(0)), changed=True),
    "prune events": lambda ledger: ledger.writer.inbox.prune(on(99)),
    "distrust": lambda ledger: ledger.writer.reconciles.distrust("why"),
    "pin": lambda ledger: ledger.writer.reconciles.pin(Identity(account="acct_1", livemode=True)),
    "claim": lambda ledger: ledger.writer.outbox.claim(on(2)),
    "settle": settle,
    "withdraw": withdraw,
    "recover": lambda ledger: ledger.writer.outbox.recover(on(9)),
    "exempt": lambda ledger: ledger.writer.desk.exempt("acme", until_on=day(9), reason="good", author="Ann", now=on(1)),
    "promise": lambda ledger: ledger.writer.desk.promise("acme", due_on=day(9), by="Bob", author="Ann", now=on(1)),
    "reopen": lambda ledger: ledger.writer.desk.reopen("acme", reason="sorry", author="Ann", now=on(1)),
    "arm": lambda ledger: ledger.writer.desk.set_mode(Mode.ARMED, author="Ann", now=on(1)),
    "release": lambda ledger: ledger.writer.desk.release(),
    "store an event": lambda ledger: ledger.writer.inbox.store(
        event_id="evt_1", kind="invoice.paid", object_id="in_1", body=b"{}", now=on(1), wanted=True
    ),
}


@contextmanager
def power_cut_before(engine: Engine, number: int) -> Iterator[None]:
    """The statement of that number does not reach the database any more."""
    sent = 0

    def cut(*_arguments: object) -> None:
        nonlocal sent
        sent += 1
        if sent == number:
            raise PowerCut

    event.listen(engine, "before_cursor_execute", cut)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", cut)


@pytest.mark.parametrize("work", METHODS.values(), ids=METHODS.keys())
def test_a_power_cut_in_the_middle_leaves_nothing_half_done(ledger: Ledger, work: Callable[[Ledger], object]) -> None:
    for number, name in enumerate(("acme", "open", "new"), start=1):
        ledger.read(invoice(number, customer_id=f"cus_{number}"), customer=a_customer(account_id=name, test_clock="clock_1"))
    ledger.writer.inbox.store(event_id="evt_0", kind="invoice.paid", object_id="in_1", body=b"{}", now=on(1), wanted=False)
    ledger.writer.reconciles.begin(on(-1))
    ledger.judge(past_due(planned(), planned(address=USER)), withheld=True)
    ledger.judge(suspended(), account_id="open")
    ledger.writer.outbox.claim(on(1))
    before = ledger.dump()
    number = 0

    while True:
        number += 1
        try:
            with power_cut_before(ledger.engine, number):
                work(ledger)
        except PowerCut:
            assert ledger.dump() == before, f"statement {number}"
        else:
            break

    assert number > 1
    assert ledger.dump() != before
