"""At which line of a TOML text a key stands: the parser forgets it, and people look for it."""

import re
from collections.abc import Sequence
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_.\"'-]+?)\s*=")


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line, from 1, of the key at `place`, or of the nearest table around it that has one; else 1.

    `place` is the way to the key: names of tables and keys, and numbers, from 0, of entries of arrays.
    """
    best, found = 0, 1
    table: tuple[str | int, ...] = ()
    seen: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        here = table
        header, key = _HEADER.fullmatch(line), _KEY.match(line)
        if header is not None:
            names = _parts(header[2])
            if header[1] == "[[":
                seen[names] = seen.get(names, -1) + 1
                names = (*names, seen[names])
            elif len(names) > 1 and names[:1] in seen:
                names = (names[0], seen[names[:1]], *names[1:])
            here = table = names
        elif key is not None:
            here = (*table, *_parts(key[1]))
        else:
            continue
        if len(here) > best and tuple(place[: len(here)]) == here:
            best, found = len(here), number
    return found


def _parts(dotted: str) -> tuple[str | int, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
