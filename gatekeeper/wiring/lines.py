"""At which line of a TOML text a key stands: the parser forgets it, and people look for it."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line, from 1, of the key at `place`, or of the nearest table around it that has one; else 1.

    `text` is TOML, and `place` the way to the key: names of tables and keys, and numbers, from 0, of entries of arrays.
    """
    best, found = 0, 1
    for line, document in _beginnings(text):
        depth = _depth(document, place)
        if depth > best:
            best, found = depth, line
    return found


@lru_cache(maxsize=1)
def _beginnings(text: str) -> tuple[tuple[int, Mapping[str, object]], ...]:
    """What the text states up to each place where a statement of it ends, and the line on which that statement begins."""
    return tuple(_read_on(text.split("\n")))


def _read_on(lines: Sequence[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    begins = 1
    for number in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:  # in the midst of a value of several lines
            continue
        yield begins, document
        begins = number + 1


def _depth(document: object, place: Sequence[str | int]) -> int:
    """How many parts of the way to `place` there are."""
    for depth, part in enumerate(place):
        match document, part:
            case dict(), str() if part in document:
                document = document[part]
            case list(), int() if part < len(document):
                document = document[part]
            case _:
                return depth
    return len(place)
