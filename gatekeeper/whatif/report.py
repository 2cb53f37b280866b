"""A tally as something to read: numbers, who differs, and what the ledger could not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from babel import Locale

from gatekeeper.ledger.history import History
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.explain import N_
from gatekeeper.whatif.course import Spell
from gatekeeper.whatif.survey import Question
from gatekeeper.whatif.tally import STEPS, Named, Side, Strip, Tally
from gatekeeper.wording.formats import shown

# Days within which a payment came after access would have been closed
WITHIN: Final = (0, 2, 7, 14, 30)

NOTES: Final[Mapping[str, str]] = {
    "fresh": N_("Both policies begin at the start of the time looked at, with nothing said to anybody yet."),
    "letters": N_("Every letter is taken to have arrived; in truth some bounce, and stop the way to suspension."),
    "amounts": N_("Amounts before a partial payment, and due dates before they were moved, are not known."),
    "today_s_people": N_("Contacts, plans and tags are those of today."),
    "watched": N_("The ledger watches since %(day)s; of invoices that were settled before that it knows nothing."),
    "unknown_ends": N_("Invoices that were settled at a time that is not known, and are left out: %(count)s."),
    "paid_because": N_("Who was really suspended may have paid because of that."),
    "nobody_pays": N_("This is what happens if nobody pays; running cases keep the policy that they began with."),
    "given_up": N_("Accounts that never came to rest under a policy, and were given up: %(count)s."),
}


@dataclass(frozen=True, slots=True)
class Note:
    """What the reader must know of the numbers: a key of `NOTES` and what its sentence needs."""

    code: str
    params: tuple[tuple[str, int | date], ...] = ()

    @property
    def text(self) -> str:
        return NOTES[self.code]

    def shown(self, locale: Locale) -> dict[str, str]:
        return {name: shown(value, locale) for name, value in self.params}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`names`: of the accounts in the strips. `labels`: what the two policies are called."""

    question: Question
    tally: Tally
    names: Mapping[str, str]
    labels: tuple[str, str]
    notes: tuple[Note, ...]

    @property
    def looks_back(self) -> bool:
        return self.question.since is not None

    @property
    def last_on(self) -> date:
        return self.question.first_on + timedelta(days=self.question.days - 1)

    @property
    def sides(self) -> Sequence[tuple[str, Side]]:
        """`today` and `other`, and where the past is looked at what `really` happened."""
        sides = [("today", self.tally.today), ("other", self.tally.other)]
        return [*sides, ("really", self.tally.really)] if self.looks_back else sides


def report_of(history: History, question: Question, tally: Tally, labels: tuple[str, str]) -> Report:
    names = history.names([strip.account_id for strip in tally.strips])
    notes = tuple(_notes(history, question, tally))
    return Report(question=question, tally=tally, names=names, labels=labels, notes=notes)


def _notes(history: History, question: Question, tally: Tally) -> list[Note]:
    if question.since is None:
        notes = [Note("nobody_pays"), Note("letters")]
    else:
        notes = [Note(code) for code in ("fresh", "letters", "amounts", "today_s_people", "paid_because")]
        watched_since_at = history.watched_since_at()
        if watched_since_at is not None and watched_since_at > question.since:
            notes.append(Note("watched", (("day", day_of(watched_since_at, question.zone)),)))
    if tally.unknown_ends:
        notes.append(Note("unknown_ends", (("count", tally.unknown_ends),)))
    if tally.given_up.count:
        notes.append(Note("given_up", (("count", tally.given_up.count),)))
    return notes


def paid_within(side: Side, days: int) -> int:
    """How many closings ended in payment within so many whole days."""
    return sum(number for after, number in side.paid_after.items() if after <= days)


def median_days(side: Side) -> int | None:
    """After how many days half of those who paid had paid; None: nobody did."""
    half, seen = (side.paid_after.total() + 1) // 2, 0
    for after in sorted(side.paid_after):
        seen += side.paid_after[after]
        if seen >= half:
            return after
    return None


def document(report: Report) -> dict[str, Any]:
    """The report for machines (docs/whatif.md, "As JSON")."""
    tally = report.tally
    return {
        "since": report.question.first_on,
        "until": report.last_on,
        "looks_back": report.looks_back,
        "policies": dict(zip(("today", "other"), report.labels, strict=True)),
        "judged": tally.judged,
        "accounts": {name: {step.value: side.accounts[step] for step in STEPS} for name, side in report.sides},
        "only_today": {step.value: _named(tally.only_today[step]) for step in STEPS},
        "only_other": {step.value: _named(tally.only_other[step]) for step in STEPS},
        "closed": {name: _closed(side) for name, side in report.sides[:2]} if report.looks_back else None,
        "suspended_per_day": [
            {"on": on} | {name: side.suspended[number] for name, side in report.sides}
            for number, on in enumerate(_days(report))
        ],
        "differing": {"count": tally.differing, "accounts": [_strip(strip, report) for strip in tally.strips]},
        "notes": [note.text % dict(note.params) for note in report.notes],
    }


def _days(report: Report) -> list[date]:
    return [report.question.first_on + timedelta(days=number) for number in range(report.question.days)]


def _named(named: Named) -> dict[str, Any]:
    return {"count": named.count, "accounts": named.accounts}


def _closed(side: Side) -> dict[str, Any]:
    return {
        "closings": side.closings,
        "paid": side.paid_after.total(),
        "not_paid": side.unpaid,
        "median_days": median_days(side),
        "paid_after_days": {str(days): side.paid_after[days] for days in sorted(side.paid_after)},
    }


def _strip(strip: Strip, report: Report) -> dict[str, Any]:
    spells = {"today": strip.today, "other": strip.other} | ({"really": strip.really} if report.looks_back else {})
    return {"account": strip.account_id, "name": report.names.get(strip.account_id, "")} | {
        name: [_spell(one) for one in found] for name, found in spells.items()
    }


def _spell(spell: Spell) -> dict[str, Any]:
    return {"standing": spell.standing.value, "from": spell.first_on, "to": spell.last_on}
