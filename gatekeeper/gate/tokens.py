"""JSON Web Tokens that say which account asks (RFC 7519), verified with pinned algorithms and remembered until they expire."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, OctKey

from gatekeeper.gate.identity import AMBIGUOUS, NOBODY, is_account
from gatekeeper.gate.sources import TokenSource

# What two libraries could read differently is read by none: padding, spaces, other alphabets
_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_LONGEST = 8192
_REMEMBERED = 10_000
_LEEWAY_SECONDS = 30
_WITH_SECRETS: Final = ["HS256"]
_WITH_KEYS: Final = ["RS256", "PS256", "ES256"]


class Tokens:
    """The tokens of one source. `refused` counts those that were well formed and did not hold."""

    def __init__(self, source: TokenSource, clock: Callable[[], datetime]) -> None:
        self.refused = 0
        self.keys_wanted = bool(source.keys)
        self._claim = source.claim
        self._clock = clock
        self._algorithms = _WITH_KEYS if source.keys else _WITH_SECRETS
        self._keys: list[OctKey] | list[KeySet] = [OctKey.import_key(secret) for secret in source.secrets]
        required = {"iss": source.issuer, "aud": source.audience}
        options: dict[str, jwt.ClaimsOption] = {
            name: {"essential": True, "value": value} for name, value in required.items() if value
        }
        self._claims = jwt.JWTClaimsRegistry(lambda: int(clock().timestamp()), _LEEWAY_SECONDS, **options)
        self._known: dict[bytes, tuple[bytes, float]] = {}

    def take_keys(self, document: str) -> None:
        """Verify by this JWK set from now on.

        Raises:
            ValueError: it is none, or has no key.
        """
        try:
            self._keys = [KeySet.import_key_set(json.loads(document))]
        except (JoseError, KeyError, TypeError) as fault:
            raise ValueError(f"no JWK set: {fault!r}") from fault
        self._known.clear()
        self.keys_wanted = False

    def account(self, token: bytes) -> bytes:
        """The account that this token names; `NOBODY` if it does not hold, as if it were not there: the product refuses it too.

        `AMBIGUOUS`: no token that every library reads alike.
        """
        known = self._known.get(token)
        if known is not None:
            account, until = known
            if self._clock().timestamp() < until:
                return account
            del self._known[token]
        if len(token) > _LONGEST or not _TOKEN.fullmatch(token):
            return AMBIGUOUS
        claims = self._verified(token.decode())
        value = claims.get(self._claim)
        account = str(value).encode() if isinstance(value, str | int) and value is not True else NOBODY
        if not is_account(account):
            self.refused += 1
            return NOBODY
        expires = claims.get("exp")
        if isinstance(expires, int | float):
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[token] = account, expires + _LEEWAY_SECONDS
        return account

    def _verified(self, token: str) -> dict[str, object]:
        for key in self._keys:
            try:
                claims: dict[str, object] = jwt.decode(token, key, algorithms=self._algorithms).claims
                self._claims.validate(claims)
            except InvalidKeyIdError:
                self.keys_wanted = True
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            else:
                return claims
        return {}
