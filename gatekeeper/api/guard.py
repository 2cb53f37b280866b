"""Who may use the API: a bearer token of the settings, with the scope that the method needs. All else is refused."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gatekeeper.api.problems import problem

_READING: Final = frozenset({"GET", "HEAD"})
_CHALLENGE: Final = 'Bearer realm="gatekeeper"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`scopes`: `read` for GET, `write` for everything that changes something."""

    name: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]


class Guard:
    """Lets a request through with its token's name as `request.state.actor`, or answers 401 or 403 (RFC 6750)."""

    def __init__(self, app: ASGIApp, tokens: Sequence[Token]) -> None:
        self._app = app
        self._tokens = [(sha256(token.secret.encode()).digest(), token) for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the API speaks nothing else"
        needed = "read" if scope["method"] in _READING else "write"
        token = self._token(Headers(scope=scope).get("authorization", ""))
        if token is None:
            refusal = problem(
                401,
                "not-authorized",
                "A token is needed",
                "Send `Authorization: Bearer TOKEN` with a token of `api.tokens` in the settings.",
                headers={"WWW-Authenticate": _CHALLENGE},
            )
        elif needed not in token.scopes:
            refusal = problem(
                403,
                "scope-missing",
                "The token may not do this",
                f"It needs the scope `{needed}`, which `api.tokens` in the settings does not give it.",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{needed}"'},
            )
        else:
            scope.setdefault("state", {})["actor"] = token.name
            await self._app(scope, receive, send)
            return
        await refusal(scope, receive, send)

    def _token(self, authorization: str) -> Token | None:
        """Each is compared, and by its digest: how long that takes tells nothing about any of them."""
        kind, _, given = authorization.partition(" ")
        digest = sha256(given.strip().encode("latin-1")).digest()
        found = [token for known, token in self._tokens if hmac.compare_digest(known, digest)]
        return found[0] if found and kind.lower() == "bearer" else None
