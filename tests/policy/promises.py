"""What must be true of every look at an account, said without the policy's own words: design.md, section 6; I1-I4, I13."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from gatekeeper.model import Audience, Facts, Invoice, Notice, NoticeState, PlannedNotice, Scope, Standing, Step, Verdict
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import LadderStep, Rules
from tests.policy.world import Look

LADDER = {Step.REMINDER, Step.WARNING}
LETTERS = {Step.COURTESY, *LADDER}
FAILED = {NoticeState.REFUSED, NoticeState.BOUNCED}
CLOSED = {Standing.RESTRICTED: Step.RESTRICT, Standing.SUSPENDED: Step.SUSPEND}
HEIGHT = list(Standing)
DST = timedelta(hours=2)


def nobody_is_suspended_who_was_not_told(look: Look, rules: Rules) -> None:
    """Rule 1, and 2: a minute-old reading of an invoice that everybody was told of twice, spaced, and the day has come."""
    if not is_closing(look):
        return
    proofs = [
        owed
        for owed in look.before.invoices
        if is_overdue(owed, rules, look.now)
        and timedelta(0) <= look.now - owed.read_at <= timedelta(seconds=60)
        and all(was_told(look, rules, owed, audience) for audience in rules.audiences)
    ]
    assert proofs
    assert not look.before.distrust


def nobody_is_suspended_before_a_day_that_a_letter_named(look: Look, rules: Rules) -> None:
    if is_closing(look):
        today = look.now.astimezone(rules.time_zone).date()
        days = {letter.suspend_on for letter in look.before.notices if letter.step is Step.WARNING and has_arrived(letter)}
        assert max(days) <= today


def nobody_stays_closed_without_a_debt_that_they_were_told_of(look: Look, rules: Rules) -> None:
    if look.verdict.standing in CLOSED:
        warning = announcing(rules, CLOSED[look.verdict.standing])
        warnings = [letter for letter in look.before.notices if letter.name in warning and has_arrived(letter)]
        in_force = look.before.standing in CLOSED
        assert any(
            all(
                any(permits(letter, look.before, rules, owed, audience, in_force=in_force) for letter in warnings)
                for audience in rules.audiences
            )
            for owed in look.before.invoices
            if is_overdue(owed, rules, look.now) or is_written_off(owed)
        )


def payment_wins(look: Look, rules: Rules) -> None:
    """Rule 3: nothing owed, nothing held against anybody, believed or not."""
    if not any(is_owed(owed, rules) for owed in look.before.invoices):
        assert look.verdict.standing is Standing.CURRENT
        assert look.verdict.review_at is None
        assert not ladder_letters(look)


def a_hold_wins(look: Look, rules: Rules) -> None:
    """Rule 4, its first half; the second, a new day after it, is in `was_told`."""
    if is_held(look.before, rules, look.now, Scope.CONTACT):
        assert look.verdict.standing in {Standing.CURRENT, Standing.PAST_DUE}
        assert not ladder_letters(look)
        assert not look.verdict.read_first
    if is_held(look.before, rules, look.now, Scope.SUSPENSION):
        assert look.verdict.standing in {Standing.CURRENT, Standing.PAST_DUE}
        assert not [letter for letter in look.verdict.notices if letter.step is Step.WARNING]
        assert not look.verdict.read_first
    if any(dispute.closed_at is None for dispute in look.before.disputes):
        assert not look.verdict.notices or all(letter.step is Step.RESTORED for letter in look.verdict.notices)
        assert not is_closing(look)
        assert not look.verdict.read_first


def nobody_is_disturbed_at_the_wrong_hour(look: Look, rules: Rules) -> None:
    """Letters in the hours for letters, closing while somebody is there: by the clock on the wall, on no holiday."""
    letters = [letter for letter in look.verdict.notices if letter.step in LETTERS]
    for office in (*([rules.contact] if letters and rules.contact else []), *(rules.closing if is_closing(look) else ())):
        there = look.now.astimezone(office.zone)
        hours = [(opens, closes) for day, opens, closes in office.hours.of_weekday if day == there.weekday()]
        assert there.date() not in office.holidays
        assert any(opens <= there.time() < closes for opens, closes in hours)


def nothing_climbs_on_the_word_of_a_biller_that_is_not_believed(look: Look, rules: Rules) -> None:
    if look.before.distrust:
        assert not look.verdict.notices or all(letter.step is Step.RESTORED for letter in look.verdict.notices)
        assert not is_closing(look)


def deciding_twice_asks_for_nothing_twice(look: Look, rules: Rules) -> None:
    """Rule 7, on a clock that stands still."""
    again = decide(look.after, rules, look.now)

    assert again.notices == ()
    assert again.standing is look.verdict.standing


def one_step_at_a_time(look: Look, rules: Rules) -> None:
    """I13: a look asks for one step of the ladder, or closes, or neither; and never for letters to somebody locked out."""
    asked = {letter.name for letter in look.verdict.notices if letter.step in LETTERS}

    assert len(asked) + is_closing(look) <= 1
    assert not (asked and look.verdict.standing is Standing.SUSPENDED)


def a_courtesy_is_a_word_before_the_due_date(look: Look, rules: Rules) -> None:
    for letter in look.verdict.notices:
        if letter.step is Step.COURTESY:
            named = [owed for owed in look.before.invoices if owed.lineage in letter.named]
            assert look.verdict.standing is Standing.CURRENT
            assert named
            assert all(owed.due_at > look.now and owed.remaining_minor > 0 for owed in named)


def one_letter_a_person(look: Look, rules: Rules) -> None:
    asked = [(letter.step, letter.address) for letter in look.verdict.notices]

    assert len(set(asked)) == len(asked)


def nobody_is_told_again_what_they_know(look: Look, rules: Rules) -> None:
    """A courtesy or a reminder is the turn of an invoice that it names, and news of that to somebody whom it is for."""
    for asked in look.verdict.notices:
        if asked.step not in {Step.COURTESY, Step.REMINDER}:
            continue
        place = [one.name for one in rules.steps].index(asked.name)
        audiences = [audience for audience in asked.audiences if audience in rules.audiences]
        assert any(
            is_its_turn(look.before, rules, place, lineage, audience, look.now)
            and not told_at(look.before, rules, place, lineage, audience)
            for lineage in asked.named
            for audience in audiences
        )


def a_warning_names_a_day_that_is_far_enough(look: Look, rules: Rules) -> None:
    for letter in look.verdict.notices:
        if letter.step is Step.WARNING:
            closing = rules.steps[[one.name for one in rules.steps].index(letter.name) + 1]
            assert letter.suspend_on >= (look.now + timedelta(days=closing.after.days)).astimezone(rules.time_zone).date()


def whoever_is_let_in_again_is_told(look: Look, rules: Rules) -> None:
    opened = look.before.standing in CLOSED and look.verdict.standing not in CLOSED
    told = {letter.address for letter in look.verdict.notices if letter.step is Step.RESTORED}

    assert told <= {contact.address.lower() for contact in look.before.contacts}
    assert bool(told) == (opened and bool(look.before.contacts))


def whoever_is_closed_out_is_told(look: Look, rules: Rules) -> None:
    told = {letter.address for letter in look.verdict.notices if letter.step in CLOSED.values()}
    assert bool(told) == (is_closing(look) and bool(look.before.contacts))
    assert all(letter.step is CLOSED[look.verdict.standing] for letter in look.verdict.notices if letter.address in told)


def a_word_beside_the_ladder_is_no_step(look: Look, rules: Rules) -> None:
    """Without those words what is known comes to the same: they are evidence of nothing."""
    words = [letter for letter in look.before.notices if letter.step not in LETTERS]
    if any(letter.state in FAILED for letter in words):  # which says that the address does not work
        return
    steps = tuple(letter for letter in look.before.notices if letter not in words)
    without = decide(replace(look.before, notices=steps), rules, look.now)
    assert without.standing is look.verdict.standing
    assert ladder_letters_of(without) == ladder_letters_of(look.verdict)


def no_warning_arrives_that_permits_nothing(letter: Notice, known: Facts, rules: Rules) -> None:
    """A letter that names a day on which nothing can happen is a false alarm."""
    if letter.step is not Step.WARNING:
        return
    permitted = [
        owed
        for owed in known.invoices
        if is_overdue(owed, rules, letter.accepted_at)
        and any(permits(letter, known, rules, owed, audience) for audience in rules.audiences)
    ]
    assert permitted


PROMISES = (
    nobody_is_suspended_who_was_not_told,
    nobody_is_suspended_before_a_day_that_a_letter_named,
    nobody_stays_closed_without_a_debt_that_they_were_told_of,
    nobody_is_disturbed_at_the_wrong_hour,
    a_courtesy_is_a_word_before_the_due_date,
    payment_wins,
    a_hold_wins,
    nothing_climbs_on_the_word_of_a_biller_that_is_not_believed,
    deciding_twice_asks_for_nothing_twice,
    one_step_at_a_time,
    one_letter_a_person,
    nobody_is_told_again_what_they_know,
    a_warning_names_a_day_that_is_far_enough,
    whoever_is_let_in_again_is_told,
    whoever_is_closed_out_is_told,
    a_word_beside_the_ladder_is_no_step,
)


def is_closing(look: Look) -> bool:
    after = look.verdict.standing
    return after in CLOSED and HEIGHT.index(after) > HEIGHT.index(look.before.standing)


def announcing(rules: Rules, closing: Step) -> set[str]:
    """The names of the warnings that announce this, or what comes after it."""
    kinds = [one.kind for one in rules.steps]
    return {one.name for at, one in enumerate(rules.steps) if one.kind is Step.WARNING and at + 1 >= kinds.index(closing)}


def is_owed(owed: Invoice, rules: Rules) -> bool:
    kinds = {"open"} if rules.forgive_uncollectible else {"open", "uncollectible"}
    return owed.status in kinds and owed.remaining_minor > 0


def is_written_off(owed: Invoice) -> bool:
    return owed.status == "uncollectible" and owed.remaining_minor > 0


def ladder_letters(look: Look) -> list[object]:
    return [letter for letter in look.verdict.notices if letter.step in LADDER]


def ladder_letters_of(verdict: Verdict) -> list[PlannedNotice]:
    return [letter for letter in verdict.notices if letter.step in LETTERS]


def has_arrived(letter: Notice) -> bool:
    return letter.state is NoticeState.ACCEPTED


def is_overdue(owed: Invoice, rules: Rules, now: datetime) -> bool:
    start = owed.due_at if owed.due_at is not None else owed.finalized_at + timedelta(days=3)
    paying = owed.processing_since_at is not None and now - owed.processing_since_at < timedelta(days=14)
    return owed.status == "open" and owed.remaining_minor > 0 and start <= now and not paying


def is_held(known: Facts, rules: Rules, now: datetime, scope: Scope) -> bool:
    today = now.astimezone(rules.time_zone).date()
    days = [exemption.until_on for exemption in known.exemptions if exemption.ended_at is None and exemption.scope is scope]
    days += [promise.due_on for promise in known.promises if promise.ended_at is None and scope is Scope.CONTACT]
    return any(today <= day for day in days)


def was_told(look: Look, rules: Rules, owed: Invoice, audience: Audience) -> bool:
    """A warning of this invoice that counts has arrived, and the day that it named has come."""
    today = look.now.astimezone(rules.time_zone).date()
    closing = CLOSED[look.verdict.standing]
    kinds = [one.kind for one in rules.steps]
    place = kinds.index(closing)
    return any(
        letter.suspend_on <= today
        and look.now - letter.accepted_at >= least(rules.steps[place : place + 1])
        and permits(letter, look.before, rules, owed, audience)
        for letter in look.before.notices
        if letter.name == rules.steps[place - 1].name and has_arrived(letter)
    )


def is_its_turn(known: Facts, rules: Rules, place: int, lineage: str, audience: Audience, at: datetime) -> bool:
    """Whether this invoice's reminders before this step have come by then, each long enough after the last."""
    if place == 0 or rules.steps[place - 1].kind is not Step.REMINDER:
        return True
    before = told_at(known, rules, place - 1, lineage, audience)
    return any(at - earlier >= least(rules.steps[place : place + 1]) for earlier in before)


def told_at(known: Facts, rules: Rules, place: int, lineage: str, audience: Audience) -> list[datetime]:
    """When letters came that took this step of this invoice.

    A second reminder may name an invoice that fell due after the first: it is not the second of that one, which climbs by
    itself and begins with the first (case 19).
    """
    return [
        letter.accepted_at
        for letter in known.notices
        if letter.name == rules.steps[place].name
        and has_arrived(letter)
        and audience in letter.audiences
        and lineage in letter.named
        and is_its_turn(known, rules, place, lineage, audience, letter.accepted_at)
    ]


def permits(warning: Notice, known: Facts, rules: Rules, owed: Invoice, audience: Audience, *, in_force: bool = False) -> bool:
    """Whether this warning to this audience came long enough after a reminder of the same invoice, and after every hold."""
    names = [one.name for one in rules.steps]
    place = names.index(warning.name)
    first = [one.kind for one in rules.steps].index(Step.REMINDER)
    between = [one for one in rules.steps[first + 1 : place + 1] if one.kind in LADDER]
    spaced = any(
        warning.accepted_at - letter.accepted_at >= max(least(between), timedelta(days=7) - DST)
        for letter in known.notices
        if letter.name == rules.steps[first].name
        and has_arrived(letter)
        and audience in letter.audiences
        and owed.lineage in letter.named
    )
    told = audience in warning.audiences and owed.lineage in warning.named
    return told and spaced and not overtaken(known, rules, owed, warning, in_force=in_force)


def least(steps: Iterable[LadderStep]) -> timedelta:
    """The least that these steps take: working days keep the wall time, which may cost an hour when the clocks change."""
    return sum((timedelta(days=one.after.days) - (DST if one.after.working else timedelta(0)) for one in steps), timedelta(0))


def overtaken(known: Facts, rules: Rules, owed: Invoice, warning: Notice, *, in_force: bool) -> bool:
    """Whether a hold ended after the warning was written: on its last day, or before that by hand."""
    written_at = warning.planned_at
    written_on = written_at.astimezone(rules.time_zone).date()
    holds = [(hold.until_on, hold.ended_at) for hold in known.exemptions]
    holds += [(hold.due_on, hold.ended_at) for hold in known.promises]
    held = any(written_on <= last_day and (ended_at is None or written_at < ended_at) for last_day, ended_at in holds)
    disputed = not in_force and any(written_at < (one.closed_at or written_at) for one in known.disputes)
    paying = owed.processing_since_at is not None and written_at - owed.processing_since_at < timedelta(days=14)
    failed = owed.processing_ended_at is not None and written_at < owed.processing_ended_at
    opened = known.reopened_at is not None and written_at < known.reopened_at
    return held or disputed or paying or failed or opened
