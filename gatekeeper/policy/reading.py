"""How a policy file is read. Floors stand in code: no file makes the ladder shorter (case 125), and every fault is named."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from gatekeeper.model import Audience
from gatekeeper.policy.faults import Faults, PolicyInvalid
from gatekeeper.policy.hours import hours, weekdays
from gatekeeper.policy.ladders import FLOORS, MOST_DAYS, span_of, steps_of, with_spans
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.segments import Condition, Policy, Segment, Surroundings, Week

__all__ = ["FLOORS", "PolicyInvalid", "policy_from"]

_NUMBERS: Final = (
    "audiences",
    "automatic_grace",
    "processing_hold",
    "statement_fresh_for",
    "uncollectible",
    "thresholds_minor",
)
_KEYS: Final = (*_NUMBERS, "calendar", "steps", "segments")
_SEGMENT_KEYS: Final = ("name", "when", "after", *_NUMBERS)
_WHEN: Final = ("account", "plan", "country", "tag", "owed_at_least_minor", "paid_late", "paid_in_time")
_WEEK: Final = ("workdays", "contact_hours", "closing_hours")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SHORTEST: Final = {"automatic_grace": 0, "processing_hold": 7, "statement_fresh_for": 1}


def policy_from(document: Mapping[str, Any], surroundings: Surroundings, *, first_run_age_limit: timedelta) -> Policy:
    """The policy that a document (parsed TOML) states.

    Raises:
        PolicyInvalid: with every fault of the document, each saying what is allowed.
    """
    faults = Faults(currencies=surroundings.currencies, countries=surroundings.countries)
    faults.unknown_keys((), document, _KEYS)
    base = Rules(steps=steps_of(document.get("steps"), faults), first_run_age_limit=first_run_age_limit)
    rules = _numbers(document, (), base, faults)
    week = _week(document.get("calendar", {}), faults)
    segments = _segments(document.get("segments", []), rules, faults)
    faults.raise_if_any()
    return Policy(rules=rules, id=identity(document), segments=segments, week=week, surroundings=surroundings)


def identity(document: Mapping[str, Any]) -> str:
    """The version of a policy: a hash of what it states, whatever its layout and comments."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _numbers(document: Mapping[str, Any], at: tuple[str | int, ...], rules: Rules, faults: Faults) -> Rules:
    """`rules`, with what this document, or one of its segments, states instead."""
    changes: dict[str, Any] = {}
    for key, shortest in _SHORTEST.items():
        if key in document:
            span = span_of(document[key], (*at, key), faults)
            if span.working:
                faults.add((*at, key), f'"{span}" counts business days, and this one is counted in days')
            elif span.days < shortest:
                faults.add((*at, key), f'"{span}" is shorter than the shortest allowed, "{shortest} days"')
            changes[key] = timedelta(days=span.days)
    if "audiences" in document:
        changes["audiences"] = _audiences(document["audiences"], (*at, "audiences"), faults)
    if "uncollectible" in document:
        changes["forgive_uncollectible"] = _choice(
            document["uncollectible"], {"keep": False, "forgive": True}, (*at, "uncollectible"), faults
        )
    if "thresholds_minor" in document:
        stated = faults.amounts((*at, "thresholds_minor"), document["thresholds_minor"], default_allowed=True)
        changes["threshold_minor"] = stated.pop("default", rules.threshold_minor)
        changes["thresholds_minor"] = {**rules.thresholds_minor, **stated}
    return replace(rules, **changes)


def _audiences(value: object, at: tuple[str | int, ...], faults: Faults) -> tuple[Audience, ...]:
    allowed = [audience.value for audience in Audience]
    named = value if isinstance(value, list) else []
    if not named or any(name not in allowed for name in named) or len(set(named)) < len(named):
        faults.add(at, f"{value!r}; name at least one of {', '.join(allowed)}, each once")
        return ()
    return tuple(Audience(name) for name in named)


def _choice(value: object, allowed: Mapping[str, bool], at: tuple[str | int, ...], faults: Faults) -> bool:
    if not isinstance(value, str) or value not in allowed:
        faults.add(at, f"{value!r} is none of {', '.join(allowed)}")
        return False
    return allowed[value]


def _week(value: object, faults: Faults) -> Week:
    table = faults.table(("calendar",), value)
    faults.unknown_keys(("calendar",), table, _WEEK)
    return Week(
        weekdays=weekdays(table["workdays"], ("calendar", "workdays"), faults) if "workdays" in table else None,
        contact=hours(table["contact_hours"], ("calendar", "contact_hours"), faults) if "contact_hours" in table else None,
        closing=hours(table["closing_hours"], ("calendar", "closing_hours"), faults) if "closing_hours" in table else None,
    )


def _segments(value: object, rules: Rules, faults: Faults) -> tuple[Segment, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        faults.add(("segments",), f"{value!r} is not a list of tables; begin each segment with [[segments]]")
        return ()
    found: dict[str, Segment] = {}
    for number, entry in enumerate(value):
        at: tuple[str | int, ...] = ("segments", number)
        faults.unknown_keys(at, entry, _SEGMENT_KEYS)
        name = entry.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in found:
            faults.add((*at, "name"), f"{name!r}; give each segment a name of its own, of small letters, digits, - and _")
            continue
        own = _numbers(entry, at, rules, faults)
        own = replace(own, steps=with_spans(own.steps, entry.get("after", {}), (*at, "after"), faults))
        found[name] = Segment(name=name, when=_condition(entry.get("when", {}), (*at, "when"), faults), rules=own)
    return tuple(found.values())


def _condition(value: object, at: tuple[str | int, ...], faults: Faults) -> Condition:
    table = faults.table(at, value)
    faults.unknown_keys(at, table, _WHEN)
    words = {key: faults.words((*at, key), table[key]) for key in ("account", "plan", "tag") if key in table}
    counts = {key: _count(table[key], (*at, key), faults) for key in ("paid_late", "paid_in_time") if key in table}
    return Condition(
        accounts=words.get("account", frozenset()),
        plans=words.get("plan", frozenset()),
        countries=faults.countries((*at, "country"), table["country"]) if "country" in table else frozenset(),
        tags=words.get("tag", frozenset()),
        owed_at_least_minor=faults.amounts((*at, "owed_at_least_minor"), table.get("owed_at_least_minor", {})),
        paid_late=counts.get("paid_late", 0),
        paid_in_time=counts.get("paid_in_time", 0),
    )


def _count(value: object, at: tuple[str | int, ...], faults: Faults) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_DAYS:
        faults.add(at, f"{value!r} is not a number of invoices; write 1 or more")
        return 1
    return value
