"""The section `gate`: where it listens, and whom it believes."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from gatekeeper.config.kinds import FILLED, Allowed, Count, IdentitySecret, Listen, Path, Secret, WebUrl, check, listen_address
from gatekeeper.config.section import Section
from gatekeeper.gate.paths import OpenPaths
from gatekeeper.gate.sources import CookieSource, HeaderSource, HostSource, PathSource, Source, TokenSource


class IdentitySource(Section):
    """One place where the gate reads the account's id: exactly one of the first five is given, a `cookie` beside `jwt` too."""

    header: str = ""
    host: str = ""
    path: str = ""
    cookie: str = ""
    jwt: str = ""
    jwks: str = ""
    issuer: str = ""
    audience: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [name for name in ("header", "host", "path", "jwt") if getattr(self, name)]
        if self.cookie and kinds != ["jwt"]:
            kinds.append("cookie")
        if len(kinds) != 1:
            raise ValueError("each entry names exactly one of header, host, path, cookie and jwt")
        if kinds != ["jwt"] and (self.jwks or self.issuer or self.audience):
            raise ValueError("jwks, issuer and audience belong to jwt")
        # Whether there are secrets is a matter of the whole section
        if fault := self.source(("some",)).fault():
            raise ValueError(fault)
        return self

    def source(self, secrets: tuple[str, ...]) -> Source:
        """As the gate knows it; `secrets` are those of `gate.identity_secrets`."""
        if self.jwt:
            shared = () if self.jwks else secrets
            return TokenSource(
                claim=self.jwt, cookie=self.cookie, secrets=shared, keys=self.jwks, issuer=self.issuer, audience=self.audience
            )
        if self.cookie:
            return CookieSource(self.cookie, secrets)
        if self.host:
            return HostSource(self.host)
        return PathSource(self.path) if self.path else HeaderSource(self.header)


def _open_path(text: str) -> None:
    OpenPaths([text])


class Gate(Section):
    """The part that the edge asks."""

    listen: Listen = Field("127.0.0.1:8403", description="Where the gate listens; beyond this machine only with `edge_secret`.")
    socket: Path = Field("", description="Unix socket to listen on as well.")
    haproxy_socket: Path = Field(
        "", description="HAProxy's runtime socket: there the gate keeps a list of whom to ask about (docs/edges/haproxy.md)."
    )
    list_folder: Path = Field(
        "", description="Folder where the gate keeps a list of whom to ask about, for nginx and Caddy (docs/edges/nginx.md)."
    )
    envoy_list: Path = Field(
        "", description="File where the gate keeps a list of whom to ask about, for Envoy (docs/edges/envoy.md)."
    )
    identity: Annotated[tuple[IdentitySource, ...], FILLED, Allowed("list of tables (docs/identity.md), at least one")] = Field(
        (IdentitySource(header="X-Account-Id"),),
        description="Where the account's id is read: `header`, `host`, `path`, `cookie` or `jwt`.",
    )
    identity_secrets: Annotated[
        tuple[IdentitySecret, ...], Allowed("list of secrets of 32 characters or more", secret=True)
    ] = Field((), description="What the product signs a `cookie` or a `jwt` of `identity` with; the newest first.")
    viewer: Annotated[str, FILLED, Allowed("name of a header")] = Field(
        "X-Viewer-Email", description="Header in which the edge names the person (docs/identity.md), for the lockout page."
    )
    edge_secret: Secret = Field(SecretStr(""), description="What the edge must send as `X-Gatekeeper-Edge` to be answered.")
    always_allow: Annotated[
        tuple[Annotated[str, FILLED, check(_open_path)], ...], Allowed("list of paths that start with `/`")
    ] = Field((), description="Paths that stay open to everybody, with all that is below them: sign-in, export, support.")
    unknown_account: Annotated[Literal["allow", "deny"], Allowed("`allow` or `deny`")] = Field(
        "allow", description="What becomes of a request of which the edge says that nobody is signed in."
    )

    feed_url: WebUrl = Field(
        "", description="Web part of a gatekeeper elsewhere whose feed the gate follows; empty: the snapshot in `state.folder`."
    )
    feed_token: Secret = Field(SecretStr(""), description="One of that gatekeeper's `api.tokens`, with the scope `read`.")
    stale_deny_hours: Count = Field(
        72, description="So long after the last sign of the worker's life the gate still refuses; then it lets everybody in."
    )

    @property
    def address(self) -> tuple[str, int]:
        return listen_address(self.listen)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What `identity` and `identity_secrets` say, as the gate knows it."""
        secrets = tuple(secret.get_secret_value() for secret in self.identity_secrets)
        return tuple(entry.source(secrets) for entry in self.identity)
