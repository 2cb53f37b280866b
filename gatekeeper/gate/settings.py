"""What the gate is told when it starts, and what it refuses to start with."""

import ipaddress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from gatekeeper.gate.book import STALE_DENY_MAX
from gatekeeper.gate.paths import OpenPaths
from gatekeeper.gate.sources import HeaderSource, Source


class GateRefused(ValueError):
    """The gate does not start with these settings; the message says what to change, and `key` which setting is at fault."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """Everything that the gate knows besides the snapshot.

    `socket` is the path of a unix socket to listen on as well (empty: none). The list of whom to ask about is kept at
    `haproxy_socket`, HAProxy's runtime socket, in `list_folder`, for nginx and Caddy, and in the file `envoy_list` (empty: they
    ask about everybody). An account id is read from the sources of `identity`; if several name one they must agree.
    `viewer_header` is the one in which the edge names the person, for the lockout page alone. `always_allow` are paths that
    stay open to everybody, each with all that is below it. `anonymous` says what becomes of a request of which the edge says
    that nobody is signed in. `page_url` is the lockout page of the web part; `fallback_page_path` is an HTML file that stands
    in for it, and `closed_page_path` the one for strangers. Without `feed_url` the gate follows the file at `snapshot_path`;
    with it, the feed of a web part elsewhere, and keeps there what was last known. Denials are believed for `stale_deny_max`
    after the last sign of life.
    """

    host: str
    port: int
    socket: str = ""
    haproxy_socket: str = ""
    list_folder: str = ""
    envoy_list: str = ""
    identity: tuple[Source, ...]
    edge_secret: str = field(default="", repr=False)
    always_allow: tuple[str, ...] = ()
    viewer_header: str = "X-Viewer-Email"
    anonymous: Literal["allow", "deny"] = "allow"
    snapshot_path: Path
    fallback_page_path: Path
    closed_page_path: Path
    page_url: str
    support_email: str = ""
    feed_url: str = ""
    feed_token: str = field(default="", repr=False)
    stale_deny_max: timedelta = STALE_DENY_MAX

    @property
    def identity_headers(self) -> tuple[str, ...]:
        return tuple(source.name for source in self.identity if isinstance(source, HeaderSource))

    @property
    def only_header(self) -> str:
        """The header that alone names the account; empty: there are other sources, or several."""
        return self.identity_headers[0] if len(self.identity) == len(self.identity_headers) == 1 else ""

    def check(self) -> None:
        """Refuse what would leave the gate open to strangers, or blind.

        Raises:
            GateRefused: with what to change.
        """
        if not self.edge_secret and not _loopback(self.host):
            raise GateRefused(
                "gate.edge_secret",
                f"gate.listen is {self.host}, which other machines can reach: anybody could ask who is overdue (case 102). "
                "Set gate.edge_secret, and have the edge send it as X-Gatekeeper-Edge, or listen on 127.0.0.1",
            )
        secret = self.edge_secret
        if not (secret.isascii() and secret.isprintable()) or secret != secret.strip():
            raise GateRefused(
                "gate.edge_secret", "gate.edge_secret travels in a header: use printable ASCII without spaces around it"
            )
        if not self.identity:
            raise GateRefused(
                "gate.identity", "gate.identity names no source, so no account could be told from another: name one"
            )
        for wrong in filter(None, (source.fault() for source in self.identity)):
            raise GateRefused("gate.identity", f"gate.identity: {wrong}")
        lists = {
            "gate.haproxy_socket": self.haproxy_socket,
            "gate.list_folder": self.list_folder,
            "gate.envoy_list": self.envoy_list,
        }
        for key in filter(lists.get, lists):
            if self.only_header.lower() != "x-account-id":
                raise GateRefused(
                    key,
                    f"{key}: the edge itself tells who need not be asked about, by X-Account-Id alone; gate.identity names "
                    f"another source, so leave {key} empty",
                )
        if wrong := HeaderSource(self.viewer_header).fault():
            raise GateRefused("gate.viewer", f"gate.viewer: {wrong}")
        if self.feed_url and not (self.feed_token and self.feed_token.isascii() and self.feed_token.isprintable()):
            raise GateRefused(
                "gate.feed_token", "gate.feed_token is missing, or no printable ASCII: the feed is not for everybody"
            )
        try:
            OpenPaths(self.always_allow)
        except ValueError as fault:
            raise GateRefused("gate.always_allow", f"gate.always_allow: {fault}") from fault


def _loopback(host: str) -> bool:
    """Names are not trusted to mean this machine, except the one that RFC 6761 section 6.3 reserves."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
