"""From request headers to the account that asks. What cannot be read in one way only is never guessed at (case 83).

Three things are told apart, and a client must not be able to turn one into another: the edge says that nobody is signed in
(`NOBODY`); it says nothing, as when a client had the header removed by `Connection: X-Account-Id` (`MISSING`); or it says
something twice, under an alias, or what is no account id (`AMBIGUOUS`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gatekeeper.gate.fields import ALIAS

NOBODY: Final = b""
# No account id holds a space, so none can be taken for these
MISSING: Final = b" missing"
AMBIGUOUS: Final = b" ambiguous"

# How an edge says that nobody is signed in, which cannot send an empty header
_SAYS_NOBODY = b"-"
_LONGEST = 128
# Printable ASCII but space, comma and quotes: what no proxy, list or log reads as two values
_CHARACTERS = bytes(set(range(0x21, 0x7F)) - set(b"\"',"))


def identify(fields: Mapping[bytes, bytes], identity_headers: Sequence[bytes]) -> bytes:
    """The account id that the edge names, or `NOBODY`, `MISSING` or `AMBIGUOUS`.

    Several identity headers must agree; one that says nobody, or is missing, contradicts none.
    """
    if ALIAS in fields:
        return AMBIGUOUS
    named, missing = NOBODY, False
    for header in identity_headers:
        value = fields.get(header)
        if value is None:
            missing = True
        elif not value or value == _SAYS_NOBODY:
            continue
        elif len(value) > _LONGEST or value.translate(None, _CHARACTERS) or (named and named != value):
            return AMBIGUOUS
        else:
            named = value
    return named or (MISSING if missing else NOBODY)
