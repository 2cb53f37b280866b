"""Where the gate reads who asks, as the settings name it (`gate.identity`). What each of them holds, and what it may not."""

import re
from dataclasses import dataclass, field

from gatekeeper.model import is_path

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABELS = re.compile(r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
PLACE = "{account}"


@dataclass(frozen=True, slots=True)
class HeaderSource:
    """A request header that the edge overwrites with the account's id, or with `-` where nobody is signed in."""

    name: str

    def fault(self) -> str:
        if _HEADER_NAME.fullmatch(self.name):
            return ""
        return f"{self.name!r} is no header name: use letters, digits and hyphens"


@dataclass(frozen=True, slots=True)
class HostSource:
    """The visitor's host, such as `{account}.app.example`: one label that is the account's id, in lower case."""

    pattern: str

    @property
    def behind(self) -> str:
        return self.pattern.removeprefix(PLACE)

    def fault(self) -> str:
        if self.pattern.startswith(PLACE) and _LABELS.fullmatch(self.behind):
            return ""
        return f"{self.pattern!r} is no host with an account in it: write {PLACE}.app.example, in lower case and without a port"


@dataclass(frozen=True, slots=True)
class PathSource:
    """The visitor's path, such as `/t/{account}`: the segment behind a prefix is the account's id."""

    pattern: str

    @property
    def prefix(self) -> str:
        return self.pattern.removesuffix(PLACE)

    def fault(self) -> str:
        if self.pattern.endswith(f"/{PLACE}") and (self.prefix == "/" or is_path(self.prefix)):
            return ""
        return f"{self.pattern!r} is no path with an account at its end: write /t/{PLACE}"


@dataclass(frozen=True, slots=True)
class CookieSource:
    """A cookie that the product signs with one of these secrets (docs/identity.md); the first is the newest."""

    name: str
    secrets: tuple[str, ...] = field(repr=False)

    def fault(self) -> str:
        if not _COOKIE_NAME.fullmatch(self.name):
            return f"{self.name!r} is no cookie name: use letters, digits, dots, hyphens and underscores"
        return (
            ""
            if self.secrets and all(self.secrets)
            else f"the cookie {self.name!r} needs gate.identity_secrets, which it is signed with"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """A JSON Web Token (RFC 7519), one claim of which is the account's id.

    It comes in the cookie, or if that is empty as `Authorization: Bearer`. It is verified with `secrets` (HS256), or with the
    public keys at `keys`: an https address or a file with a JWK set (RFC 7517).
    """

    claim: str
    cookie: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    keys: str = ""
    issuer: str = ""
    audience: str = ""

    def fault(self) -> str:
        if not self.claim:
            return "a token needs the name of the claim that holds the account's id"
        if self.cookie and not _COOKIE_NAME.fullmatch(self.cookie):
            return f"{self.cookie!r} is no cookie name: use letters, digits, dots, hyphens and underscores"
        if bool(self.secrets) == bool(self.keys) or not all(self.secrets):
            return f"the token with {self.claim!r} needs either gate.identity_secrets or jwks (an https address or a file)"
        if self.keys.startswith("http:"):
            return "public keys are fetched over https only: whoever can change them can be anybody"
        return ""


Source = HeaderSource | HostSource | PathSource | CookieSource | TokenSource
