"""A verdict is written whole or not at all, with one audit row for a change of standing, never over facts it has not seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gatekeeper.model import Money, NoticeState, Outcome, PlannedNotice, Reason, Standing, Step, Verdict
from tests.kit.builders import ACCOUNTANT, DUE_AT, SECOND, USER, day, invoice, on
from tests.kit.ledger import DOMAIN, Ledger, a_customer, current, past_due, planned, reading, suspended

REASONS = (
    Reason(
        code="owes",
        params=(("total", Money(minor=5000, currency="eur")), ("since", date(2026, 3, 2)), ("at", on(1)), ("count", 2)),
    ),
    Reason(code="reminder_now", params=(("audience", "user"),)),
)
LADDER = (Standing.PAST_DUE, Standing.SUSPENDED, Standing.PAST_DUE, Standing.CURRENT, Standing.PAST_DUE, Standing.CURRENT)


@pytest.fixture
def acme(ledger: Ledger) -> Ledger:
    """A ledger with one account, whose invoice is open."""
    ledger.read(invoice())
    return ledger


def test_a_verdict_is_kept_as_it_was_given(acme: Ledger) -> None:
    notice = planned(Step.WARNING, suspend_on=day(19), named=("in_1", "in_7"))

    assert acme.judge(past_due(notice, reasons=REASONS, review_at=on(3)), on(0))

    known = acme.reader.account("acme")
    assert (known.standing, known.standing_since_at, known.review_at) == (Standing.PAST_DUE, on(0), on(3))
    assert known.reasons == REASONS
    facts = acme.facts()
    assert (facts.standing, facts.case_opened_at) == (Standing.PAST_DUE, on(0))
    (kept,) = facts.notices
    assert (kept.step, kept.occasion, kept.audiences, kept.address) == (Step.WARNING, 1, notice.audiences, ACCOUNTANT)
    assert (kept.state, kept.named, kept.suspend_on) == (NoticeState.PLANNED, ("in_1", "in_7"), day(19))
    assert (kept.planned_at, kept.next_try_at, kept.attempts) == (on(0), on(0), 0)
    assert kept.message_id.startswith("<gk-")
    assert kept.message_id.endswith(f"@{DOMAIN}>")


def test_each_change_of_standing_has_one_audit_row(acme: Ledger) -> None:
    for number, standing in enumerate(LADDER):
        for _ in range(2):
            acme.judge(Verdict(standing=standing, reasons=REASONS), on(number))

    said = acme.rows("audit")
    assert [(row["at"], row["after"]) for row in said] == [(on(number), standing) for number, standing in enumerate(LADDER)]
    assert [row["before"] for row in said] == [Standing.CURRENT, *LADDER[:-1]]
    assert {(row["kind"], row["account_id"], row["actor"]) for row in said} == {("standing", "acme", "gatekeeper")}
    assert [row["case_id"] for row in said] == [1, 1, 1, 1, 2, 2]
    assert acme.reader.account("acme").standing_since_at == on(5)


def test_a_case_is_opened_once_and_closed_once(acme: Ledger) -> None:
    for number, standing in enumerate(LADDER):
        acme.judge(Verdict(standing=standing, reasons=()), on(number))

    assert [(row["opened_at"], row["closed_at"]) for row in acme.rows("cases")] == [(on(0), on(3)), (on(4), on(5))]
    assert (acme.facts().case_id, acme.facts().case_opened_at) == (None, None)


def test_a_verdict_that_changes_nothing_leaves_no_audit_row_and_no_revision(acme: Ledger) -> None:
    assert not acme.judge(current())

    assert acme.rows("audit") == []
    assert acme.reader.revision() == 0
    assert acme.touched() == set()


def test_the_revision_grows_by_one_for_each_batch_with_changes(ledger: Ledger) -> None:
    names = ["a", "b", "c"]
    for number, name in enumerate(names):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))

    changed = ledger.writer.verdicts.record([(facts, past_due(), False) for facts in ledger.reader.facts(names)], DUE_AT)
    assert (changed, ledger.reader.revision()) == (names, 1)

    again = [(facts, past_due(), False) for facts in ledger.reader.facts(names)]
    assert (ledger.writer.verdicts.record(again, DUE_AT), ledger.reader.revision()) == ([], 1)

    mixed = zip(ledger.reader.facts(names), (past_due(), suspended(), past_due()), strict=True)
    judged = [(facts, verdict, False) for facts, verdict in mixed]
    assert (ledger.writer.verdicts.record(judged, DUE_AT), ledger.reader.revision()) == (["b"], 2)


def test_an_empty_batch_changes_nothing(acme: Ledger) -> None:
    before = acme.dump()

    assert acme.writer.verdicts.record([], DUE_AT) == []

    assert acme.dump() == before


@pytest.mark.parametrize(("above", "after"), [(0, 1), (1, 2), (41, 42)])
def test_the_revision_is_lifted_over_one_that_was_published(acme: Ledger, above: int, after: int) -> None:
    acme.judge(past_due())

    assert acme.writer.verdicts.raise_revision(above) == after
    assert acme.reader.revision() == after


def test_the_revision_is_never_lowered(acme: Ledger) -> None:
    acme.writer.verdicts.raise_revision(41)

    assert acme.writer.verdicts.raise_revision(7) == 42


def settle_a_notice(ledger: Ledger) -> None:
    claimed = ledger.writer.outbox.claim(on(1))
    assert claimed is not None
    ledger.writer.outbox.settle(claimed, Outcome(state=NoticeState.ACCEPTED), on(1))


def withdraw_a_notice(ledger: Ledger) -> None:
    claimed = ledger.writer.outbox.claim(on(1))
    assert claimed is not None
    ledger.writer.outbox.withdraw(claimed)


def recover_a_notice(ledger: Ledger) -> None:
    ledger.writer.outbox.claim(on(1))
    assert ledger.writer.outbox.recover(on(2)) == 1


CHANGES_OF_FACTS: dict[str, Callable[[Ledger], object]] = {
    "a new reading": lambda ledger: ledger.read(invoice(remaining_minor=1)),
    "a payment": lambda ledger: ledger.read(invoice(status="paid", remaining_minor=0)),
    "a fresher reading": lambda ledger: ledger.read(invoice(read=on(2))),
    "a new invoice": lambda ledger: ledger.read(invoice(2)),
    "another invoice in a list": lambda ledger: ledger.writer.readings.record_page([reading(invoice(3))], 1),
    "a contact": lambda ledger: ledger.writer.readings.record_customer(a_customer(addresses=()), on(1)),
    "the account of a customer": lambda ledger: ledger.writer.readings.record_customer(a_customer(account_id="b"), on(1)),
    "a notice settled": settle_a_notice,
    "a notice withdrawn": withdraw_a_notice,
    "a notice in doubt": recover_a_notice,
    "an exemption": lambda ledger: ledger.writer.desk.exempt("acme", until_on=day(9), reason="good", author="Ann", now=on(1)),
    "a promise": lambda ledger: ledger.writer.desk.promise("acme", due_on=day(9), by="Bob", author="Ann", now=on(1)),
    "opened by hand": lambda ledger: ledger.writer.desk.reopen("acme", reason="sorry", author="Ann", now=on(1)),
    "distrust": lambda ledger: ledger.writer.reconciles.distrust("the key was refused"),
}


@pytest.mark.parametrize("change", CHANGES_OF_FACTS.values(), ids=CHANGES_OF_FACTS.keys())
def test_a_verdict_on_facts_that_have_changed_is_dropped(acme: Ledger, change: Callable[[Ledger], object]) -> None:
    acme.reconciled(on(0))
    acme.judge(past_due(planned(), review_at=on(2)))
    stale = acme.facts()

    change(acme)

    before = acme.dump()
    assert acme.writer.verdicts.record([(stale, suspended(notices=(planned(Step.WARNING),)), False)], on(2)) == []
    assert acme.dump() == before
    assert acme.reader.due_accounts(on(2), 10)[0] == "acme"


def test_a_verdict_that_is_dropped_does_not_hold_up_the_others(ledger: Ledger) -> None:
    for number, name in enumerate(("a", "b")):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))
    judged = [(facts, past_due(), False) for facts in ledger.reader.facts(["a", "b"])]
    ledger.read(invoice(0, customer_id="cus_a", remaining_minor=1), customer=a_customer(account_id="a"))

    assert ledger.writer.verdicts.record(judged, DUE_AT) == ["b"]
    assert ledger.touched() == {"a"}


def test_a_closed_case_takes_its_unsent_notices_with_it(acme: Ledger) -> None:
    """Planned and deferred ones are withdrawn; what is in doubt stays in doubt, and is not tried again."""
    addresses = {
        name: f"{name}@customer.example" for name in ("planned", "deferred", "uncertain", "accepted", "refused", "sending")
    }
    later = planned(address=addresses["planned"])
    acme.judge(past_due(*(planned(address=address) for name, address in addresses.items() if name != "planned")))
    for name in ("deferred", "uncertain", "accepted", "refused"):
        claimed = acme.writer.outbox.claim(on(1))
        assert claimed is not None
        assert claimed.address == addresses[name]
        acme.writer.outbox.settle(claimed, Outcome(state=NoticeState(name)), on(1))
    sending = acme.writer.outbox.claim(on(1))
    acme.judge(past_due(later), on(1))

    acme.judge(current(planned(Step.RESTORED, USER, named=())), on(2))

    after = {row["address"].split("@")[0]: (row["state"], row["next_try_at"]) for row in acme.rows("notices")}
    assert after == {
        "planned": ("withdrawn", None),
        "deferred": ("withdrawn", None),
        "uncertain": ("uncertain", None),
        "accepted": ("accepted", None),
        "refused": ("refused", None),
        "sending": ("sending", None),
        "user": ("planned", on(2)),
    }
    claimed = acme.writer.outbox.claim(on(9))
    assert (claimed.step, sending.address) == (Step.RESTORED, addresses["sending"])
    assert acme.writer.outbox.claim(on(9)) is None


def test_the_word_that_access_is_back_outlives_its_case(acme: Ledger) -> None:
    """A promise opened the account; before the word of it went out, the money came."""
    acme.judge(suspended(), on(0))
    acme.judge(past_due(planned(Step.RESTORED, named=())), on(1))

    acme.judge(current(), on(2))

    claimed = acme.writer.outbox.claim(on(2))
    assert claimed is not None
    assert claimed.step is Step.RESTORED


def test_the_notices_of_an_older_case_are_not_among_the_facts(acme: Ledger) -> None:
    acme.judge(past_due(planned()))
    acme.judge(current())
    acme.judge(past_due(planned(address=USER)))

    assert [notice.address for notice in acme.facts().notices] == [USER]


def test_the_same_notice_again_is_not_written_and_stops_nobody(ledger: Ledger) -> None:
    """One notice per case, step, occasion and person (rule 5); a policy that asks twice must not wedge the whole batch."""
    for number, name in enumerate(("a", "b")):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))
    ledger.judge(past_due(planned()), account_id="a")
    first = ledger.rows("notices")

    again = past_due(planned(), planned(), planned(occasion=2))
    ledger.writer.verdicts.record([(facts, again, False) for facts in ledger.reader.facts(["a", "b"])], on(1))

    assert ledger.rows("notices")[:1] == first
    assert [(row["account_id"], row["occasion"]) for row in ledger.rows("notices")] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert ledger.touched() == set()
    assert ledger.reader.account("b").standing is Standing.PAST_DUE


def test_every_notice_has_a_message_id_of_its_own(ledger: Ledger) -> None:
    for number, name in enumerate(("a", "b")):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))
    asked: list[PlannedNotice] = [
        planned(step, address, occasion=occasion) for step in Step for address in (ACCOUNTANT, USER) for occasion in (1, 2)
    ]
    ledger.writer.verdicts.record([(facts, past_due(*asked), False) for facts in ledger.reader.facts(["a", "b"])], DUE_AT)

    assert len({row["message_id"] for row in ledger.rows("notices")}) == 2 * len(asked) == len(ledger.rows("notices"))


def test_accounts_are_looked_at_again_in_time(acme: Ledger) -> None:
    acme.judge(past_due(review_at=on(3)))

    assert acme.reader.due_accounts(on(3) - SECOND, 10) == []
    assert acme.reader.due_accounts(on(3), 10) == ["acme"]


def test_what_was_withheld_is_looked_at_again_when_it_is_released(ledger: Ledger) -> None:
    for number, name in enumerate(("held", "free")):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))
        ledger.judge(past_due(), account_id=name, withheld=name == "held")

    ledger.writer.desk.release()

    assert ledger.touched() == {"held"}


def test_instants_far_from_today_are_kept(acme: Ledger) -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    acme.judge(past_due(review_at=far))
    assert acme.reader.account("acme").review_at == far

    acme.judge(past_due(review_at=datetime(1, 1, 3, tzinfo=UTC)))
    assert acme.reader.account("acme").review_at == datetime(1, 1, 3, tzinfo=UTC)
    assert acme.reader.due_accounts(on(0) - timedelta(days=9999), 1) == ["acme"]
    assert replace(acme.facts(), version=0).standing is Standing.PAST_DUE
