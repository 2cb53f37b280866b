"""Questions cost what is due, not what exists (case 78), and are answered from one moment."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from gatekeeper.ledger.rows import INVOICE_FIELDS
from gatekeeper.ledger.tables import accounts, audit, inbox, invoices, notices
from gatekeeper.ledger.tables import cases as case_table
from gatekeeper.model import Mode, Standing
from gatekeeper.snapshot import Change, Snapshot
from tests.kit.builders import DUE_AT, SECOND, contact, invoice, on
from tests.kit.ledger import Ledger, a_customer, at_once, current, past_due, planned, reading, statements, suspended

MANY = 20_000


def accounts_of(ledger: Ledger, *names: str) -> None:
    for number, name in enumerate(names):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))


@pytest.fixture
def big(ledger: Ledger) -> Ledger:
    """20,000 accounts, each with an invoice, a sent notice, an audit row and an old event. Ten are touched, ten timed."""
    with ledger.engine.begin() as connection:
        connection.execute(insert(case_table), [{"id": 1, "account_id": "a00000", "opened_at": DUE_AT}])
        for table, row in ((accounts, _account), (invoices, _invoice), (notices, _notice), (audit, _audit), (inbox, _event)):
            connection.execute(insert(table), [row(number) for number in range(MANY)])
        connection.execute(text("UPDATE state SET revision = 7"))
        connection.execute(text("ANALYZE"))
    return ledger


def _account(number: int) -> dict[str, Any]:
    return {
        "id": f"a{number:05}",
        "touched": number % 2000 == 7,
        "review_at": on(0) if number % 2000 == 9 else on(30),
        "withheld": number % 2000 == 11,
        "standing": "suspended" if number % 2000 == 13 else "current",
        "reasons": [],
        "changed_in": 7 if number % 2000 == 13 else number % 3,
    }


def _invoice(number: int) -> dict[str, Any]:
    """Every fifth of them open."""
    made = invoice(
        number, status="open" if number % 10 in {3, 7} else "paid", account_id=f"a{number:05}", pay_token=str(number)
    )
    return {name: getattr(made, name) for name in INVOICE_FIELDS} | {"seen_in": 9}


def _notice(number: int) -> dict[str, Any]:
    fields = {"case_id": 1, "step": "reminder", "occasion": 1, "audiences": [], "named": [], "state": "accepted"}
    names = {"account_id": f"a{number:05}", "address": str(number), "message_id": str(number)}
    return fields | names | {"planned_at": DUE_AT}


def _audit(number: int) -> dict[str, Any]:
    return {"account_id": f"a{number:05}", "at": on(-9), "kind": "standing", "after": "past_due", "actor": "gatekeeper"}


def _event(number: int) -> dict[str, Any]:
    due_at = on(0) if number % 2000 == 7 else None
    return {"event_id": str(number), "type": "invoice.paid", "body": b"{}", "received_at": DUE_AT, "next_try_at": due_at}


def plans(ledger: Ledger, question: Callable[[], object]) -> list[str]:
    """How the database goes about each statement of a question."""
    with statements(ledger.engine) as sent:
        question()
    explain = "EXPLAIN QUERY PLAN " if ledger.engine.dialect.name == "sqlite" else "EXPLAIN "
    with ledger.engine.connect() as connection:
        return [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters).all())
            for statement, parameters in sent
            if not statement.startswith("BEGIN")
        ]


BIG = ("accounts", "invoices", "notices", "inbox")
QUESTIONS: dict[str, tuple[Callable[[Ledger], object], str]] = {
    "touched accounts": (lambda ledger: ledger.reader.due_accounts(on(1), 100), "ix_accounts_touched"),
    "timed accounts": (lambda ledger: ledger.reader.due_accounts(on(1), 100), "ix_accounts_review_at"),
    "changed accounts": (lambda ledger: ledger.reader.changes_since(6, DUE_AT), "ix_accounts_changed_in"),
    "suspended accounts": (lambda ledger: ledger.reader.owing_of_closed(50), "ix_accounts_standing"),
    "their open invoices": (lambda ledger: ledger.reader.owing_of_closed(50), "ix_invoices_owing"),
    "vanished invoices": (lambda ledger: ledger.reader.owing_not_seen_in(9, "", 100), "ix_invoices_seen_in"),
    "unconfirmed invoices": (lambda ledger: ledger.reader.unconfirmed("", 100), "ix_invoices_unconfirmed"),
    "new events": (lambda ledger: ledger.reader.events_behind(5_000, 40), "inbox"),
    "due events": (lambda ledger: ledger.reader.events_due(on(1), 40), "ix_inbox_due"),
    "due notices": (lambda ledger: ledger.writer.outbox.claim(on(1)), "ix_notices_due"),
    "dead senders": (lambda ledger: ledger.writer.outbox.recover(on(1)), "ix_notices_sending"),
    "what was withheld": (lambda ledger: ledger.writer.desk.release(), "ix_accounts_withheld"),
    "owing invoices": (lambda ledger: ledger.reader.facts(["a00007", "a00009"]), "ix_invoices_owing"),
    "paid invoices": (lambda ledger: ledger.reader.facts(["a00007", "a00009"]), "ix_invoices_paid"),
}


def test_a_round_costs_what_is_due_and_not_what_exists(big: Ledger) -> None:
    assert len(big.reader.due_accounts(on(1), 100)) == 20
    for name, (question, index) in QUESTIONS.items():
        found = plans(big, lambda question=question: question(big))
        assert any(index in plan for plan in found), (name, found)
        scanned = [plan for plan in found if "Seq Scan on " in plan or ("SCAN " in plan and "USING" not in plan)]
        assert [
            plan for plan in scanned if any(f"{scan} {table}" in plan for table in BIG for scan in ("Seq Scan on", "SCAN"))
        ] == [], name
    assert any("ix_accounts_standing" in plan for plan in plans(big, lambda: big.reader.snapshot(on(1))))


def test_accounts_are_due_when_touched_or_when_their_time_has_come(ledger: Ledger) -> None:
    accounts_of(ledger, "touched", "timed", "later", "never")
    ledger.judge(past_due(review_at=on(3)), account_id="timed")
    ledger.judge(past_due(review_at=on(4)), account_id="later")
    ledger.judge(past_due(), account_id="never")

    assert ledger.reader.due_accounts(on(3), 10) == ["touched", "timed"]
    assert ledger.reader.due_accounts(on(3), 1) == ["touched"]
    assert set(ledger.reader.due_accounts(on(4), 10)) == {"touched", "timed", "later"}


def test_an_account_that_is_touched_and_timed_is_due_once(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.judge(past_due(review_at=on(1)))
    ledger.writer.desk.reopen("acme", reason="", author="Ann", now=on(1))

    assert ledger.reader.due_accounts(on(2), 10) == ["acme"]


def test_the_facts_of_200_accounts_take_as_many_questions_as_those_of_one(ledger: Ledger) -> None:
    names = [f"acme_{number}" for number in range(200, 400)]
    ledger.writer.readings.record_page(
        [reading(invoice(id=name, customer_id=name), a_customer(id=name, account_id=name)) for name in names], 1
    )
    ledger.writer.verdicts.record([(facts, past_due(planned()), False) for facts in ledger.reader.facts(names)], DUE_AT)

    with statements(ledger.engine) as for_one:
        ledger.reader.facts(names[:1])
    with statements(ledger.engine) as for_all:
        found = ledger.reader.facts(names)

    assert len(for_one) == len(for_all) <= 10
    assert [facts.account_id for facts in found] == names
    assert {(len(facts.invoices), len(facts.contacts), len(facts.notices)) for facts in found} == {(1, 2, 1)}


def test_facts_are_those_of_the_account_and_of_nobody_else(ledger: Ledger) -> None:
    accounts_of(ledger, "a", "b")
    ledger.judge(past_due(planned()), account_id="a")
    ledger.writer.desk.exempt("b", until_on=DUE_AT.date(), reason="good", author="Ann", now=DUE_AT)

    a, b = ledger.reader.facts(["b", "a", "nobody"])

    assert [(facts.account_id, [one.id for one in facts.invoices]) for facts in (a, b)] == [("a", ["in_0"]), ("b", ["in_1"])]
    assert [(len(facts.notices), len(facts.exemptions)) for facts in (a, b)] == [(1, 0), (0, 1)]
    assert ledger.reader.facts([]) == []


def test_open_and_uncollectible_invoices_are_among_the_facts(ledger: Ledger) -> None:
    for number, status in enumerate(("open", "draft", "paid", "void", "uncollectible", "deleted")):
        ledger.read(invoice(number, status=status))

    assert [one.id for one in ledger.facts().invoices] == ["in_0", "in_4"]


def test_facts_of_one_moment_have_the_version_of_that_moment(ledger: Ledger) -> None:
    """While others write, an account's amount and its version always belong together."""
    ledger.read(invoice(remaining_minor=1))
    seen: dict[int, tuple[int, ...]] = {}
    base = ledger.facts().version

    def write() -> None:
        for amount in range(2, 60):
            ledger.read(invoice(remaining_minor=amount))

    def look() -> None:
        for _ in range(150):
            facts = ledger.facts()
            seen[facts.version - base] = tuple(one.remaining_minor for one in facts.invoices)

    at_once(write, look)
    assert all(amounts == (version + 1,) for version, amounts in seen.items())


def test_standings_are_those_that_are_not_current(ledger: Ledger) -> None:
    accounts_of(ledger, "a", "b", "c", "d")
    for account_id, verdict in {
        "a": past_due(),
        "b": suspended(),
        "c": past_due(standing=Standing.RESTRICTED),
    }.items():
        ledger.judge(verdict, account_id=account_id)

    standings = {"a": Standing.PAST_DUE, "b": Standing.SUSPENDED, "c": Standing.RESTRICTED}
    ledger_id = ledger.reader.state().ledger_id
    assert ledger.reader.snapshot(on(1)) == Snapshot(3, on(1), standings, ledger=ledger_id, accounts=4)
    assert ledger.reader.revision() == 3


def test_what_has_changed_since_a_revision_is_told_as_it_stands_now(ledger: Ledger) -> None:
    accounts_of(ledger, "a", "b", "c")
    restricted = past_due(standing=Standing.RESTRICTED, leaves_open=("/x",))
    for account_id, verdict in (("a", past_due()), ("b", restricted), ("a", current()), ("b", past_due()), ("b", restricted)):
        ledger.judge(verdict, account_id=account_id)

    def told(since: int) -> set[Change]:
        delta = ledger.reader.changes_since(since, on(1))
        assert delta is not None
        assert (delta.ledger, delta.since, delta.revision, delta.at) == (ledger.reader.state().ledger_id, since, 5, on(1))
        return set(delta.changes)

    back, left = ("a", Standing.CURRENT, ()), ("b", Standing.RESTRICTED, ("/x",))
    assert [told(since) for since in range(6)] == [{back, left}, {back, left}, {back, left}, {left}, {left}, set()]


def test_a_restriction_that_leaves_other_paths_has_changed(ledger: Ledger) -> None:
    accounts_of(ledger, "a")
    for paths in ((), ("/x",), ("/x",), ("/y",)):
        ledger.judge(past_due(standing=Standing.RESTRICTED, leaves_open=paths), account_id="a")
    delta = ledger.reader.changes_since(2, on(1))
    assert delta is not None
    assert (delta.revision, delta.changes) == (3, (("a", Standing.RESTRICTED, ("/y",)),))


def test_a_ledger_says_so_when_it_cannot_tell_what_has_changed(ledger: Ledger) -> None:
    accounts_of(ledger, "a", "b")
    ledger.judge(past_due(), account_id="a")
    ledger.judge(past_due(), account_id="b")
    assert ledger.reader.changes_since(3, on(1)) is None, "of the future"
    assert ledger.reader.changes_since(0, on(1), most=1) is None, "that many are cheaper to send whole"
    assert ledger.reader.changes_since(1, on(1), most=1) is not None
    ledger.writer.verdicts.raise_revision(40)
    assert ledger.reader.changes_since(40, on(1)) is None, "from before a backup was restored"
    ledger.judge(current(), account_id="a")
    delta = ledger.reader.changes_since(41, on(1))
    assert delta is not None
    assert delta.changes == (("a", Standing.CURRENT, ()),)


def test_changes_are_never_told_of_an_earlier_moment_than_their_revision(ledger: Ledger) -> None:
    """A reader who takes one delta after the other, while others write, ends where the ledger is."""
    names = [f"a{number}" for number in range(4)]
    accounts_of(ledger, *names)
    held = dict.fromkeys(names, Standing.CURRENT)
    writing = threading.Event()

    def write(name: str) -> None:
        for _ in range(15):
            for verdict in (past_due(), suspended(), current(), past_due()):
                ledger.judge(verdict, account_id=name)

    def follow() -> None:
        since = 0
        while not writing.is_set() or since < ledger.reader.revision():
            delta = ledger.reader.changes_since(since, DUE_AT)
            assert delta is not None
            held.update({account_id: standing for account_id, standing, _ in delta.changes})
            since = delta.revision

    follower = threading.Thread(target=follow)
    follower.start()
    at_once(*(lambda name=name: write(name) for name in names))
    writing.set()
    follower.join()
    assert held == {row.id: row.standing for row in ledger.reader.accounts()} == dict.fromkeys(names, Standing.PAST_DUE)


def test_accounts_in_trouble_are_listed_first(ledger: Ledger) -> None:
    accounts_of(ledger, "a", "b", "c")
    ledger.judge(suspended(), account_id="c")

    assert [row.id for row in ledger.reader.accounts()] == ["c", "a", "b"]
    assert ledger.reader.account("nobody") is None


def test_closed_accounts_are_named_from_an_instant_on(ledger: Ledger) -> None:
    accounts_of(ledger, "a", "b")
    ledger.judge(suspended(), on(1), account_id="a")
    ledger.judge(past_due(), on(2), account_id="a")
    ledger.judge(suspended(), on(3), account_id="a")
    ledger.judge(suspended(), on(3) + SECOND, account_id="b")
    ledger.writer.desk.set_mode(Mode.ARMED, author="Ann", now=on(4))

    assert ledger.reader.closed_accounts(since=on(3) + SECOND) == ["b"]
    assert ledger.reader.closed_accounts(since=on(1)) == ["a", "b"]


def test_a_new_ledger_knows_nothing_of_itself_but_its_id(ledger: Ledger) -> None:
    known = ledger.reader.state()

    assert len(known.ledger_id) == 36
    assert (known.revision, known.mode, known.identity, known.distrust, known.reconcile_number) == (0, None, None, "", 0)
    assert (known.watched_since_at, known.reconciled_at) == (None, None)


def test_facts_come_in_one_order_whoever_wrote_first(ledger: Ledger) -> None:
    first, second = a_customer(id="cus_1", name="A"), a_customer(id="cus_2", name="B")
    for customer in (second, first):
        ledger.writer.readings.record_customer(customer, DUE_AT)
    ledger.writer.readings.record_customer(replace(first, locale="fr"), DUE_AT + timedelta(days=1))

    expected = [
        replace(contact(audience, address), name=customer.name, locale=customer.locale, set_at=DUE_AT)
        for audience, address in first.addresses
        for customer in (replace(first, locale="fr"), second)
    ]
    assert ledger.facts().contacts == tuple(expected)
