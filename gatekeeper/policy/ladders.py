"""The steps of a ladder as they are written, and what a ladder must be: nobody is closed out who was not told twice."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gatekeeper.model import Step, is_path
from gatekeeper.policy.calendar import Span
from gatekeeper.policy.faults import Faults, Place
from gatekeeper.policy.rules import CLOSING, TOLD_BY, LadderStep, ladder

# The least days between the first reminder and the first warning, and between a warning and what it announces
FLOORS: Final = {Step.WARNING: 7, Step.RESTRICT: 2, Step.SUSPEND: 2}
MOST_DAYS: Final = 999
MOST_STEPS: Final = 20
_KINDS: Final = tuple(kind.value for kind in (Step.COURTESY, Step.REMINDER, Step.WARNING, *sorted(CLOSING)))
_SPAN: Final = re.compile(r"([0-9]{1,3}) (business )?days?")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_KEYS: Final = {
    Step.COURTESY: ("kind", "name", "before"),
    Step.RESTRICT: ("kind", "name", "after", "after_due", "leaves_open"),
}
_OTHERS: Final = ("kind", "name", "after", "after_due")


def span_of(value: object, place: Place, faults: Faults) -> Span:
    """A span with its unit; a fault and nothing, where it is none."""
    matched = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        faults.add(place, f'{value!r} is not a span; write it with its unit, as in "14 days" or "3 business days"')
        return Span(days=MOST_DAYS)
    return Span(days=int(matched[1]), working=bool(matched[2]))


def steps_of(value: object, faults: Faults) -> tuple[LadderStep, ...]:
    """The ladder that a list of tables states; the product's own, and a fault, where it is none."""
    entries = value if isinstance(value, list) else []
    if not entries or len(entries) > MOST_STEPS or not all(isinstance(entry, dict) for entry in entries):
        stated = "nothing" if value is None else repr(value)
        faults.add(("steps",), f"{stated}; write 1 to {MOST_STEPS} steps, each below [[steps]]")
        return ladder()
    steps = tuple(step for number, entry in enumerate(entries) if (step := _step(entry, ("steps", number), faults)))
    if len(steps) == len(entries):
        _check(steps, ("steps",), faults)
    return steps


def with_spans(steps: tuple[LadderStep, ...], value: object, place: Place, faults: Faults) -> tuple[LadderStep, ...]:
    """The same ladder with other spans, by the names of the steps."""
    table = faults.table(place, value)
    faults.unknown_keys(place, table, [step.name for step in steps])
    spans = {name: span_of(text, (*place, name), faults) for name, text in table.items()}
    changed = tuple(replace(step, after=spans[step.name]) if step.name in spans else step for step in steps)
    if spans:
        _check_spans(changed, lambda number: (*place, changed[number].name), faults)
    return changed


def _step(entry: Mapping[str, Any], place: Place, faults: Faults) -> LadderStep | None:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        faults.add((*place, "kind"), f"{kind!r} is no step; there are {', '.join(_KINDS)}")
        return None
    step = Step(kind)
    faults.unknown_keys(place, entry, _KEYS.get(step, _OTHERS))
    name = entry.get("name", kind)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        faults.add((*place, "name"), f"{name!r} is no name; write small letters, digits, - and _")
        return None
    key = _span_key(step)
    return LadderStep(
        kind=step,
        name=name,
        after=span_of(entry.get(key), (*place, key), faults),
        after_due=span_of(entry["after_due"], (*place, "after_due"), faults) if "after_due" in entry else None,
        leaves_open=_paths(entry.get("leaves_open", []), (*place, "leaves_open"), faults),
    )


def _span_key(kind: Step) -> str:
    return "before" if kind is Step.COURTESY else "after"


def _paths(value: object, place: Place, faults: Faults) -> tuple[str, ...]:
    if not isinstance(value, list):
        faults.add(place, f'{value!r} is not a list of paths; write them as in ["/export"], or leave it out for read-only')
        return ()
    wrong = [path for path in value if not isinstance(path, str) or not is_path(path)]
    for path in wrong:
        faults.add(place, f"{path!r} cannot stay open: write a plain path, such as /export")
    return () if wrong else tuple(value)


def _check(steps: tuple[LadderStep, ...], place: Place, faults: Faults) -> None:
    """A ladder in the right order, each closing after a warning of its own, none shorter than the floors."""
    names = [step.name for step in steps]
    for number, step in enumerate(steps):
        if names.index(step.name) < number:
            faults.add((*place, number, "name"), f"there is a {step.name!r} already; give this one a name of its own")
    kinds = [step.kind for step in steps]
    rest = [kind for kind in kinds if kind is not Step.COURTESY]
    if kinds[: len(kinds) - len(rest)].count(Step.COURTESY) < kinds.count(Step.COURTESY):
        faults.add(place, "a courtesy comes before the due date: put it before all other steps")
    elif not rest or rest[0] is not Step.REMINDER:
        faults.add(place, "the first step after the due date is a reminder: nobody is warned who was not reminded")
    _check_closings(kinds, place, faults)
    _check_spans(steps, lambda number: (*place, number, _span_key(steps[number].kind)), faults)


def _check_closings(kinds: list[Step], place: Place, faults: Faults) -> None:
    for kind in sorted(CLOSING):
        if kinds.count(kind) > 1:
            faults.add(place, f"there is more than one {kind}; access is closed once at each height")
    if Step.SUSPEND in kinds and kinds[-1] is not Step.SUSPEND:
        faults.add(place, "suspend is the last step: nothing comes after it")
    for number, kind in enumerate(kinds):
        if kind in CLOSING and (number == 0 or kinds[number - 1] is not Step.WARNING):
            faults.add((*place, number), f"put a warning right before {kind}: it names the day, and nothing closes without one")
        later = kinds[number + 1 :]
        if kind is Step.WARNING and not set(CLOSING).intersection(later):
            faults.add((*place, number), "a warning names the day of the restrict or suspend that follows it, and none follows")
        if kind is Step.REMINDER and Step.WARNING in kinds[:number]:
            faults.add((*place, number), "a reminder comes before the first warning: after one it would say less than was said")


def _check_spans(steps: tuple[LadderStep, ...], where: Any, faults: Faults) -> None:
    """The floors: from the first reminder to the first warning, and from each warning to what it announces."""
    kinds = [step.kind for step in steps]
    if Step.REMINDER in kinds and Step.WARNING in kinds:
        first, warning = kinds.index(Step.REMINDER), kinds.index(Step.WARNING)
        between = sum(step.after.days for step in steps[first + 1 : warning + 1])
        if between < FLOORS[Step.WARNING]:
            at_least = f'the least allowed between the first reminder and a warning is "{FLOORS[Step.WARNING]} days"'
            faults.add(where(warning), f'"{steps[warning].after}" is too short: {at_least}')
    for number, step in enumerate(steps):
        if step.kind in CLOSING and step.after.days < FLOORS[step.kind]:
            shortest = f'the shortest allowed, "{FLOORS[step.kind]} days"'
            faults.add(where(number), f'"{step.after}" is shorter than {shortest}: people need time to pay')
        if step.kind in TOLD_BY and TOLD_BY.intersection(kinds[:number]) and step.after.days < 1:
            faults.add(where(number), f'"{step.after}" is shorter than the shortest allowed, "1 day": one letter at a time')
    before = MOST_DAYS + 1
    for number, step in enumerate(steps):
        if step.kind is Step.COURTESY:
            if not 1 <= step.after.days < before:
                shortest = 'at least "1 day" before the due date, and nearer to it than the courtesy before it'
                faults.add(where(number), f'"{step.after}" will not do: a courtesy comes {shortest}')
            before = step.after.days
