"""What a forecast says of one account, against what the policy promises, and how a new policy is measured before it counts."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from gatekeeper.model import Audience, Facts, Notice, Standing, Step
from gatekeeper.policy.calendar import Hours, Office, Span
from gatekeeper.policy.forecast import Change, Forecast, Letter, forecast, jump
from gatekeeper.policy.rules import LadderStep, Rules, ladder
from gatekeeper.policy.versions import RulesOf
from tests.kit.builders import automatic, both, contact, day, exemption, facts, invoice, notice, on, promise

RULES = Rules()
RESTRICTING = Rules(
    steps=(
        LadderStep(kind=Step.COURTESY, name="soon due", after=Span(days=5)),
        LadderStep(kind=Step.REMINDER, name="reminder", after=Span(days=0)),
        LadderStep(kind=Step.WARNING, name="warning", after=Span(days=14)),
        LadderStep(kind=Step.RESTRICT, name="read only", after=Span(days=5)),
        LadderStep(kind=Step.WARNING, name="last word", after=Span(days=7)),
        LadderStep(kind=Step.SUSPEND, name="suspend", after=Span(days=5)),
    )
)


def always(rules: Rules) -> RulesOf:
    return lambda _facts: rules


def told(seen: Forecast) -> list[tuple[float, str]]:
    """On which day what happened; letters to several people at once are one."""
    said = [
        (_day(one.at), one.name or one.step.value if isinstance(one, Letter) else one.after.value)
        for one in seen.happenings
        if not (isinstance(one, Letter) and one.step is Step.RESTORED)
    ]
    return list(dict.fromkeys(said))


def _day(at: datetime) -> float:
    return (at - on(0)) / timedelta(days=1)


def seen_of(known: Facts, rules: Rules = RULES, *, start: float = 0, end: float = 60) -> Forecast:
    return forecast(known, always(rules), on(start), on(end))


def test_the_promise_of_the_product_day_by_day() -> None:
    seen = seen_of(facts(), start=-3)
    assert told(seen) == [(0, "past_due"), (0, "reminder"), (14, "warning"), (19, "suspended")]
    warnings = [one for one in seen.happenings if isinstance(one, Letter) and one.step is Step.WARNING]
    assert {one.suspend_on for one in warnings} == {day(19)}
    assert {one.audiences for one in warnings} == {(Audience.ACCOUNTANT,), (Audience.USER,)}
    (closing,) = [one for one in seen.happenings if isinstance(one, Change) and one.closes]
    assert closing.overdue == ("in_1",)
    assert seen.cut_off_at is None


def test_every_kind_of_step_is_foreseen() -> None:
    seen = seen_of(facts(), RESTRICTING, start=-10)
    assert told(seen) == [
        (-5, "soon due"),
        (0, "past_due"),
        (0, "reminder"),
        (14, "warning"),
        (19, "restricted"),
        (26, "last word"),
        (31, "suspended"),
    ]


def test_what_happens_at_the_end_belongs_to_the_next_forecast() -> None:
    assert told(seen_of(facts(), end=14)) == [(0, "past_due"), (0, "reminder")]
    assert told(seen_of(facts(), end=14.01))[-1] == (14, "warning")


def test_a_payment_that_is_news_opens_access_and_says_so() -> None:
    seen = forecast(facts(), always(RULES), on(0), on(60), [(on(25), {"invoices": ()})])
    assert told(seen)[-2:] == [(19, "suspended"), (25, "current")]
    restored = [one for one in seen.happenings if isinstance(one, Letter) and one.step is Step.RESTORED]
    assert {one.address for one in restored} == {one.address for one in both()}


def test_a_second_case_begins_with_a_reminder_of_its_own() -> None:
    news = [(on(25), {"invoices": ()}), (on(30), {"invoices": (invoice(2, due=30),)})]
    seen = forecast(facts(), always(RULES), on(0), on(60), news)
    assert told(seen)[-4:] == [(30, "past_due"), (30, "reminder"), (44, "warning"), (49, "suspended")]


def test_a_hold_is_waited_for_and_ends_in_a_fresh_warning() -> None:
    held = facts(promises=(promise(30),))
    assert told(seen_of(held, end=25)) == [(0, "past_due"), (0, "promised")]
    assert [what for _, what in told(seen_of(held, end=80))] == ["past_due", "promised", "reminder", "warning", "suspended"]
    exempted = facts(exemptions=(exemption(200),))
    assert told(seen_of(exempted)) == [(0, "past_due")]


def test_nobody_is_suspended_who_cannot_be_told() -> None:
    seen = seen_of(facts(contacts=(contact(Audience.USER),)))
    assert [what for _, what in told(seen)] == ["past_due", "reminder", "accountant"]
    assert "unreachable" in [reason.code for reason in seen.verdict.reasons]


def test_distrust_of_the_books_and_old_readings_are_left_out_of_a_forecast() -> None:
    known = facts(distrust="the key was refused", invoices=(invoice(read=on(-20)),))
    assert told(seen_of(known)) == told(seen_of(facts()))


def test_an_invoice_that_is_charged_again_later_waits_for_that() -> None:
    known = facts(invoices=(automatic(next_attempt_at=on(40)),))
    assert told(seen_of(known))[-1] == (40, "suspended")


def test_an_account_that_never_rests_is_given_up_and_that_is_said() -> None:
    never = Office(hours=Hours(of_weekday=((0, time(9), time(9)),)), zone=ZoneInfo("UTC"))
    rules = replace(RULES, closing=(never,))
    seen = forecast(facts(), always(rules), on(0), on(36_000))
    assert seen.cut_off_at is not None
    assert seen.cut_off_at < on(3_000)


def test_a_jump_names_who_is_written_to_or_closed_at_once() -> None:
    late = Rules(steps=ladder(reminder=10))
    soon = facts(account_id="soon", invoices=(invoice(due=-3, read=on(0)),))
    again = facts(account_id="again", invoices=(invoice(due=-20, read=on(0)),))
    quiet = facts(account_id="quiet", invoices=(invoice(due=9, read=on(0)),))
    came = jump(always(late), always(RULES), [soon, again, quiet], on(0))
    assert (came.written, came.closed) == (("soon",), ())
    assert came.accounts == ("soon",)
    assert jump(always(RULES), always(RULES), [soon, again, quiet], on(0)).accounts == ()
    assert jump(always(RULES), always(late), [soon, again, quiet], on(0)).accounts == ()


def test_a_jump_names_who_would_be_closed_at_once() -> None:
    stood = seen_of(facts(), end=19)
    assert stood.verdict.standing is Standing.PAST_DUE
    slower = Rules(steps=ladder(suspend=9))
    warned = [one for one in stood.happenings if isinstance(one, Letter)]
    known = facts(notices=tuple(_as_notice(number, one) for number, one in enumerate(warned, 1)))
    assert jump(always(slower), always(RULES), [known], on(19)).closed == ("acme",)


def _as_notice(number: int, letter: Letter) -> Notice:
    made = notice(letter.step, letter.audiences[0], _day(letter.at))
    return replace(made, id=number, suspend_on=letter.suspend_on)
