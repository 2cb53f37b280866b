"""Caddy."""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.kit.edges import CONFIGS, Count, Edge, Places, listing, with_list
from tests.kit.edges.running import moved, program, replaced

CADDY = Path(sys.executable).with_name("caddy")


@contextlib.contextmanager
def _front(
    folder: Path, places: Places, changes: Mapping[str, str] = MappingProxyType({}), *, with_its_list: bool = False
) -> Iterator[Count]:
    folder.mkdir()
    config = moved((CONFIGS / "Caddyfile").read_text(), places)
    if with_its_list:
        config = with_list(config, folder.parent)
    # The admin interface has one fixed port, so that a second Caddy of this machine would not start
    config = replaced(config, {":80 {": f":{places.front} {{", "servers": "admin off\n\tservers"})
    (folder / "Caddyfile").write_text(replaced(config, changes))
    command = [CADDY, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]
    with program(command, folder, port=places.front) as said:
        yield lambda: said.read_text().count('"X-Gatekeeper-Decision":["fail-open"]')


EDGE = Edge(
    "caddy",
    _front,
    differs={
        # Caddy drops names with underscores and dots in them, and leaves the rest to the gate, which refuses them
        "aliased by tildes": 403,
        # Go reads it as one value with a space in it, which the gate refuses
        "folded": 403,
    },
)

LISTING = listing(EDGE, functools.partial(_front, with_its_list=True))


def changed(changes: Mapping[str, str]) -> Edge:
    """Caddy with each of these pieces of its configuration replaced."""
    return dataclasses.replace(EDGE, front=functools.partial(_front, changes=changes))
