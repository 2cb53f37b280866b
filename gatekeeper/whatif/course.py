"""What became of one account under one policy: which steps it saw, when it was closed, and whether it paid all the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from gatekeeper.model import Invoice, Standing, Step
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.forecast import Change, Forecast, Letter
from gatekeeper.policy.rules import LETTERS

STEP_OF: Final = {Standing.RESTRICTED: Step.RESTRICT, Standing.SUSPENDED: Step.SUSPEND}


@dataclass(frozen=True, slots=True)
class Spell:
    """Days, the first and the last, on which an account was restricted or suspended for some time."""

    standing: Standing
    first_on: date
    last_on: date


@dataclass(frozen=True, slots=True)
class Closing:
    """Access was closed. `paid_after`: whole days until every invoice that it was closed for was paid; None: not paid yet."""

    at: datetime
    paid_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """`steps`: each step that was really taken."""

    steps: frozenset[Step]
    spells: tuple[Spell, ...]
    closings: tuple[Closing, ...]


def course_of(seen: Forecast, until: datetime, zone: tzinfo, invoices: Mapping[str, Invoice]) -> Course:
    """`invoices`: those of the account by id, as they ended; they say whether it paid."""
    changes = [one for one in seen.happenings if isinstance(one, Change)]
    steps: set[Step] = {one.step for one in seen.happenings if isinstance(one, Letter) and one.step in LETTERS}
    steps |= {STEP_OF[one.after] for one in changes if one.closes}
    closings = [
        Closing(one.at, _paid_after(one, invoices)) for one in changes if one.after in CLOSED and one.before not in CLOSED
    ]
    standings = [(one.at, one.after) for one in changes]
    return Course(steps=frozenset(steps), spells=tuple(spells(standings, until, zone)), closings=tuple(closings))


def spells(standings: Sequence[tuple[datetime, Standing]], until: datetime, zone: tzinfo) -> Iterator[Spell]:
    """`standings`: each standing with the instant from which it held, in order; the last of them holds until `until`."""
    ends = [*(at for at, _ in standings[1:]), until]
    for (at, standing), end_at in zip(standings, ends[: len(standings)], strict=True):
        if standing in CLOSED:
            yield Spell(standing, day_of(at, zone), day_of(end_at, zone))


def days_of(found: Iterable[Spell], standing: Standing, first_on: date, days: int) -> set[int]:
    """The days of a window, from 0, on which one of these spells of that standing ran."""
    return {
        number
        for spell in found
        if spell.standing is standing
        for number in range(max(0, (spell.first_on - first_on).days), min(days - 1, (spell.last_on - first_on).days) + 1)
    }


def _paid_after(closing: Change, invoices: Mapping[str, Invoice]) -> int | None:
    because = [invoices[invoice_id] for invoice_id in closing.overdue if invoice_id in invoices]
    paid = [invoice.settled_at for invoice in because if invoice.status == "paid" and invoice.settled_at is not None]
    if not because or len(paid) < len(because):
        return None
    return max(0, (max(paid) - closing.at).days)
