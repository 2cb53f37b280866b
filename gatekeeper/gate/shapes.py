"""What the headers of a request mean, worked out once for each list of names: an edge sends the same few lists all day."""

from typing import NamedTuple

from gatekeeper.gate.fields import ALIAS, FRAMING, HeaderNames

MAX_HEADERS = 100
_REMEMBERED = 1000
_LONGEST_REMEMBERED = 40

Names = tuple[bytes, ...]


class Shape(NamedTuple):
    """What a head with these header names holds.

    `lines` is how many lines it has, with the request line and the empty one. `fields` has the name that each header is read
    under, and how it is spelled. `identity` is the spelling of the identity header, where that is the only one to look at.
    """

    lines: int
    fields: tuple[tuple[bytes, bytes], ...]
    identity: bytes | None


class Shapes(dict[Names, Shape | None]):
    """Looked up by the names of a head as they came, each once; None: its headers must be read one by one.

    That is so if one came twice in two spellings, if there are too many, or if bytes other than a next request may follow.
    """

    def __init__(self, names: HeaderNames, identity: bytes | None) -> None:
        """Take the one header to look at, if there is but one."""
        super().__init__()
        self._names = names
        self._identity = identity

    def __missing__(self, spelled: Names) -> Shape | None:
        fields = tuple((field, name) for name in spelled if (field := self._names[name]) is not None)
        known = [field for field, _ in fields]
        shape = None
        if FRAMING not in known and len(set(known)) == len(known) and len(spelled) <= MAX_HEADERS:
            identity = None if ALIAS in known else dict(fields).get(self._identity or b"")
            shape = Shape(len(spelled) + 2, fields, identity)
        if len(self) < _REMEMBERED and len(spelled) <= _LONGEST_REMEMBERED and sum(map(len, spelled)) < _REMEMBERED:
            self[spelled] = shape
        return shape
