"""Keeps a book at the newest word of the publisher on this machine: the snapshot file, and the changes file beside it.

Whatever is wrong with either, the gate goes on with what it has (cases 88-91), and it is said once. Changes that the book knows
are skipped; where some are missing, the whole file is read. The publisher touches the snapshot file while it lives.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from gatekeeper.gate.book import Book
from gatekeeper.snapshot import decode, decode_delta, head

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 0.05
_LONGEST_HEAD = 200
_MARK = 100

# When it was last written, which file it is, how long it is
_State = tuple[int, int, int]


class Follower:
    """Reads both files into the book whenever they have changed. `now` is the machine's own clock, as the files' times are."""

    def __init__(self, path: Path, book: Book, now: Callable[[], datetime]) -> None:
        self._path = path
        self._changes = path.with_name(f"{path.name}.changes")
        self._book = book
        self._now = now
        self._whole_seen: _State | None = None
        self._changes_seen: _State | None = None
        # The first line of the file that is in force. It seals the rest, so a file with the same one says the same
        self._head = b""
        self._offset = 0
        # Where the last line of changes begins that was read, and how: its checksum and its revisions
        self._last_line = 0, b""
        self._said: dict[Path, str] = {}

    async def follow(self, changed: Callable[[], None], every_seconds: float = _EVERY_SECONDS) -> None:
        """Follow for ever, and call `changed` whenever an answer may have. What is new is read in a thread of its own."""
        edition = self._book.edition
        while True:
            await (asyncio.to_thread(self.look) if self._stirred() else asyncio.sleep(every_seconds))
            self._book.tend()
            if edition != self._book.edition:
                edition = self._book.edition
                changed()

    def run(self, stop: threading.Event, tell: Callable[[], None]) -> None:
        """Follow until told to stop, in this thread, and call `tell` after each look."""
        while not stop.wait(_EVERY_SECONDS):
            if self._stirred():
                self.look()
            tell()

    def hang_up(self) -> None:
        """Nothing here waits for long."""

    def look(self) -> None:
        """Read what is new; never raises."""
        self._look_at_changes(again=self._look_at_whole())

    def _stirred(self) -> bool:
        return _state(self._path) != self._whole_seen or _state(self._changes) != self._changes_seen

    def _look_at_whole(self) -> bool:
        """Whether another snapshot was taken from the file."""
        taken = False
        try:
            with self._path.open("rb") as file:
                seen = _state_of(os.fstat(file.fileno()))
                if seen == self._whole_seen:
                    return False
                self._whole_seen = seen
                first = file.readline(_LONGEST_HEAD)
                if first != self._head:
                    # Who has this revision by its changes need not read it again
                    if not self._book.ready or head(first) != self._book.revision:
                        self._book.take(decode(first + file.read()))
                        taken = True
                    self._head = first
            self._book.alive(self._now().timestamp() - seen[0] / 1e9)
        except OSError as fault:
            self._whole_seen = None
            self._say(self._path, "the snapshot file cannot be read: the gate keeps what it has, and tries again", fault)
        except Exception as fault:  # noqa: BLE001 - one bad file must not end the reading of good ones (case 89)
            self._say(self._path, "snapshot refused: the gate keeps what it has", fault)
        else:
            self._said.pop(self._path, None)
        return taken

    def _look_at_changes(self, *, again: bool) -> None:
        """Read on, or from the beginning."""
        try:
            with self._changes.open("rb") as file:
                seen = _state_of(os.fstat(file.fileno()))
                if seen == self._changes_seen and not again:
                    return
                data = self._read_on(file, again=again)
        except FileNotFoundError:
            # There is none before the first change
            self._changes_seen = None
            return
        except OSError as fault:
            self._changes_seen = None
            self._say(self._changes, "the changes cannot be read: the gate keeps what it has, and tries again", fault)
            return
        self._changes_seen = seen
        missing = self._read_lines(data)
        if missing:
            self._say(self._changes, "changes are missing: the gate keeps what it has until a snapshot is published", missing)
        else:
            self._said.pop(self._changes, None)

    def _read_on(self, file: BinaryIO, *, again: bool) -> bytes:
        """What follows on the last line that was read; everything, if that line is not in its place: this is another file.

        The line itself tells, for a file that was replaced twice may have the number of the first, and be as long.
        """
        start, mark = self._last_line
        if not again:
            file.seek(start)
            if file.read(len(mark)) == mark:
                file.seek(self._offset)
                return file.read()
            file.seek(0)
        self._offset, self._last_line = 0, (0, b"")
        return file.read()

    def _read_lines(self, data: bytes) -> Exception | None:
        """Apply every whole line; a torn last one is waited for. What is wrong at the end, or None."""
        missing: Exception | None = None
        *lines, _ = data.split(b"\n")
        for line in lines:
            self._last_line = self._offset, line[:_MARK]
            self._offset += len(line) + 1
            try:
                self._book.apply(decode_delta(line))
                missing = None
            except Exception as fault:  # noqa: BLE001 - as above: the next line may be good again
                missing = fault
        return missing

    def _say(self, path: Path, what: str, fault: Exception) -> None:
        """Say it once, and again only after something has changed."""
        if self._said.get(path) != repr(fault):
            self._said[path] = repr(fault)
            log.warning(what, path=str(path), fault=repr(fault))


def _state(path: Path) -> _State | None:
    try:
        return _state_of(path.stat())
    except OSError:
        return None


def _state_of(status: os.stat_result) -> _State:
    return status.st_mtime_ns, status.st_ino, status.st_size
