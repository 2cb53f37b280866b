"""Ids in parts of a size that one statement takes on every database."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

_AT_ONCE: Final = 500


def batches(ids: Iterable[str], at_once: int = _AT_ONCE) -> Iterator[list[str]]:
    """The ids in their order, `at_once` at most in each list."""
    remaining = iter(ids)
    while batch := list(islice(remaining, at_once)):
        yield batch
