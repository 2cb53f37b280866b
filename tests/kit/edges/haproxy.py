"""HAProxy."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.kit.edges import CONFIGS, Count, Edge, Places
from tests.kit.edges.running import moved, program, replaced


@contextlib.contextmanager
def _front(folder: Path, places: Places) -> Iterator[Count]:
    folder.mkdir()
    question = shutil.copy(CONFIGS / "haproxy-spoe.conf", folder)
    config = moved((CONFIGS / "haproxy.cfg").read_text(), places)
    config = replaced(config, {":80": f"127.0.0.1:{places.front}", "/etc/haproxy/haproxy-spoe.conf": str(question)})
    (folder / "haproxy.cfg").write_text(config)
    with program(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder, port=places.front) as said:
        yield lambda: said.read_text().count('decision="fail-open"')


_NO_SPOP = (204, 302, 402, 404, 429)

EDGE = Edge(
    "haproxy",
    _front,
    differs={
        # It asks in a protocol of its own; who answers in another has not answered
        **{f"the gate answers {status}": 200 for status in _NO_SPOP},
        # It passes these on, and the gate refuses them
        **dict.fromkeys(("aliased by underscores", "aliased by dots", "aliased by one underscore"), 403),
        **dict.fromkeys(("aliased by tildes", "NUL", "folded"), 403),
    },
)
