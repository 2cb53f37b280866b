"""A policy as a value, and how a policy file is read. Floors stand in code: no file makes the ladder shorter (case 125)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta, tzinfo
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from gatekeeper.model import Audience, Step

FLOORS: Final = {Step.REMINDER: timedelta(0), Step.WARNING: timedelta(days=7), Step.SUSPEND: timedelta(days=2)}
_LADDER: Final = (Step.REMINDER, Step.WARNING, Step.SUSPEND)
_SPAN: Final = re.compile(r"(\d{1,3}) days?")
_KEYS: Final = ("audiences", "automatic_grace", "processing_hold", "thresholds_minor", "steps")


class RulesInvalid(ValueError):
    """The policy file cannot be followed; `faults` names every reason at once."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the house promises its customers.

    `reminder_after` counts from the due date, `warning_after` from the moment that the reminder was accepted,
    `suspension_after` from the moment that the warning was accepted. `threshold_minor` is the sum below which a debt is
    left alone, in minor units, by currency where `thresholds_minor` names it.
    """

    audiences: tuple[Audience, ...] = (Audience.ACCOUNTANT, Audience.USER)
    reminder_after: timedelta = timedelta(0)
    warning_after: timedelta = timedelta(days=14)
    suspension_after: timedelta = timedelta(days=5)
    automatic_grace: timedelta = timedelta(days=3)
    processing_hold: timedelta = timedelta(days=14)
    threshold_minor: int = 100
    thresholds_minor: Mapping[str, int] = field(default_factory=dict)
    time_zone: tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    first_run_age_limit: timedelta = timedelta(days=120)
    fresh_for: timedelta = timedelta(seconds=60)

    def threshold_of(self, currency: str) -> int:
        """The smallest sum, in minor units of `currency`, that is worth a notice."""
        return self.thresholds_minor.get(currency, self.threshold_minor)


def rules_from(document: Mapping[str, Any], *, time_zone: tzinfo, first_run_age_limit: timedelta) -> Rules:
    """The rules that a policy document (parsed TOML) states.

    Raises:
        RulesInvalid: with every fault of the document, each saying what is allowed.
    """
    faults = [f"{key}: not a key of a policy; allowed are {', '.join(_KEYS)}" for key in document if key not in _KEYS]
    steps = _steps(document.get("steps"), faults)
    thresholds = _thresholds(document.get("thresholds_minor", {}), faults)
    audiences = _audiences(document.get("audiences", list(Audience)), faults)
    grace = _span(document.get("automatic_grace", "3 days"), "automatic_grace", timedelta(0), faults)
    hold = _span(document.get("processing_hold", "14 days"), "processing_hold", timedelta(days=7), faults)
    if faults:
        raise RulesInvalid(tuple(faults))
    return Rules(
        audiences=audiences,
        reminder_after=steps[Step.REMINDER],
        warning_after=steps[Step.WARNING],
        suspension_after=steps[Step.SUSPEND],
        automatic_grace=grace,
        processing_hold=hold,
        threshold_minor=thresholds.pop("default", 100),
        thresholds_minor=thresholds,
        time_zone=time_zone,
        first_run_age_limit=first_run_age_limit,
    )


def _span(value: object, key: str, floor: timedelta, faults: list[str]) -> timedelta:
    matched = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        faults.append(f'{key}: {value!r} is not a span; write it with its unit, as in "14 days"')
        return floor
    span = timedelta(days=int(matched[1]))
    if span < floor:
        faults.append(f'{key}: "{value}" is shorter than the shortest allowed, "{floor.days} days"')
    return span


def _steps(value: object, faults: list[str]) -> dict[Step, timedelta]:
    """The span of each step that the document has."""
    entries = value if isinstance(value, list) else []
    kinds = [entry.get("kind") if isinstance(entry, dict) else None for entry in entries]
    if kinds != list(_LADDER):
        faults.append(f"steps: {kinds} is not a ladder; it has the steps {', '.join(_LADDER)}, each once, in this order")
    known = [(Step(kind), entry) for kind, entry in zip(kinds, entries, strict=True) if kind in _LADDER]
    for step, entry in known:
        strange = [key for key in entry if key not in {"kind", "after"}]
        faults += [f"steps.{step}.{key}: not a key of a step; allowed are kind, after" for key in strange]
    return {step: _span(entry.get("after"), f"steps.{step}.after", FLOORS[step], faults) for step, entry in known}


def _thresholds(value: object, faults: list[str]) -> dict[str, int]:
    if not isinstance(value, dict):
        faults.append(f"thresholds_minor: {value!r} is not a table; write one sum a currency, as in `eur = 500`")
        return {}
    thresholds: dict[str, int] = {}
    for currency, minor in value.items():
        if currency != "default" and not re.fullmatch("[a-z]{3}", currency):
            faults.append(f"thresholds_minor.{currency}: not a currency; write its ISO 4217 code in lower case, or default")
        elif not isinstance(minor, int) or isinstance(minor, bool) or minor < 0:
            faults.append(f"thresholds_minor.{currency}: {minor!r} is not an amount; write whole minor units, 0 or more")
        else:
            thresholds[currency] = minor
    return thresholds


def _audiences(value: object, faults: list[str]) -> tuple[Audience, ...]:
    allowed = [audience.value for audience in Audience]
    named = value if isinstance(value, list) else []
    if not named or any(name not in allowed for name in named) or any(a == b for a, b in pairwise(sorted(named))):
        faults.append(f"audiences: {value!r}; name at least one of {', '.join(allowed)}, each once")
        return ()
    return tuple(Audience(name) for name in named)
