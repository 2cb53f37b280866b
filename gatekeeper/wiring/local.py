"""The standings inside the product's own process (docs/middleware.md): a copy that follows the feed, or the file beside it."""

from pathlib import Path

from gatekeeper.gate.book import Book
from gatekeeper.gate.feed import Feed
from gatekeeper.gate.follow import Follower
from gatekeeper.gate.local import Standings
from gatekeeper.wiring.clock import steady_seconds, system_clock


def from_feed(url: str, token: str, *, keep_at: Path | str | None = None) -> Standings:
    """Follow the feed of gatekeeper's web part at `url`; `token` is one of `api.tokens` with the scope `read`.

    `keep_at` is a file for what was last known, so that a restart while gatekeeper is down begins with that.

    Raises:
        ValueError: the token cannot travel in a header.
    """
    book = Book(steady_seconds)
    kept = None if keep_at is None else Path(keep_at)
    return Standings(book, Feed(url, token, book, keep_at=kept, steady=steady_seconds, now=system_clock))


def from_file(path: Path | str) -> Standings:
    """Follow the snapshot file that gatekeeper's worker on this machine writes, `snapshot` in `state.folder`."""
    book = Book(steady_seconds)
    return Standings(book, Follower(Path(path), book, system_clock))
