"""Traefik, with the plugin that we ship."""

import contextlib
import dataclasses
import functools
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx

from tests.kit.edges import CONFIGS, Count, Edge, Places, until
from tests.kit.edges.running import moved, program, replaced

TRAEFIK = Path(sys.executable).with_name("traefik")


@contextlib.contextmanager
def _front(folder: Path, places: Places, changes: Mapping[str, str] = MappingProxyType({})) -> Iterator[Count]:
    shutil.copytree(CONFIGS / "traefik", folder)
    for name, config in {
        "traefik.yaml": replaced((folder / "traefik.yaml").read_text(), {":80": f"127.0.0.1:{places.front}"}),
        "routing.yaml": replaced(moved((folder / "routing.yaml").read_text(), places), changes),
    }.items():
        (folder / name).write_text(config)
    with program([TRAEFIK, "--configFile=traefik.yaml"], folder, port=places.front) as said:
        # It listens before it has read who gets what
        page = f"http://127.0.0.1:{places.front}/overdue"
        until(lambda: httpx.get(page, trust_env=False, verify=False).status_code != httpx.codes.NOT_FOUND)
        yield lambda: said.read_text().count("let in without a decision")


EDGE = Edge(
    "traefik",
    _front,
    differs={
        # Traefik drops such headers before anything else sees the request, which then names nobody
        "dropped by Connection": 403,
        "dropped by Connection, kept alive": 403,
        # Go reads it as one value with a space in it, which the gate refuses
        "folded": 403,
    },
)


def changed(changes: Mapping[str, str]) -> Edge:
    """Traefik with each of these pieces of its routing.yaml replaced."""
    return dataclasses.replace(EDGE, front=functools.partial(_front, changes=changes))
