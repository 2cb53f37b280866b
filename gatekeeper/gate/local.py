"""A copy of the standings inside the product's own process, and who is refused by it: what both kinds of middleware share."""

import os
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from gatekeeper.gate.answers import STRICT_POLICY, SUSPENDED_PROBLEM, Fields, html, restricted_problem
from gatekeeper.gate.book import Book, Entry
from gatekeeper.gate.decision import Passage, Rules
from gatekeeper.gate.fields import ACCEPT, FETCH_MODE
from gatekeeper.gate.negotiate import wants_page
from gatekeeper.gate.pages import built_in_page
from gatekeeper.model import Standing

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 2.0


class Source(Protocol):
    """What keeps the book: `follow.Follower` or `feed.Feed`."""

    def look(self) -> None: ...
    def run(self, stop: threading.Event, tell: Callable[[], None]) -> None: ...
    def hang_up(self) -> None: ...


class Standings:
    """The standings of all accounts, kept by a thread of their own: in a forked process too, which gets another.

    `book` is what is known; `troubles` says why more accounts are let in than the ledger says, if they are.
    """

    def __init__(self, book: Book, source: Source) -> None:
        self.book = book
        self._source = source
        self._watchers: list[Callable[[], None]] = []
        self._edition = -1
        source.look()
        self._begin()
        _living.add(self)

    def standing(self, account: str) -> Standing:
        """For the product's own use, such as a banner while an account is past due."""
        return self.book.entry(account.encode(errors="surrogatepass")).standing

    def troubles(self) -> tuple[str, ...]:
        return self.book.troubles()

    def watch(self, changed: Callable[[], None]) -> None:
        """Have this called, in the thread that keeps the book, whenever somebody's standing may have changed."""
        self._watchers.append(changed)

    def close(self) -> None:
        """Keep nothing up to date any more."""
        _living.discard(self)
        self._stop.set()
        self._source.hang_up()
        self._thread.join(_PATIENCE_SECONDS)

    def begin_again(self) -> None:
        """In a process that was forked off this one, where no thread but the forking one lives on."""
        if not self._stop.is_set():
            self._begin()

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._source.run, args=(self._stop, self._tell), name="gatekeeper-standings", daemon=True
        )
        self._thread.start()

    def _tell(self) -> None:
        self.book.tend()
        if self._edition == self.book.edition:
            return
        self._edition = self.book.edition
        for changed in self._watchers:
            try:
                changed()
            except Exception:
                log.exception("a watcher of the standings failed: the others are called all the same")


_living: "weakref.WeakSet[Standings]" = weakref.WeakSet()


def _begin_all_again() -> None:
    for standings in list(_living):
        standings.begin_again()


os.register_at_fork(after_in_child=_begin_all_again)


class Failures:
    """Counts what went wrong in us, where the request went on; the first time of each kind is said, without anybody's data."""

    def __init__(self) -> None:
        self.count = 0
        self._said: set[str] = set()

    def note(self, fault: Exception) -> None:
        self.count += 1
        innermost = traceback.extract_tb(fault.__traceback__)[-1]
        what = f"{type(fault).__name__} at {innermost.filename}:{innermost.lineno}"
        if what not in self._said:
            self._said.add(what)
            log.error("the gate's middleware failed, and let the request in; account_of must give a string or None", fault=what)


class Refusal(NamedTuple):
    """The answer to whom is not let in."""

    status: int
    fields: Fields
    body: bytes


class Door:
    """Who may come in, asked from inside the product. Does no input or output once it is made.

    `always_allow` are paths that stay open to everybody, each with all that is below it. `page` is an HTML file for people
    (none: a small built-in one that names `support_email`). `failures.count`: how often we failed, and the request went on.

    Raises:
        ValueError: one of `always_allow` is no plain path.
        OSError: the page cannot be read.
    """

    def __init__(
        self, standings: Standings, *, always_allow: Iterable[str] = (), page: Path | str | None = None, support_email: str = ""
    ) -> None:
        self.standings = standings
        self.book = standings.book
        self.failures = Failures()
        self._rules = Rules(always_allow, nobody_comes_in=True)
        self._page = built_in_page(support_email)
        if page is not None:
            self._page = html(Path(page).read_bytes(), STRICT_POLICY, ("Referrer-Policy", "no-referrer"))
        self._passages: dict[Entry, Passage] = {}

    def refusal(self, account: str | None, method: str, path: str, header: Callable[[str], str]) -> Refusal | None:
        """Why this request is refused; None: it is let in, as it is where nobody is signed in, and where we fail (case 108).

        `path` is the whole path as the product reads it, and `header` gives a header of the request by its name in lower case,
        or "".
        """
        try:
            return self._judge(account, method, path, header) if account else None
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with us, the product goes on
            self.failures.note(fault)
            return None

    def lets_in(self, entry: Entry, method: str, path: str) -> bool:
        passage = self._passages.get(entry)
        if passage is None:
            passage = self._passages[entry] = self._rules.passage(entry.standing, entry.leaves_open)
        # The product has decoded its path already: what would begin a query elsewhere is part of it here, and never plain
        return passage.opens(method.encode(errors="replace"), path.replace("?", "%3F").encode(errors="backslashreplace"))

    def _judge(self, account: str, method: str, path: str, header: Callable[[str], str]) -> Refusal | None:
        entry = self.book.entry(account.encode())
        if self.lets_in(entry, method, path):
            return None
        fields = {name: header(name.decode()).encode("latin-1", "replace") for name in (ACCEPT, FETCH_MODE)}
        restricted = entry.standing is Standing.RESTRICTED
        problem = restricted_problem(entry.leaves_open) if restricted else SUSPENDED_PROBLEM
        document = self._page if wants_page(fields) else problem
        ours = (
            ("Cache-Control", "no-store"),
            ("Content-Length", str(len(document.body))),
            ("X-Gatekeeper-Standing", entry.standing.value),
            ("X-Gatekeeper-Account", account),
            ("X-Gatekeeper-Revision", str(self.book.revision)),
        )
        return Refusal(402, (*document.fields, *ours), b"" if method == "HEAD" else document.body)
