"""What the gate is told when it starts, and what it refuses to start with."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gatekeeper.gate.paths import OpenPaths

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


class GateRefused(ValueError):
    """The gate does not start with these settings; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """Everything that the gate knows besides the snapshot.

    `socket` is the path of a unix socket to listen on as well (empty: none). An account id is taken from `identity_headers`,
    which the edge overwrites; if several arrive they must agree. `viewer_header` is the one in which the edge names the person,
    for the lockout page alone. `always_allow` are paths that stay open to everybody, each with all that is below it.
    `anonymous` says what becomes of a request of which the edge says that nobody is signed in.
    `page_url` is the lockout page of the web part, and `fallback_page_path` an HTML file that stands in for it.
    """

    host: str
    port: int
    socket: str = ""
    identity_headers: tuple[str, ...]
    edge_secret: str = field(default="", repr=False)
    always_allow: tuple[str, ...] = ()
    viewer_header: str = "X-Viewer-Email"
    anonymous: Literal["allow", "deny"] = "allow"
    snapshot_path: Path
    fallback_page_path: Path
    page_url: str
    support_email: str = ""

    def check(self) -> None:
        """Refuse what would leave the gate open to strangers, or blind.

        Raises:
            GateRefused: with what to change.
        """
        if not self.edge_secret and not _loopback(self.host):
            raise GateRefused(
                f"gate.listen is {self.host}, which other machines can reach: anybody could ask who is overdue (case 102). "
                "Set gate.edge_secret, and have the edge send it as X-Gatekeeper-Edge, or listen on 127.0.0.1"
            )
        secret = self.edge_secret
        if not (secret.isascii() and secret.isprintable()) or secret != secret.strip():
            raise GateRefused("gate.edge_secret travels in a header: use printable ASCII without spaces around it")
        if not self.identity_headers:
            raise GateRefused("gate.identity names no header, so no account could ever be told from another: name one")
        for name in (*self.identity_headers, self.viewer_header):
            if not _HEADER_NAME.fullmatch(name):
                raise GateRefused(f"gate.identity: {name!r} is no header name: use letters, digits and hyphens")
        try:
            OpenPaths(self.always_allow)
        except ValueError as fault:
            raise GateRefused(f"gate.always_allow: {fault}") from fault


def _loopback(host: str) -> bool:
    """Names are not trusted to mean this machine, except the one that RFC 6761 section 6.3 reserves."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
