"""Traefik, with the plugin that we ship."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.kit.edges import CONFIGS, Count, Edge, Places
from tests.kit.edges.running import moved, program, replaced

TRAEFIK = Path(sys.executable).with_name("traefik")


@contextlib.contextmanager
def _front(folder: Path, places: Places) -> Iterator[Count]:
    shutil.copytree(CONFIGS / "traefik", folder)
    for name, config in {
        "traefik.yaml": replaced((folder / "traefik.yaml").read_text(), {":80": f"127.0.0.1:{places.front}"}),
        "routing.yaml": moved((folder / "routing.yaml").read_text(), places),
    }.items():
        (folder / name).write_text(config)
    with program([TRAEFIK, "--configFile=traefik.yaml"], folder, port=places.front) as said:
        yield lambda: said.read_text().lower().count('"downstream_x-gatekeeper-decision":"fail-open"')


EDGE = Edge("traefik", _front)
