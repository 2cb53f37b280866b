"""ledger -> two files for the gates: the snapshot, and beside it the changes since it was written (docs/feed.md).

What has changed is appended as one line. The snapshot is written anew, beside the old one and then renamed, when there is none
that fits the ledger, and when the changes have grown over a bound; then the changes begin again. The order of the two steps is
safe to die in: a line that the snapshot holds already is nothing new to a reader.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from gatekeeper.ledger.reader import MOST_CHANGES, Reader
from gatekeeper.model import Standing
from gatekeeper.snapshot import Change, Delta, Snapshot, SnapshotInvalid, apply, decode, decode_delta, encode, encode_delta

_MOST_LINES: Final = 2_000
_MOST_BYTES: Final = 1_000_000
_OLDEST: Final = timedelta(days=1)
_BEAT_SECONDS: Final = 5.0
# Readers of the feed may have heard more than was published before an old backup came back
_AHEAD: Final = 1_000
# The mark of a file that there is not
_NONE: Final = (0, 0)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Files:
    """What the two files hold: a revision, `lines` lines after the snapshot of `whole_at`. `marks`: how to know them again."""

    revision: int
    whole_at: datetime
    lines: int
    marks: tuple[tuple[int, int], ...]


class Publisher:
    """`raise_revision` lifts the ledger's revision over the given one (`Verdicts.raise_revision`)."""

    def __init__(
        self, path: Path, reader: Reader, raise_revision: Callable[[int], int], steady_seconds: Callable[[], float]
    ) -> None:
        self._path = path
        self._changes = path.with_name(f"{path.name}.changes")
        self._reader = reader
        self._raise_revision = raise_revision
        self._steady_seconds = steady_seconds
        self._files: _Files | None = None
        self._beat_at: float | None = None

    def run(self, now: datetime) -> bool:
        """Publish what has changed since the last time; whether a file was written.

        The time of the snapshot file says, to five seconds, when the ledger was last known to hold nothing newer: by it a gate
        knows how old its denials are (case 88).
        """
        files, wrote = self._files, False
        if files is None or files.revision != self._reader.revision() or files.marks != self._marks():
            with self._alone():
                wrote = self._publish(now)
        self._beat()
        return wrote

    def _publish(self, now: datetime) -> bool:
        files = self._files
        if files is not None and files.marks == self._marks():
            delta = self._reader.changes_since(files.revision, now)
            if delta is not None:
                return self._add(delta, files)
        return self._publish_anew(now)

    def _publish_anew(self, now: datetime) -> bool:
        """After a start, after another process, and when the ledger cannot say what has changed: compare what there is."""
        seen, files = self._read(now)
        fresh = self._reader.snapshot(now)
        changes = _between(seen, fresh)
        if not self._is_of_this_past(seen, fresh, changes):
            # A ledger that was restored from a backup counts from below what the gates have seen (rule 9, case 76)
            log.warning("revision.raised", published=seen.revision, found=fresh.revision)
            self._raise_revision(seen.revision + _AHEAD)
            return self._write(self._reader.snapshot(now))
        if files is None or seen.ledger != fresh.ledger or len(changes) > MOST_CHANGES:
            return self._write(fresh)
        self._files = files
        return self._add(Delta(fresh.ledger, seen.revision, fresh.revision, now, changes), files)

    def _is_of_this_past(self, seen: Snapshot, fresh: Snapshot, changes: tuple[Change, ...]) -> bool:
        """Whether this ledger has been what was published last; nothing of another ledger's is gone on from."""
        if seen.revision >= fresh.revision:
            return seen.revision == fresh.revision and not changes and seen.ledger in {"", fresh.ledger}
        if seen.ledger != fresh.ledger or len(changes) > MOST_CHANGES:
            return True
        known = self._reader.changes_since(seen.revision, fresh.published_at)
        return known is not None and {change[0] for change in changes} <= {change[0] for change in known.changes}

    def _add(self, delta: Delta, files: _Files) -> bool:
        """Append a line, or write everything anew, if that would be one too many."""
        if delta.revision == delta.since:
            return False
        line = encode_delta(delta)
        size = files.marks[-1][-1] + len(line)
        if files.lines >= _MOST_LINES or size > _MOST_BYTES or delta.at - files.whole_at >= _OLDEST:
            return self._write(self._reader.snapshot(delta.at))
        try:
            _append(self._changes, line)
        except OSError as fault:  # somebody else's file, or a disk that failed: a new file may still be written
            log.warning("changes.not_appended", path=str(self._changes), fault=str(fault))
            return self._write(self._reader.snapshot(delta.at))
        self._files = replace(files, revision=delta.revision, lines=files.lines + 1, marks=self._marks())
        log.info("changes.published", revision=delta.revision, accounts=len(delta.changes))
        return True

    def _write(self, fresh: Snapshot) -> bool:
        self._files = None
        replace_file(self._path, encode(fresh))
        replace_file(self._changes, b"")
        self._files = _Files(fresh.revision, fresh.published_at, 0, self._marks())
        log.info("snapshot.published", revision=fresh.revision, listed=len(fresh.standings))
        return True

    def _read(self, now: datetime) -> tuple[Snapshot, _Files | None]:
        """What the gates may have seen, as far as it can be read; and the files, if nothing is wrong with them."""
        marks = self._marks()
        deltas, sound = _lines(_bytes_of(self._changes))
        highest = max((delta.revision for delta in deltas), default=-1)
        try:
            whole = decode(_bytes_of(self._path))
        except SnapshotInvalid as fault:
            if _NONE not in marks:
                log.warning("snapshot.unreadable", path=str(self._path), fault=str(fault))
            return Snapshot(highest, now), None
        try:
            seen = apply(whole, *deltas)
        except SnapshotInvalid:
            return replace(whole, revision=max(highest, whole.revision)), None
        sound = sound and _NONE not in marks
        return seen, _Files(seen.revision, whole.published_at, len(deltas), marks) if sound else None

    def _beat(self) -> None:
        seconds = self._steady_seconds()
        if self._beat_at is not None and seconds - self._beat_at < _BEAT_SECONDS:
            return
        try:
            os.utime(self._path)
        except FileNotFoundError:
            return  # the next run writes it
        except PermissionError:  # a command that another user ran has written it
            with self._alone():
                replace_file(self._path, self._path.read_bytes())
        self._beat_at = seconds

    def _marks(self) -> tuple[tuple[int, int], ...]:
        """Which two files there are, and how long."""
        return _mark(self._path), _mark(self._changes)

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


def _between(seen: Snapshot, fresh: Snapshot) -> tuple[Change, ...]:
    """Each account that stands otherwise in `fresh` than in `seen`."""

    def stands(snapshot: Snapshot, account_id: str) -> Change:
        standing = snapshot.standings.get(account_id, Standing.CURRENT)
        return account_id, standing, snapshot.leaves_open.get(account_id, ())

    listed = sorted(seen.standings.keys() | fresh.standings.keys())
    return tuple(now for account_id in listed if (now := stands(fresh, account_id)) != stands(seen, account_id))


def _lines(data: bytes) -> tuple[list[Delta], bool]:
    """The deltas of a changes file up to the first fault in it, and whether there is none."""
    *lines, rest = data.split(b"\n")
    deltas: list[Delta] = []
    for line in lines:
        try:
            deltas.append(decode_delta(line))
        except SnapshotInvalid:
            return deltas, False
    return deltas, not rest


def _bytes_of(path: Path) -> bytes:
    """Its bytes; none of a file that there is not, or that cannot be read, which then says nothing."""
    try:
        return path.read_bytes()
    except OSError as fault:
        if not isinstance(fault, FileNotFoundError):
            log.warning("snapshot.unreadable", path=str(path), fault=str(fault))
        return b""


def _mark(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return _NONE
    return status.st_ino, status.st_size


def _append(path: Path, line: bytes) -> None:
    """One line, on the disk. What is torn is found by whoever reads it, and begun anew by whoever writes next."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        if os.write(file, line) < len(line):
            raise OSError(f"only a part of a line could be written to {path}: is the disk full?")
        os.fdatasync(file)
    finally:
        os.close(file)


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
