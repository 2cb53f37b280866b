"""Hours of a week as they are written: `["mon-thu 09:00-17:00", "fri 09:00-12:00"]`."""

import re
from datetime import time
from typing import Final

from gatekeeper.policy.calendar import Hours
from gatekeeper.policy.faults import Faults, Place

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "|".join(_DAYS)
_CLOCK: Final = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_LINE: Final = re.compile(rf"({_DAY})(?:-({_DAY}))? {_CLOCK}-{_CLOCK}")
_ONLY_DAYS: Final = re.compile(rf"({_DAY})(?:-({_DAY}))?")


def hours(value: object, place: Place, faults: Faults) -> Hours | None:
    """The hours that a list of lines states; None and a fault where one of them states none."""
    lines = value if isinstance(value, list) else []
    matched = [_LINE.fullmatch(line) if isinstance(line, str) else None for line in lines]
    found: list[tuple[int, time, time]] = []
    for line, match in zip(lines, matched, strict=True):
        if match is None or match.group(3, 4) >= match.group(5, 6):
            faults.add(
                place, f'{line!r} states no hours; write days and hours as in "mon-fri 09:00-17:00", the earlier hour first'
            )
            continue
        opens, closes = (time(int(match[hour]), int(match[hour + 1])) for hour in (3, 5))
        found += [(day, opens, closes) for day in _days(match[1], match[2])]
    if not lines:
        faults.add(place, f'{value!r} is not a list of hours; write at least one, as in ["mon-fri 09:00-17:00"]')
    return Hours(of_weekday=tuple(sorted(found))) if found else None


def weekdays(value: object, place: Place, faults: Faults) -> frozenset[int]:
    """The days that a list of them, or of spans of them, states."""
    named = value if isinstance(value, list) else []
    found: set[int] = set()
    for name in named:
        match = _ONLY_DAYS.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            faults.add(place, f'{name!r} is no day; write days as in ["mon-thu", "sat"]')
        else:
            found.update(_days(match[1], match[2]))
    if not named:
        faults.add(place, f'{value!r} is not a list of days; write at least one, as in ["mon-fri"]')
    return frozenset(found)


def _days(first: str, last: str | None) -> list[int]:
    """From one day to another, over the end of the week if it has to be."""
    start = _DAYS.index(first)
    number = (_DAYS.index(last) - start) % 7 + 1 if last else 1
    return [(start + day) % 7 for day in range(number)]
