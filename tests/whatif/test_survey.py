"""Two policies over a stored past: what each would have done, who paid anyway, and that the parts of a ledger add up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from gatekeeper.ledger.engine import for_writing
from gatekeeper.ledger.history import Billed, History, Past
from gatekeeper.ledger.tables import accounts, audit, cases, contacts, exemptions, invoices, notices, state
from gatekeeper.model import Audience, Invoice, Standing, Step
from gatekeeper.policy.calendar import Span
from gatekeeper.policy.decide import decide
from gatekeeper.policy.forecast import forecast
from gatekeeper.policy.rules import LadderStep, Rules, ladder
from gatekeeper.policy.segments import Condition, Policy, Segment
from gatekeeper.whatif.past import retold
from gatekeeper.whatif.picture import view_of
from gatekeeper.whatif.report import document, median_days, paid_within, report_of
from gatekeeper.whatif.silence import Silence
from gatekeeper.whatif.survey import Question, survey
from gatekeeper.whatif.tally import MOST_NAMED, Named, Tally
from tests.kit.builders import automatic, day, facts, invoice, on
from tests.kit.ledger import Ledger

UTC = ZoneInfo("UTC")
TODAY, FASTER = Policy(rules=Rules(), id="today"), Policy(rules=Rules(steps=ladder(warning=7, suspend=3)), id="other")
COURTEOUS = Rules(steps=(LadderStep(kind=Step.COURTESY, name="soon", after=Span(days=3)), *ladder()))


def question(**changes: Any) -> Question:
    asked = Question(today=TODAY, other=FASTER, zone=UTC, now=on(200), until=on(200), since=on(-20))
    return replace(asked, **changes)


@pytest.fixture
def bill(ledger: Ledger) -> Callable[..., None]:
    """Writes an account with two contacts, and one invoice of it as the ledger would keep it."""
    known: set[str] = set()

    def write(account: str, **changes: Any) -> None:
        number = f"{account}_{len(known)}_{sorted(changes)}"
        made = replace(invoice(), id=number, lineage=number, account_id=account, pay_token=number, **changes)
        fields = {name: getattr(made, name) for name in Invoice.__dataclass_fields__} | {"origin": made.origin.value}
        with for_writing(ledger.engine).begin() as connection:
            if account not in known:
                known.add(account)
                connection.execute(insert(accounts).values(id=account, name=account.title(), touched=False))
                for audience in Audience:
                    person = {"audience": audience.value, "address": f"{audience}@{account}.example", "set_at": on(-30)}
                    connection.execute(insert(contacts).values(account_id=account, source="stripe:cus_1", **person))
            connection.execute(insert(invoices).values(**fields))
            connection.execute(update(state).values(watched_since_at=on(-30), reconciled_at=on(200)))

    return write


def paid(after: float) -> dict[str, Any]:
    """Paid so many days after the due date."""
    return {"status": "paid", "remaining_minor": 0, "settled_at": on(after)}


def asked(ledger: Ledger, **changes: Any) -> Tally:
    return survey(ledger.url, question(**changes), processes=1, stretch=2)


def test_who_would_have_been_told_and_closed_and_who_paid_anyway(ledger: Ledger, bill: Callable[..., None]) -> None:
    bill("early", **paid(-2))
    bill("late", **paid(3))
    bill("later", **paid(12.5))
    bill("latest", **paid(30))
    bill("never")
    found = asked(ledger)
    assert found.judged == 4
    assert found.today.accounts == {Step.REMINDER: 4, Step.WARNING: 2, Step.SUSPEND: 2}
    assert found.other.accounts == {Step.REMINDER: 4, Step.WARNING: 3, Step.SUSPEND: 3}
    assert found.only_other[Step.SUSPEND].accounts == ["later"]
    assert [named.count for named in found.only_today.values()] == [0] * 5
    assert (found.today.closings, found.today.unpaid, found.today.paid_after) == (2, 1, {11: 1})
    assert (found.other.closings, found.other.unpaid, found.other.paid_after) == (3, 1, {2: 1, 20: 1})
    assert found.really.accounts == {}
    strips = {strip.account_id: strip for strip in found.strips}
    assert set(strips) == {"later", "latest", "never"}
    assert [(one.standing, one.first_on, one.last_on) for one in strips["later"].other] == [
        (Standing.SUSPENDED, day(10), day(12))
    ]
    assert strips["later"].today == ()
    assert found.other.suspended[20 + 9] == 0
    assert found.other.suspended[20 + 10] == 3
    assert found.other.suspended[20 + 13] == 2
    assert found.today.suspended[20 + 19] == 2


def test_holds_void_invoices_and_what_was_written_off_are_part_of_the_past(ledger: Ledger, bill: Callable[..., None]) -> None:
    bill("exempt")
    bill("void", status="void", settled_at=on(40))
    bill("given", status="uncollectible", settled_at=on(30))
    bill("unknown", status="paid", remaining_minor=0)
    bill("bank", processing_since_at=on(-1), processing_ended_at=on(5))
    with for_writing(ledger.engine).begin() as connection:
        held = {"until_on": day(400), "reason": "a good customer", "author": "Ann", "set_at": on(-3), "ended_at": on(150)}
        connection.execute(insert(exemptions).values(account_id="exempt", **held))
    found = asked(ledger)
    assert found.unknown_ends == 1
    assert found.judged == 4
    strips = {strip.account_id: strip for strip in found.strips}
    assert strips["void"].today[0].last_on == day(40)
    assert strips["given"].today[0].last_on == on(200).date()
    assert strips["exempt"].today[0].first_on >= day(150 + 19)
    assert strips["bank"].today[0].first_on >= day(19)


def test_what_really_happened_stands_beside_it(ledger: Ledger, bill: Callable[..., None]) -> None:
    bill("acme", **paid(30))
    bill("long", **paid(-3))
    with for_writing(ledger.engine).begin() as connection:
        for at, before, after in ((0, "current", "past_due"), (22, "past_due", "suspended"), (30, "suspended", "current")):
            row = {"at": on(at), "account_id": "acme", "kind": "standing", "actor": "gatekeeper"}
            connection.execute(insert(audit).values(before=before, after=after, **row))
        connection.execute(update(accounts).where(accounts.c.id == "long").values(standing="suspended"))
        for step, at in (("reminder", 0), ("reminder", -100), ("warning", 15), ("restored", 30)):
            said = {"step": step, "occasion": 1, "audiences": ["user"], "address": f"{step}{at}", "state": "accepted"}
            sent = {"named": [], "message_id": f"{step}{at}", "planned_at": on(at), "accepted_at": on(at)}
            connection.execute(insert(notices).values(account_id="acme", **said, **sent))
    found = asked(ledger)
    assert found.really.accounts == {Step.REMINDER: 1, Step.WARNING: 1, Step.SUSPEND: 1}
    assert found.really.closings == 1
    assert [found.really.suspended[20 + number] for number in (21, 22, 30, 31)] == [1, 2, 2, 1]
    (strip,) = found.strips
    assert [(one.first_on, one.last_on) for one in strip.really] == [(day(22), day(30))]


def test_the_coming_days_under_another_policy_leave_running_cases_their_own(ledger: Ledger, bill: Callable[..., None]) -> None:
    bill("acme", due_at=on(203))
    found = asked(ledger, since=None, until=on(260))
    assert found.today.accounts == {Step.REMINDER: 1, Step.WARNING: 1, Step.SUSPEND: 1}
    assert found.strips[0].other[0].first_on == day(213)
    assert found.strips[0].today[0].first_on == day(222)
    with for_writing(ledger.engine).begin() as connection:
        begun = insert(cases).values(account_id="acme", opened_at=on(203), policy="today").returning(cases.c.id)
        case_id = connection.execute(begun).scalar_one()
        connection.execute(update(accounts).values(case_id=case_id, standing="past_due"))
    assert History(ledger.engine).policies_in_use() == ["today"]
    kept = asked(ledger, since=None, until=on(260), now=on(203), versions={"today": TODAY})
    assert kept.differing == 0
    assert asked(ledger, since=None, until=on(260), now=on(203)).differing == 1


def test_several_processes_come_to_the_same(ledger: Ledger, bill: Callable[..., None]) -> None:
    for number in range(5):
        bill(f"a{number}", **(paid(9 * number) if number % 2 else {}))
    alone = survey(ledger.url, question(), processes=1, stretch=100)
    assert survey(ledger.url, question(), processes=2, stretch=2) == alone
    assert alone.judged == 5


def test_the_report_says_what_it_does_not_know(ledger: Ledger, bill: Callable[..., None]) -> None:
    bill("acme", **paid(12.5))
    with for_writing(ledger.engine).begin() as connection:
        connection.execute(update(state).values(watched_since_at=on(-5)))
    asking = question()
    report = report_of(History(ledger.engine), asking, survey(ledger.url, asking, processes=1), ("a.toml", "b.toml"))
    said = document(report)
    assert {"fresh", "letters", "amounts", "watched", "paid_because"} <= {note.code for note in report.notes}
    assert any(str(day(-5)) in note for note in said["notes"])
    assert said["only_other"]["suspend"] == {"count": 1, "accounts": ["acme"]}
    assert said["differing"]["accounts"][0]["other"] == [{"standing": "suspended", "from": day(10), "to": day(12)}]
    assert said["closed"]["other"] == {
        "closings": 1, "paid": 1, "not_paid": 0, "median_days": 2, "paid_after_days": {"2": 1}
    }  # fmt: skip
    assert len(said["suspended_per_day"]) == 221
    view = view_of(report)
    assert (view.most, view.days) == (1, 221)
    assert [row.first_on for row in view.months][:2] == [day(-20), day(-20).replace(month=3, day=1)]
    ahead = replace(asking, since=None)
    assert document(report_of(History(ledger.engine), ahead, Tally(), ("a", "b")))["closed"] is None


def test_payments_within_days_and_half_of_them() -> None:
    tally = Tally()
    tally.today.paid_after.update({0: 1, 2: 3, 9: 1})
    assert [paid_within(tally.today, days) for days in (0, 1, 2, 30)] == [1, 1, 4, 5]
    assert median_days(tally.today) == 2
    assert median_days(tally.other) is None


def test_a_list_that_is_too_long_keeps_its_number() -> None:
    whole, part = Named(), Named()
    for number in range(MOST_NAMED - 1):
        whole.add(str(number))
    part.add("x")
    part.add("y")
    whole.merge(part)
    assert (whole.count, len(whole.accounts), whole.accounts[-1]) == (MOST_NAMED + 1, MOST_NAMED, "x")


def a_past(made: Invoice, **changes: Any) -> Past:
    known = facts(invoices=(made,), **changes)
    return Past(facts=known, invoices=(made,), payments=((), (0,)))


def test_payments_of_the_last_year_are_counted_as_they_were_known_then() -> None:
    counted = Past(facts=facts(), invoices=(), payments=((on(-400), on(-10), on(5)), (0, 1, 1, 2)))
    assert counted.paid_until(on(-100)) == (0, 1)
    assert counted.paid_until(on(0)) == (1, 0)
    assert counted.paid_until(on(6)) == (1, 1)


DAYS = st.floats(-30, 90)


@given(
    made=st.sampled_from([invoice(), automatic(), invoice(due_at=None)]),
    settled=DAYS,
    rules=st.sampled_from([Rules(), COURTEOUS]),
    looked=DAYS,
)
def test_nothing_is_said_of_an_invoice_before_its_silence_ends(
    made: Invoice, settled: float, rules: Rules, looked: float
) -> None:
    silence = Silence.of(Policy(rules=rules))
    issued_at = made.finalized_at or made.created_at
    ends_at = silence.ends_at(made.due_at, issued_at, automatic=made.automatic)
    if issued_at <= on(looked) < ends_at:
        verdict = decide(facts(invoices=(made,)), rules, on(looked))
        assert (verdict.standing, verdict.notices) == (Standing.CURRENT, ())
    ended = replace(made, status="paid", remaining_minor=0, settled_at=max(issued_at, on(settled)))
    billed = Billed(made.due_at, issued_at, made.automatic, ended.settled_at)
    if not silence.is_broken_by(billed, on(200)):
        assert happenings(ended, rules, Silence(timedelta(days=3000), timedelta())) == ()
    assert happenings(ended, rules, silence) == happenings(ended, rules, Silence(timedelta(days=3000), timedelta()))


def happenings(made: Invoice, rules: Rules, silence: Silence) -> tuple[object, ...]:
    known, news = retold(a_past(made), on(-40), on(200), silence)
    return forecast(known, lambda _facts: rules, on(-40), on(200), news).happenings


def test_silence_counts_working_days_generously_and_ends_where_amounts_choose_a_segment() -> None:
    working = LadderStep(kind=Step.COURTESY, name="soon", after=Span(days=3, working=True))
    courteous = Policy(rules=Rules(steps=(working, *ladder())))
    assert Silence.of(TODAY, courteous).before_due >= timedelta(days=30)
    rich = Segment(name="rich", when=Condition(owed_at_least_minor={"eur": 100_000}), rules=Rules())
    billed = Billed(on(0), on(-14), automatic=False, ended_at=on(-13))
    assert not Silence.of(TODAY).is_broken_by(billed, on(200))
    assert Silence.of(TODAY, Policy(rules=Rules(), segments=(rich,))).is_broken_by(billed, on(200))


def test_facts_of_a_past_begin_with_nothing_said() -> None:
    known, news = retold(
        a_past(invoice(settled_at=on(3), status="paid"), standing=Standing.SUSPENDED, case_id=4),
        on(-20),
        on(9),
        Silence.of(TODAY),
    )
    assert (known.standing, known.case_id, known.invoices, known.watched_since_at) == (Standing.CURRENT, None, (), on(-20))
    assert [at for at, _ in news] == [on(0), on(3)]
