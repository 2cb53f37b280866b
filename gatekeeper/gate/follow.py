"""Keeps the gate at the newest snapshot. Whatever is wrong with the file, the gate goes on with what it has (cases 88-91)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from gatekeeper.snapshot import Snapshot, decode

log = structlog.get_logger(__name__)


class Follower:
    """Reads the snapshot file whenever it has changed, and hands on each snapshot that is not older than the last one."""

    def __init__(self, path: Path, take: Callable[[Snapshot], None]) -> None:
        self._path = path
        self._take = take
        self._seen: tuple[int, int, int] | None = None
        self._revision = -1
        self._complaint = ""

    async def follow(self, every_seconds: float = 0.05) -> None:
        """Look at the file for ever. A look at an unchanged file is one stat."""
        while True:
            self.look()
            await asyncio.sleep(every_seconds)

    def look(self) -> None:
        """One look; never raises."""
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen == self._seen:
                return
            data = self._path.read_bytes()
        except OSError as fault:
            self._seen = None
            self._complain("snapshot file cannot be read: the gate keeps what it has, and tries again", fault)
            return
        self._seen = seen
        self._complaint = ""
        try:
            self._hand_on(decode(data))
        except Exception as fault:  # noqa: BLE001 - one bad file must not end the reading of good ones (case 89)
            self._complain("snapshot refused: the gate keeps the one that it has", fault)

    def _hand_on(self, snapshot: Snapshot) -> None:
        if snapshot.revision < self._revision:
            raise ValueError(f"revision {snapshot.revision} is older than revision {self._revision}, which is in force")
        self._take(snapshot)
        self._revision = snapshot.revision

    def _complain(self, what: str, fault: Exception) -> None:
        """Say it once, and again only after something has changed."""
        if self._complaint != repr(fault):
            self._complaint = repr(fault)
            log.warning(what, path=str(self._path), fault=self._complaint)
