"""What the proxies' files have in common: addresses put in the place of others, and a process that runs while a block does."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.kit.edges import Places
from tests.kit.ports import wait_until_listening
from tests.kit.processes import children, kill

# Where each shipped configuration expects its neighbours
PRODUCT, WEB, GATE = "127.0.0.1:8000", "127.0.0.1:8402", "127.0.0.1:8403"


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with each key, wherever it stands alone, replaced by its value.

    Raises:
        KeyError: a key is not there.
    """
    for old, new in changes.items():
        text, count = re.subn(rf"(?<![\w.]){re.escape(old)}(?![\w.])", new, text)
        if not count:
            raise KeyError(f"the configuration does not name {old}")
    return text


def moved(text: str, places: Places) -> str:
    """The configuration with the addresses of its neighbours changed to these places. Raises what `replaced` raises."""
    here = {PRODUCT: places.product, WEB: places.web, GATE: places.gate}
    return replaced(text, {address: f"127.0.0.1:{port}" for address, port in here.items()})


@contextlib.contextmanager
def program(command: Sequence[str | Path], folder: Path, *, port: int) -> Iterator[Path]:
    """The file with all that this program says, while it runs in `folder` and listens on `port`; it is ended with the block.

    Raises:
        AssertionError: it does not listen; with what it said.
    """
    said = folder / "said"
    environment = os.environ | {"HOME": str(folder)}
    with (
        said.open("wb") as file,
        subprocess.Popen(list(map(str, command)), cwd=folder, stdout=file, stderr=file, env=environment) as process,
    ):
        try:
            try:
                wait_until_listening(port)
            except TimeoutError:
                raise AssertionError(said.read_text()) from None
            yield said
        finally:
            workers = children(process.pid)  # the bench's nginx has one, which would outlive it
            process.kill()
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    kill(worker)
