"""The request headers that the gate reads, under one name each, however the edge spells them.

Repeated headers are joined by ", " (RFC 9110, section 5.3). An account id, a method and a path hold no space, so a repeated one
reads as none of these, and the second value can neither win nor get lost (CVE-2021-32777).
"""

import re
from collections.abc import Iterable

METHOD = b"x-original-method"
URI = b"x-original-uri"
FORWARDED_METHOD = b"x-forwarded-method"
FORWARDED_URI = b"x-forwarded-uri"
EDGE_SECRET = b"x-gatekeeper-edge"
STAFF = b"x-gatekeeper-staff"
ACCEPT = b"accept"
ACCEPT_LANGUAGE = b"accept-language"
FETCH_MODE = b"sec-fetch-mode"
CONTENT_TYPE = b"content-type"
ORIGINAL_HOST = b"x-original-host"
FORWARDED_HOST = b"x-forwarded-host"
HOST = b"host"
COOKIE = b"cookie"
AUTHORIZATION = b"authorization"
# What tells that bytes other than a next request may follow; no header of that name can arrive, for it holds a bracket
FRAMING = b"(framing)"
# From HAProxy, which gives one value of each header: the names of all that came
NAMES = b"names"
# A header that some servers would take for the identity header (case 83)
ALIAS = b"(alias)"

_READ = (
    *(METHOD, URI, ORIGINAL_HOST, FORWARDED_METHOD, FORWARDED_URI, FORWARDED_HOST, HOST, EDGE_SECRET),
    *(ACCEPT, ACCEPT_LANGUAGE, FETCH_MODE, CONTENT_TYPE, COOKIE, AUTHORIZATION, STAFF),
)
_FRAMING = (b"content-length", b"transfer-encoding", b"upgrade")
_NOT_ALPHANUMERIC = re.compile(rb"[^a-z0-9]")
_REMEMBERED = 1000
_LONGEST_REMEMBERED = 64


class HeaderNames(dict[bytes, bytes | None]):
    """Looked up by a header name as it arrived: the name it is read under, or None for a header that is ignored.

    Edges spell their few headers alike every time, so the answers are remembered, up to a bound.
    """

    def __init__(self, identity_headers: Iterable[bytes], others: Iterable[bytes] = ()) -> None:
        """Take the names of the headers that carry an account id, whose aliases are told apart, and of others to be read."""
        super().__init__()
        identities = self._identities = [name.lower() for name in identity_headers]
        read = (*_READ, *identities, *(name.lower() for name in others))
        self._known = {name: name for name in read} | dict.fromkeys(_FRAMING, FRAMING)
        self._folded_identities = {_fold(name) for name in identities}
        self._told: dict[bytes, bool] = {}

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """The headers that the gate reads, out of all that came."""
        fields: dict[bytes, bytes] = {}
        for name, value in headers:
            field = self[name]
            if field is not None:
                if field in fields:
                    # Cookies in two headers are one list (RFC 9113, section 8.2.3)
                    value = fields[field] + (b"; " if field == COOKIE else b", ") + value  # noqa: PLW2901 - as it was joined
                fields[field] = value
        return fields

    def tell_aliased(self, names: bytes) -> bool:
        """Whether this list of header names, with commas between, has one that tells the account twice, or an alias of one."""
        told = self._told.get(names)
        if told is None:
            found = [field for field in map(self.__getitem__, names.split(b",")) if field is not None]
            told = ALIAS in found or any(found.count(name) > 1 for name in (*self._identities, HOST, COOKIE, AUTHORIZATION))
            if len(self._told) < _REMEMBERED and len(names) <= _REMEMBERED:
                self._told[names] = told
        return told

    def __missing__(self, name: bytes) -> bytes | None:
        lower = name.lower()
        known = self._known.get(lower)
        if known is None and _fold(lower) in self._folded_identities:
            known = ALIAS
        if len(self) < _REMEMBERED and len(name) <= _LONGEST_REMEMBERED:
            self[name] = known
        return known


def _fold(name: bytes) -> bytes:
    """CGI, WSGI and their heirs make one character of all punctuation: `X.Account_Id` there is `X-Account-Id`."""
    return _NOT_ALPHANUMERIC.sub(b"-", name)
