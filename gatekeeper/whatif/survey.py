"""Two policies over the whole ledger: one stretch of accounts after the other, on as many processes as there are cores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from typing import Final

from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.history import Happened, History, Stretch
from gatekeeper.model import Invoice, Standing
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.clocks import in_its_time
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.forecast import Forecast, forecast
from gatekeeper.policy.rules import LETTERS
from gatekeeper.policy.segments import Policy
from gatekeeper.policy.versions import Policies
from gatekeeper.whatif.course import STEP_OF, Spell, course_of, days_of, spells
from gatekeeper.whatif.past import retold
from gatekeeper.whatif.silence import Silence
from gatekeeper.whatif.tally import Side, Strip, Tally

_STRETCH: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`other` in the place of `today`: over the stored past from `since` to `until`; without `since` from `now` to `until`.

    `versions`: every policy that a running case may have begun with, by its id. Such a case keeps it.
    """

    today: Policy
    other: Policy
    versions: Mapping[str, Policy] = field(default_factory=dict)
    zone: tzinfo
    now: datetime
    until: datetime
    since: datetime | None = None

    @property
    def begins_at(self) -> datetime:
        return self.now if self.since is None else self.since

    @property
    def first_on(self) -> date:
        return day_of(self.begins_at, self.zone)

    @property
    def days(self) -> int:
        """How many days the window touches."""
        return (day_of(self.until - timedelta(microseconds=1), self.zone) - self.first_on).days + 1


def survey(url: str, question: Question, *, processes: int, stretch: int = _STRETCH) -> Tally:
    """Ask the question of every account of the ledger at `url`.

    Raises:
        DatabaseUnavailable: it cannot be reached.
    """
    with opened(url) as history:
        stretches = list(history.stretches(stretch))
    if min(processes, len(stretches)) == 1:
        with opened(url) as history:
            return _added_up(judge(history, question, one) for one in stretches)
    # Children are begun afresh: a fork would share our connections
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(url, question)) as pool:
        return _added_up(pool.map(_judge_there, stretches))


@contextmanager
def opened(url: str) -> Iterator[History]:
    engine = open_engine(url)
    try:
        yield History(engine)
    finally:
        engine.dispose()


_THERE: Final[dict[str, tuple[str, Question]]] = {}


def _begin(url: str, question: Question) -> None:
    """In a child: the question is handed over once, and not with each stretch."""
    _THERE["question"] = url, question


def _judge_there(stretch: Stretch) -> Tally:
    url, question = _THERE["question"]
    with opened(url) as history:
        return judge(history, question, stretch)


def _added_up(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for part in tallies:
        whole.merge(part)
    return whole


def judge(history: History, question: Question, stretch: Stretch) -> Tally:
    """One stretch of accounts under both policies."""
    return _judge_future(history, question, stretch) if question.since is None else _judge_past(history, question, stretch)


def _judge_future(history: History, question: Question, stretch: Stretch) -> Tally:
    tally = Tally()
    both = [Policies(policy, question.versions.get) for policy in (question.today, question.other)]
    for facts in history.concerned(stretch):
        known, starts_at = in_its_time(facts, question.now)
        ends_at = starts_at + (question.until - question.now)
        seen = [forecast(known, policies.rules_for, starts_at, ends_at) for policies in both]
        _compare(tally, question, facts.account_id, seen, {}, ())
    return tally


def _judge_past(history: History, question: Question, stretch: Stretch) -> Tally:
    since, until = question.begins_at, question.until
    happened = history.happened(stretch, since)
    really = {account: tuple(spells(course, until, question.zone)) for account, course in happened.standings.items()}
    silence = Silence.of(question.today, question.other)
    pasts, unknown_ends = history.past(stretch, since, partial(silence.is_broken_by, until=until))
    tally = Tally(unknown_ends=unknown_ends)
    _note_what_happened(tally.really, question, happened, really)
    for past in pasts:
        facts, news = retold(past, since, until, silence)
        seen = [forecast(facts, policy.rules_for, since, until, news) for policy in (question.today, question.other)]
        invoices = {invoice.id: invoice for invoice in past.invoices}
        _compare(tally, question, past.facts.account_id, seen, invoices, really.get(past.facts.account_id, ()))
    return tally


def _compare(
    tally: Tally,
    question: Question,
    account_id: str,
    seen: Sequence[Forecast],
    invoices: Mapping[str, Invoice],
    really: tuple[Spell, ...],
) -> None:
    """Add what two forecasts of one account say. `invoices`: as they ended, by id; `really`: when it was closed in truth."""
    tally.judged += 1
    if any(one.cut_off_at is not None for one in seen):
        tally.given_up.add(account_id)
    today, other = (course_of(one, question.until, question.zone, invoices) for one in seen)
    days_today, days_other = _suspended_on(question, today.spells), _suspended_on(question, other.spells)
    tally.today.add(today, days_today)
    tally.other.add(other, days_other)
    tally.compare(account_id, today, other)
    if today.spells != other.spells:
        differs_by = len(days_today ^ days_other)
        tally.keep(Strip(account_id=account_id, differs_by=differs_by, today=today.spells, other=other.spells, really=really))


def _suspended_on(question: Question, found: Iterable[Spell]) -> set[int]:
    return days_of(found, Standing.SUSPENDED, question.first_on, question.days)


def _note_what_happened(side: Side, question: Question, happened: Happened, really: Mapping[str, tuple[Spell, ...]]) -> None:
    side.accounts.update({step: number for step, number in happened.told.items() if step in LETTERS})
    for account_id, course in happened.standings.items():
        later = {standing for _, standing in course[1:]}
        side.accounts.update(step for standing, step in STEP_OF.items() if standing in later)
        side.closings += sum(after in CLOSED and before not in CLOSED for (_, before), (_, after) in pairwise(course))
        side.suspended.update(_suspended_on(question, really[account_id]))
