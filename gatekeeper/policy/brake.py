"""The cap on suspensions: asked before the first of a batch (rule 6). It shares no code with the ladder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many suspensions an hour, and a day, may see. Restorations are never capped."""

    per_hour: int
    per_day: int


def permits(caps: Caps, *, wanted: int, last_hour: int, last_day: int) -> bool:
    """Whether a batch of `wanted` suspensions may begin. All of it or none: a batch that is too big is a fault to look at."""
    return last_hour + wanted <= caps.per_hour and last_day + wanted <= caps.per_day
