"""Each source of `gate.identity` as a function from a request to an account (`identity` tells what comes of them together)."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from itsdangerous import BadSignature, Signer

from gatekeeper.gate.fields import ALIAS, AUTHORIZATION, COOKIE
from gatekeeper.gate.identity import AMBIGUOUS, MISSING, NOBODY, SAYS_NOBODY, is_account
from gatekeeper.gate.sources import CookieSource, HostSource, PathSource, Source, TokenSource
from gatekeeper.model import plain_path

_PORT = re.compile(rb":[0-9]{1,5}$")
_HOST = re.compile(rb"[a-z0-9.-]{1,253}")
_BEARER = b"bearer "
COOKIE_SALT = b"gatekeeper.account"


class Asked(NamedTuple):
    """What the visitor asked the product for; empty where the edge does not say."""

    method: bytes
    uri: bytes
    host: bytes = b""


Fields = Mapping[bytes, bytes]
# Gives the account, or NOBODY, MISSING or AMBIGUOUS
Read = Callable[[Fields, Asked], bytes]


def reader(source: Source, clock: Callable[[], datetime]) -> Read:
    """How this source is read. `clock` tells whether a token has expired."""
    match source:
        case HostSource():
            return lambda _, asked: by_host(asked.host, source.behind.encode())
        case PathSource():
            return lambda _, asked: by_path(asked.uri, source.prefix.encode())
        case CookieSource():
            return _signed_cookie(source)
        case TokenSource():
            return TokenReader(source, clock)
        case _:
            name = source.name.lower().encode()
            return lambda fields, _: by_header(fields.get(name))


def by_header(value: bytes | None) -> bytes:
    """What an edge says in a header: `-` and nothing say nobody, and no header says nothing."""
    if value is None:
        return MISSING
    if value in (b"", SAYS_NOBODY):
        return NOBODY
    return value if is_account(value) else AMBIGUOUS


def by_host(host: bytes, behind: bytes) -> bytes:
    """The label in front of `behind`; nobody at another host. Hosts know no case, and may end in a dot and a port."""
    if not host:
        return MISSING
    host = _PORT.sub(b"", host.lower()).removesuffix(b".")
    if not _HOST.fullmatch(host):
        return AMBIGUOUS
    label = host.removesuffix(behind)
    return label if label != host and label and b"." not in label else NOBODY


def by_path(uri: bytes, prefix: bytes) -> bytes:
    """The segment behind `prefix`; nobody at another path. A path that servers read differently is not guessed at."""
    if not uri:
        return MISSING
    path = plain_path(uri)
    if path is None:
        return AMBIGUOUS
    if not path.startswith(prefix):
        return NOBODY
    segment = path.removeprefix(prefix).partition(b"/")[0]
    return (segment if is_account(segment) else AMBIGUOUS) if segment else NOBODY


def cookie(fields: Fields, name: bytes) -> bytes:
    """The value of a cookie (RFC 6265, section 4.2.1); empty: there is none; AMBIGUOUS: several, or in quotes."""
    found = [
        value.strip(b" \t")
        for key, equals, value in (pair.partition(b"=") for pair in fields.get(COOKIE, b"").split(b";"))
        if equals and key.strip(b" \t") == name
    ]
    if not found:
        return b""
    return found[0] if len(found) == 1 and not found[0].startswith(b'"') else AMBIGUOUS


def cookie_signer(secrets: Iterable[str]) -> Signer:
    """Signs account ids for a cookie; the last secret signs, all verify (docs/identity.md says it for other languages)."""
    return Signer(list(secrets), salt=COOKIE_SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _signed_cookie(source: CookieSource) -> Read:
    signer = cookie_signer(reversed(source.secrets))
    name = source.name.encode()

    def read(fields: Fields, _: Asked) -> bytes:
        value = cookie(fields, name)
        if not value or value is AMBIGUOUS:
            return value
        try:
            account = signer.unsign(value)
        except BadSignature:
            # As if it were not there, which a client can always bring about
            return NOBODY
        return account if is_account(account) else AMBIGUOUS

    return read


class TokenReader:
    """Reads the token of one source from its cookie, else from `Authorization`; `tokens` verifies it."""

    def __init__(self, source: TokenSource, clock: Callable[[], datetime]) -> None:
        from gatekeeper.gate.tokens import Tokens  # noqa: PLC0415 - joserfc is an optional part, for who has a token to read

        self.source = source
        self.tokens = Tokens(source, clock)
        self._cookie = source.cookie.encode()

    def __call__(self, fields: Fields, _: Asked) -> bytes:
        if self._cookie:
            token = cookie(fields, self._cookie)
        else:
            value = fields.get(AUTHORIZATION, b"").strip(b" \t")
            token = value[len(_BEARER) :].strip(b" ") if value[: len(_BEARER)].lower() == _BEARER else b""
        return self.tokens.account(token) if token and token != AMBIGUOUS else token


class Identifier:
    """All sources together: the account that they name, or `NOBODY`, `MISSING` or `AMBIGUOUS`.

    Those that name an account must agree. A header that is missing was removed on the way: nobody is then not believed.
    """

    def __init__(self, sources: Iterable[Source], clock: Callable[[], datetime]) -> None:
        self._readers = [reader(source, clock) for source in sources]
        self.tokens = [read for read in self._readers if isinstance(read, TokenReader)]

    def identify(self, fields: Fields, asked: Asked) -> bytes:
        if ALIAS in fields:
            return AMBIGUOUS
        named, missing = NOBODY, False
        for read in self._readers:
            account = read(fields, asked)
            if account == AMBIGUOUS:
                return AMBIGUOUS
            if account == MISSING:
                missing = True
            elif account and named and account != named:
                return AMBIGUOUS
            else:
                named = account or named
        return named or (MISSING if missing else NOBODY)
