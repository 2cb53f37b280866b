"""The list of whom an edge asks the gate about: whoever is named plainly and is not on it comes in without a question.

It never denies: an account on it is asked about. So one that comes on it is written at once, and one that goes off it when
there is time, for till then it only costs questions. `-`, which is no account id, stands for the whole list: where it is
missing, the edge asks about everybody. It is kept on shelves: in HAProxy's memory (haproxymap.py), in a folder for nginx and
Caddy (askfolder.py), in a file for Envoy (envoyfile.py).
"""

import re
import threading
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from gatekeeper.gate.book import Book

log = structlog.get_logger(__name__)

WHOLE = b"-"
# Ids that the configurations of nginx, Caddy and Envoy take for plainly named; they ask about all others, on the list or not
PLAIN = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.:@+=~-]{0,127}")
SOON = 1.0
# So many going off one by one may take longer than a new list
_MANY = 1_000


class ListRefused(OSError):
    """The list could not be kept where it should be; the message says what to change."""


class Shelf(Protocol):
    """A place where an edge looks whom to ask about. All of it raises OSError; what was done till then stays.

    `rest`: so many seconds it is left alone, but for what is added, after it was marked or written whole; at least `SOON`.
    """

    @property
    def rest(self) -> float: ...

    def has(self, revision: int) -> bool:
        """Whether the whole list is there, as it was last written, with this revision."""

    def write(self, accounts: Collection[bytes], revision: int) -> None:
        """Let these be the whole list, without a moment in which one that was on it and is to be is not."""

    def add(self, accounts: Collection[bytes]) -> None:
        """Put these on it too."""

    def remove(self, account: bytes) -> bool:
        """Take this one off. False: it stays, until the whole is written."""

    def mark(self, revision: int) -> None:
        """Say that the list is that of this revision."""

    def withdraw(self) -> None:
        """Have the edge ask about everybody."""


class AskList:
    """Keeps a shelf in step with a book. `written` is the revision of what it has, 0 while it has nothing."""

    def __init__(self, shelf: Shelf, book: Book, steady: Callable[[], float]) -> None:
        self.written = 0
        self._shelf = shelf
        self._book = book
        self._steady = steady
        self._tidied_at = float("-inf")
        self._on_it: set[bytes] = set()
        self._going: set[bytes] = set()
        self._lock = threading.Lock()
        self._changed: set[bytes] | None = None
        self._stirred = threading.Event()
        self._said = ""
        book.watch(self._heard)

    def run(self, stop: threading.Event) -> None:
        """Keep it until told to stop, in this thread, and withdraw it then; `wake` makes it look."""
        while not stop.is_set():
            self.look()
            self._stirred.wait(SOON)
            self._stirred.clear()
        self._try(self._shelf.withdraw)

    def wake(self) -> None:
        self._stirred.set()

    def look(self) -> None:
        """Bring the shelf to what the book says; never raises. What could not be written is written with the next look."""
        if self._try(self._bring):
            self._said = ""
        else:
            self._begin_anew()

    def _try(self, step: Callable[[], None]) -> bool:
        """Whether it could be done; why not, the log says once."""
        try:
            step()
        except OSError as fault:
            if self._said != str(fault):
                self._said = str(fault)
                log.warning(
                    "the list of whom to ask about is not kept: the edge asks about everybody, or as before", fault=str(fault)
                )
        except Exception:
            log.exception("fault in keeping the list of whom to ask about: it is written whole")
        else:
            return True
        return False

    def _heard(self, accounts: Collection[bytes] | None) -> None:
        """In the thread that writes the book. None: anything may have changed."""
        with self._lock:
            self._changed = None if accounts is None or self._changed is None else self._changed.union(accounts)
        self._stirred.set()

    def _begin_anew(self) -> None:
        self.written = 0
        with self._lock:
            self._changed = None

    def _bring(self) -> None:
        if not self._book.ready:
            return
        with self._lock:
            changed, self._changed = self._changed, set()
        # Before the list, which may be newer then, and never older
        revision = self._book.revision
        if changed is None or not self._shelf.has(self.written):
            self._write_whole(revision)
            return
        listed = self._book.listed
        coming = [account for account in changed if account in listed and account not in self._on_it]
        if coming:
            self._shelf.add(coming)
            self._on_it.update(coming)
        self._going.update(account for account in changed if account not in listed and account in self._on_it)
        if self._steady() - self._tidied_at >= self._shelf.rest:
            self._tidy(revision)

    def _tidy(self, revision: int) -> None:
        """What may take a shelf long: now and then, one at a time, and nobody waits for it."""
        if len(self._going) > _MANY:
            self._write_whole(revision)
        listed = self._book.listed
        for account in self._going:
            if account not in listed and self._shelf.remove(account):
                self._on_it.discard(account)
        self._going.clear()
        if revision != self.written:
            self._shelf.mark(revision)
            self.written = revision
        self._tidied_at = self._steady()

    def _write_whole(self, revision: int) -> None:
        self.written = 0
        self._on_it, self._going = set(self._book.listed), set()
        self._shelf.write(self._on_it, revision)
        self.written, self._tidied_at = revision, self._steady()
        log.info("the list of whom to ask about is written", accounts=len(self._on_it), revision=revision)
