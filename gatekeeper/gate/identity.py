"""From request headers to the account that asks. What cannot be read in one way only is never guessed at (case 83)."""

from collections.abc import Mapping, Sequence

from gatekeeper.gate.fields import ALIAS

NOBODY = b""

_LONGEST = 128
# Printable ASCII but space, comma and quotes: what no proxy, list or log reads as two values
_CHARACTERS = bytes(set(range(0x21, 0x7F)) - set(b"\"',"))


def identify(fields: Mapping[bytes, bytes], identity_headers: Sequence[bytes]) -> bytes | None:
    """The account id that the edge names; `NOBODY` where it names none; None where the request is malformed.

    Malformed: a repeated header, an alias of one, a value that is no account id, or two identity headers that disagree.
    """
    if ALIAS in fields:
        return None
    account = NOBODY
    for name in identity_headers:
        value = fields.get(name)
        if not value:
            continue
        if len(value) > _LONGEST or value.translate(None, _CHARACTERS) or (account and account != value):
            return None
        account = value
    return account
