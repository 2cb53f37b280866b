"""A gate of one page: it keeps itself at the newest of the two files by the words of docs/feed.md, and by nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gatekeeper.snapshot import Snapshot, SnapshotInvalid, apply, decode, decode_delta

_NOTHING = Snapshot(-1, datetime.min.replace(tzinfo=UTC))


class Follower:
    """`held`: what it would answer by."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes = path.with_name(f"{path.name}.changes")
        self._whole_mark: tuple[int, int] | None = None
        self._changes_mark = 0
        self._offset = 0
        self.held = _NOTHING

    def look(self) -> None:
        """Read what is new; never raises for what the files hold."""
        try:
            if _mark(self._path) != self._whole_mark:
                self._whole_mark = _mark(self._path)
                self._offset = 0
                self._take_whole(self._path.read_bytes())
            self._take_changes()
        except FileNotFoundError:
            return

    def _take_whole(self, data: bytes) -> None:
        try:
            fresh = decode(data)
        except SnapshotInvalid:
            return
        if fresh.revision >= self.held.revision:
            self.held = fresh

    def _take_changes(self) -> None:
        inode, size = _mark(self._changes)
        if inode != self._changes_mark or size < self._offset:
            self._changes_mark, self._offset = inode, 0
        with self._changes.open("rb") as file:
            file.seek(self._offset)
            *lines, _ = file.read().split(b"\n")
        for line in lines:
            try:
                delta = decode_delta(line)
            except SnapshotInvalid:
                return  # whoever writes next begins anew
            if delta.ledger == self.held.ledger:
                if delta.since > self.held.revision:
                    self._whole_mark = None  # the snapshot was replaced between the two looks
                    return
                self.held = replace(apply(self.held, delta))
            self._offset += len(line) + 1


def _mark(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_size
