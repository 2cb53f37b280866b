"""ledger -> snapshot file for the gates, whenever a standing has changed. Written whole beside the old one, then renamed."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

from gatekeeper.ledger.reader import Reader
from gatekeeper.snapshot import Snapshot, SnapshotInvalid, decode, encode

log = structlog.get_logger(__name__)


class Publisher:
    """`raise_revision` lifts the ledger's revision over the given one (`Verdicts.raise_revision`)."""

    def __init__(self, path: Path, reader: Reader, raise_revision: Callable[[int], int]) -> None:
        self._path = path
        self._reader = reader
        self._raise_revision = raise_revision
        self._published: int | None = None

    def run(self, now: datetime) -> bool:
        """Publish what has changed since the last time; whether there was anything."""
        if self._published == self._reader.revision():
            return False
        if self._published is None:
            self._overtake_older_publications()
        revision, standings = self._reader.standings()
        replace_file(self._path, encode(Snapshot(revision, now, standings)))
        self._published = revision
        log.info("snapshot.published", revision=revision, listed=len(standings))
        return True

    def _overtake_older_publications(self) -> None:
        """A ledger that was restored from a backup may count from below what the gates have already seen (design, rule 9)."""
        with suppress(FileNotFoundError, SnapshotInvalid):
            seen = decode(self._path.read_bytes()).revision
            if seen > self._reader.revision():
                self._raise_revision(seen)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old one or the new one, whole, also after a power cut (case 70)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
