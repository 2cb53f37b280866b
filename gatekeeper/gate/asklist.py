"""HAProxy's list of whom it asks the gate about: whoever is named plainly and is not on it comes in without a question.

The list is a map of HAProxy's, kept over its runtime socket (HAProxy's doc/management.txt, section 9.3; docs/edges/haproxy.md).
It never denies: an account on it is asked about. So one that comes on it is written at once, and one that goes off it when
there is time, for till then it only costs questions. `-`, which is no account id, stands for the whole list, with the revision
of it: where it is missing, as after HAProxy's own start, HAProxy asks about everybody until the whole was written again.
"""

import re
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import structlog

from gatekeeper.gate.book import Book

log = structlog.get_logger(__name__)

# HAProxy's buffers hold 16 kB where nobody has changed that, and a command has to fit in one
_LONGEST_COMMAND = 12_000
_EVERY_SECONDS = 1.0
# So many going off one by one take HAProxy longer than a new list
_MANY = 1_000
_PATIENCE_SECONDS = 2.0
_LONGEST_ANSWER = 1 << 16
_NAME = b"gatekeeper.map"
_OUR_MAP = re.compile(rb"^\S+ \((\S*%s)\) " % re.escape(_NAME), re.MULTILINE)
_VERSION = re.compile(rb"New version created: (\d+)")
# Ids that HAProxy reads as they are in a command; any other stays until the list is written whole
_PLAIN = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.:@/+=~-]*")


class ListRefused(OSError):
    """HAProxy did not do what it was told; the message says what to change."""


class AskList:
    """Keeps the list in step with a book. `written` is the revision of what HAProxy has, 0 while it has nothing."""

    def __init__(self, path: Path, book: Book, steady: Callable[[], float]) -> None:
        self.written = 0
        self._steady = steady
        self._tidied_at = float("-inf")
        self._path = str(path)
        self._book = book
        self._map = b""
        self._on_it: set[bytes] = set()
        self._going: set[bytes] = set()
        self._lock = threading.Lock()
        self._changed: set[bytes] | None = None
        self._stirred = threading.Event()
        self._said = ""
        book.watch(self._heard)

    def run(self, stop: threading.Event) -> None:
        """Keep it until told to stop, in this thread; `wake` makes it look."""
        while not stop.is_set():
            self.look()
            self._stirred.wait(_EVERY_SECONDS)
            self._stirred.clear()

    def wake(self) -> None:
        self._stirred.set()

    def look(self) -> None:
        """Bring HAProxy to what the book says; never raises. What could not be written is written with the next look."""
        try:
            self._bring()
        except OSError as fault:
            self._begin_anew()
            if self._said != str(fault):
                self._said = str(fault)
                log.warning("HAProxy's list is not kept: it asks about everybody, or about whom it knew", fault=str(fault))
        except Exception:
            self._begin_anew()
            log.exception("fault in keeping HAProxy's list: it is written whole")
        else:
            self._said = ""

    def _heard(self, accounts: Collection[bytes] | None) -> None:
        """In the thread that writes the book. None: anything may have changed."""
        with self._lock:
            self._changed = None if accounts is None or self._changed is None else self._changed.union(accounts)
        self._stirred.set()

    def _begin_anew(self) -> None:
        with self._lock:
            self._changed = None

    def _bring(self) -> None:
        if not self._book.ready:
            return
        with self._lock:
            changed, self._changed = self._changed, set()
        # Before the list, which may be newer then, and never older
        revision = self._book.revision
        if changed is None or not self._has_ours():
            self._write_whole(revision)
            return
        listed = self._book.listed
        self._add([account for account in changed if account in listed and account not in self._on_it])
        self._going.update(account for account in changed if account not in listed and account in self._on_it)
        if self._steady() - self._tidied_at >= _EVERY_SECONDS:
            self._tidy(revision)

    def _tidy(self, revision: int) -> None:
        """What HAProxy 2.6 goes through the whole list for each time: now and then, one at a time, and nobody waits for it."""
        if len(self._going) > _MANY:
            self._write_whole(revision)
        if revision != self.written:
            self._do(b"set map %s - %d" % (self._map, revision))
            self.written = revision
        listed = self._book.listed
        for account in self._going:
            if account not in listed and _PLAIN.fullmatch(account):
                self._say(b"del map %s %s" % (self._map, account))
                self._on_it.discard(account)
        self._going.clear()
        self._tidied_at = self._steady()

    def _has_ours(self) -> bool:
        """Whether HAProxy still has the list that was written; it has none after its own start."""
        return b'value="%d"' % self.written in self._say(b"get map %s -" % self._map)

    def _write_whole(self, revision: int) -> None:
        """Beside the one that counts, which it replaces at once."""
        self.written, self._map = 0, self._find_map()
        found = _VERSION.search(self._say(b"prepare map %s" % self._map))
        if found is None:
            raise ListRefused(f"{self._path} begins no new version of a map: gate.haproxy_socket needs HAProxy 2.4 or later")
        self._on_it, self._going = set(self._book.listed), set()
        self._add_to(b"@%s %s" % (found[1], self._map), (b"- %d\n" % revision, *map(_line, self._on_it)))
        self._do(b"commit map @%s %s" % (found[1], self._map))
        self.written = revision
        log.info("HAProxy's list is written", accounts=len(self._on_it), revision=revision)

    def _find_map(self) -> bytes:
        """The map by the name that HAProxy's configuration gives it."""
        found = _OUR_MAP.search(self._say(b"show map"))
        if found is None:
            raise ListRefused(
                f"{self._path} shows no {_NAME.decode()}: let it be a `stats socket` of HAProxy's, and take "
                "the lines of config/edges/haproxy.cfg that name that file"
            )
        return found[1]

    def _add(self, accounts: Collection[bytes]) -> None:
        self._add_to(self._map, map(_line, accounts))
        self._on_it.update(accounts)

    def _add_to(self, where: bytes, lines: Iterable[bytes]) -> None:
        for part in _parts(lines):
            self._do(b"add map %s <<\n%s" % (where, part))

    def _do(self, command: bytes) -> None:
        answer = self._say(command).strip()
        if answer:
            raise ListRefused(f"{self._path} refused `{command[:10].decode()}…`: {answer[:100].decode(errors='replace')}")

    def _say(self, command: bytes) -> bytes:
        """One command, over a connection of its own: a new HAProxy is met at once."""
        answer = b""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(_PATIENCE_SECONDS)
            try:
                wire.connect(self._path)
                wire.sendall(command + b"\n")
                while (part := wire.recv(_LONGEST_ANSWER)) and len(answer) < _LONGEST_ANSWER:
                    answer += part
            except OSError as fault:
                raise ListRefused(f"HAProxy does not answer at gate.haproxy_socket, {self._path}: {fault}") from fault
        return answer


def _line(account: bytes) -> bytes:
    return account + b" ask\n"


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """All of them, joined to parts that HAProxy takes at once."""
    part: list[bytes] = []
    length = 0
    for piece in pieces:
        if length + len(piece) > _LONGEST_COMMAND:
            yield b"".join(part)
            part, length = [], 0
        part.append(piece)
        length += len(piece)
    if part:
        yield b"".join(part)
