"""What a request says of the account that asks. What cannot be read in one way only is never guessed at (case 83).

Three things are told apart, and a client must not be able to turn one into another: the edge says that nobody is signed in
(`NOBODY`); it says nothing, as when a client had the header removed by `Connection: X-Account-Id` (`MISSING`); or it says
something twice, under an alias, or what is no account id (`AMBIGUOUS`).
"""

import re
from typing import Final

NOBODY: Final = b""
# No account id holds a space, so none can be taken for these
MISSING: Final = b" missing"
AMBIGUOUS: Final = b" ambiguous"

# How an edge says that nobody is signed in, which cannot send an empty header
SAYS_NOBODY: Final = b"-"
_LONGEST = 128
# Printable ASCII but space, comma and quotes: what no proxy, list or log reads as two values
_CHARACTERS = bytes(set(range(0x21, 0x7F)) - set(b"\"',"))
_CLASS = b"[%s]" % re.escape(_CHARACTERS)
# The same rule for who reads what else stands around it: one group, which has matched if an account is named
ACCOUNT: Final = b"(?!%s(?!%s))(%s{1,%d}+)" % (SAYS_NOBODY, _CLASS, _CLASS, _LONGEST)


def is_account(value: bytes) -> bool:
    """Whether this is one account id, which no proxy, list or log reads as two."""
    return not value.translate(None, _CHARACTERS) and 0 < len(value) <= _LONGEST and value != SAYS_NOBODY
