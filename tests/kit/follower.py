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
        self._head = b""
        self._changes_mark = 0
        self._offset = 0
        self.held = _NOTHING

    def look(self) -> None:
        """Read what is new; never raises for what the files hold."""
        try:
            # A file that takes another's place may have its number, its length and its time: the first line seals the rest
            data = self._path.read_bytes()
            head = data.partition(b"\n")[0]
            if head != self._head:
                self._head, self._offset = head, 0
                self._take_whole(data)
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
                    self._head = b""  # the snapshot was replaced between the two looks
                    return
                self.held = replace(apply(self.held, delta))
            self._offset += len(line) + 1


def _mark(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_size
