"""Envoy."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.kit.edges import CONFIGS, Count, Edge, Places
from tests.kit.edges.running import program, replaced
from tests.kit.ports import free_port

ENVOY = Path(sys.executable).with_name("envoy")


@contextlib.contextmanager
def _front(folder: Path, places: Places) -> Iterator[Count]:
    folder.mkdir()
    admin = free_port()
    ports = {"80": places.front, "8000": places.product, "8402": places.web, "8403": places.gate, "9901": admin}
    config = (CONFIGS / "envoy.yaml").read_text()
    config = replaced(config, {f"port_value: {old}": f"port_value: {new}" for old, new in ports.items()})
    (folder / "envoy.yaml").write_text(config)
    command = [ENVOY, "--config-path", folder / "envoy.yaml", "--concurrency", "1", "--disable-hot-restart"]
    with program(command, folder, port=places.front):
        yield lambda: _failed_open(admin)


def _failed_open(admin: int) -> int:
    name = "http.visitors.ext_authz.failure_mode_allowed"
    stats = httpx.get(f"http://127.0.0.1:{admin}/stats", params={"filter": f"^{re.escape(name)}$"}, trust_env=False)
    return int(stats.text.removeprefix(f"{name}: "))


EDGE = Edge(
    "envoy",
    _front,
    differs={
        # It takes the header out before it asks, so that nobody is named
        **dict.fromkeys(("dropped by Connection", "dropped by Connection, kept alive"), 403),
        # It passes these on as one value, with a space within, and the gate refuses it
        **dict.fromkeys(("a carriage return", "folded"), 403),
        # It asks about, and tells the product of, the same other account, which has `!` in place of what is no ASCII
        "beyond ASCII": 200,
    },
    tells={"beyond ASCII": ["l!te"]},
)
