"""ledger -> snapshot file for the gates, whenever a standing has changed. Written whole beside the old one, then renamed."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
        """Publish what has changed since the last time; whether a file was written."""
        if self._published == self._reader.revision() and self._path.exists():
            return False
        with self._alone():
            seen = self._last()
            fresh = self._snapshot(now)
            if seen is not None and seen.revision >= fresh.revision:
                if replace(seen, published_at=now) == fresh:
                    self._published = fresh.revision
                    return False
                # A ledger that was restored from a backup counts from below what the gates have seen (rule 9, case 76)
                self._raise_revision(seen.revision)
                fresh = self._snapshot(now)
            replace_file(self._path, encode(fresh))
            self._published = fresh.revision
        log.info("snapshot.published", revision=fresh.revision, listed=len(fresh.standings))
        return True

    def _snapshot(self, now: datetime) -> Snapshot:
        revision, standings, leaves_open = self._reader.standings()
        return Snapshot(revision, now, standings, leaves_open)

    def _last(self) -> Snapshot | None:
        """What was published last; None: nothing, or nothing that can be read, which then says nothing."""
        try:
            return decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, SnapshotInvalid) as fault:
            log.warning("snapshot.unreadable", path=str(self._path), fault=str(fault))
            return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Worker and commands may publish at one moment: who reads the ledger first must not be the last to write."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old one or the new one, whole, also after a power cut (case 70)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)  # a full disk must not stay full of us
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
