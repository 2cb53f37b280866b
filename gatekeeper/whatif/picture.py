"""What the HTML report shows: the numbers of a report, and lines and bars in the units of their pictures. Texts stay words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gatekeeper.model import Standing, Step
from gatekeeper.whatif.course import Spell
from gatekeeper.whatif.report import WITHIN, Note, Report, median_days, paid_within
from gatekeeper.whatif.tally import Side, Strip

HEIGHT: Final = 100
_THINNEST: Final = 1 / 150


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """How many accounts saw a step on each side, and under one policy alone."""

    step: Step
    counts: tuple[int, ...]
    only_today: int
    only_other: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRow:
    """`within`: how many closings ended in payment within so many days."""

    side: str
    closings: int
    paid: int
    unpaid: int
    median_days: int | None
    within: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The accounts that stood suspended, day by day, as the points of an SVG line; `most` of them on one day."""

    side: str
    points: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRow:
    """The most accounts that stood suspended on one day of a month, for each side."""

    first_on: date
    most: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A spell on its account's strip: `x` and `width` in days, `row` from 0."""

    side: str
    row: int
    x: float
    width: float
    restricted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StripView:
    account_id: str
    name: str
    bars: tuple[Bar, ...]
    spells: tuple[tuple[str, tuple[Spell, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything that the template shows; sides are `today`, `other` and, looking back, `really`."""

    first_on: date
    last_on: date
    days: int
    looks_back: bool
    labels: tuple[str, str]
    sides: tuple[str, ...]
    judged: int
    steps: tuple[StepRow, ...]
    closed: tuple[ClosedRow, ...]
    lines: tuple[Line, ...]
    most: int
    months: tuple[MonthRow, ...]
    strips: tuple[StripView, ...]
    differing: int
    notes: tuple[Note, ...]


def view_of(report: Report) -> ReportView:
    tally, sides = report.tally, report.sides
    most = max((max(side.suspended.values(), default=0) for _, side in sides), default=0)
    return ReportView(
        first_on=report.question.first_on,
        last_on=report.last_on,
        days=report.question.days,
        looks_back=report.looks_back,
        labels=report.labels,
        sides=tuple(name for name, _ in sides),
        judged=tally.judged,
        steps=tuple(_step_rows(report)),
        closed=tuple(_closed_row(name, side) for name, side in sides[:2]) if report.looks_back else (),
        lines=tuple(_line(name, side, report.question.days, most) for name, side in sides),
        most=most,
        months=tuple(_months(report)),
        strips=tuple(_strip(strip, report) for strip in tally.strips),
        differing=tally.differing,
        notes=report.notes,
    )


def _step_rows(report: Report) -> Iterator[StepRow]:
    """The steps that anybody saw."""
    for step, alone in report.tally.only_today.items():
        counts = tuple(side.accounts[step] for _, side in report.sides)
        if any(counts):
            yield StepRow(step=step, counts=counts, only_today=alone.count, only_other=report.tally.only_other[step].count)


def _closed_row(name: str, side: Side) -> ClosedRow:
    return ClosedRow(
        side=name,
        closings=side.closings,
        paid=side.paid_after.total(),
        unpaid=side.unpaid,
        median_days=median_days(side),
        within=tuple((days, paid_within(side, days)) for days in WITHIN),
    )


def _line(name: str, side: Side, days: int, most: int) -> Line:
    """Steps, not slopes: each day has one number."""
    points = []
    for number in range(days):
        y = HEIGHT - HEIGHT * side.suspended[number] / max(1, most)
        points += [f"{number},{y:.4g}", f"{number + 1},{y:.4g}"]
    return Line(side=name, points=" ".join(points), most=max(side.suspended.values(), default=0))


def _months(report: Report) -> Iterator[MonthRow]:
    first_on, days = report.question.first_on, report.question.days
    months: dict[date, list[int]] = {}
    for number in range(days):
        months.setdefault((first_on + timedelta(days=number)).replace(day=1), []).append(number)
    for month, numbers in months.items():
        most = tuple(max(side.suspended[number] for number in numbers) for _, side in report.sides)
        yield MonthRow(first_on=max(month, first_on), most=most)


def _strip(strip: Strip, report: Report) -> StripView:
    found: list[tuple[str, tuple[Spell, ...]]] = [("today", strip.today), ("other", strip.other)]
    if report.looks_back:
        found.append(("really", strip.really))
    bars = [_bar(name, row, spell, report) for row, (name, spells) in enumerate(found) for spell in spells]
    return StripView(
        account_id=strip.account_id,
        name=report.names.get(strip.account_id, ""),
        bars=tuple(bars),
        spells=tuple(found),
    )


def _bar(side: str, row: int, spell: Spell, report: Report) -> Bar:
    days = report.question.days
    first = max(0, (spell.first_on - report.question.first_on).days)
    last = min(days, (spell.last_on - report.question.first_on).days + 1)
    width = max(days * _THINNEST, last - first)
    restricted = spell.standing is Standing.RESTRICTED
    return Bar(side=side, row=row, x=min(first, days - width), width=width, restricted=restricted)
