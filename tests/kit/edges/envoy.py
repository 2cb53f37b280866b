"""Envoy."""

import contextlib
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from tests.kit.edges import CONFIGS, Count, Edge, Places, until
from tests.kit.edges.running import program, replaced
from tests.kit.ports import free_port

ENVOY = Path(sys.executable).with_name("envoy")


@contextlib.contextmanager
def _front(folder: Path, places: Places, change: Callable[[str], str] = str) -> Iterator[Count]:
    folder.mkdir()
    admin = free_port()
    ports = {"80": places.front, "8000": places.product, "8402": places.web, "8403": places.gate, "9901": admin}
    config = change((CONFIGS / "envoy.yaml").read_text())
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


def list_file(folder: Path) -> Path:
    """Where the gate keeps the list of whom to ask about, for a scene in this folder."""
    return folder / "envoy-list.json"


def _with_list(config: str, listed: Path) -> str:
    """The configuration with all that it has about the list switched on."""
    config = config.replace("# With gate.envoy_list: node:", "node:")
    begin, end = (
        config.index(words)
        for words in ("          # - name: gatekeeper_list\n", "                name: envoy.filters.http.ext_authz\n")
    )
    on = re.sub(r"(?m)^( +)# ", r"\1", config[begin:end])
    return config[:begin] + replaced(on, {"/var/lib/gatekeeper/envoy-list.json": str(listed)}) + config[end:]


@contextlib.contextmanager
def _front_with_list(folder: Path, places: Places) -> Iterator[Count]:
    """It begins once the gate has written the list."""
    listed = list_file(folder.parent)
    until(listed.exists)
    with _front(folder, places, lambda config: _with_list(config, listed)) as count:
        yield count


LISTING = dataclasses.replace(
    EDGE, name="envoy-list", front=_front_with_list, gate=lambda folder: {"envoy_list": str(list_file(folder))}
)


def begun_with(found: str) -> Edge:
    """An Envoy that finds this in the file when it starts; no gate writes it."""

    @contextlib.contextmanager
    def front(folder: Path, places: Places) -> Iterator[Count]:
        listed = list_file(folder.parent)
        listed.write_text(found)
        with _front(folder, places, lambda config: _with_list(config, listed)) as count:
            yield count

    return dataclasses.replace(EDGE, front=front)
