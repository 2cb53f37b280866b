"""The numbers of the gate: what it has answered, and what it goes by. What each name means stands in docs/operations.md."""

from collections.abc import Callable, Iterator, Mapping

from gatekeeper.exposition import Series
from gatekeeper.gate.book import Book


def numbers(
    book: Book, answered: Mapping[str, int], tokens_refused: int, lists: Mapping[str, Callable[[], int]]
) -> Iterator[Series]:
    """No account names a series. `answered`: requests by outcome; `lists`: the revision of each list of whom to ask about."""
    yield Series("gate_requests_total", "Questions of the edge, by what was answered.", answered, "outcome")
    yield Series("gate_tokens_refused_total", "Tokens and cookies that were not valid.", {"": tokens_refused})
    yield Series("gate_snapshot_revision", "Revision of the standings that are in force.", {"": book.revision})
    if book.age is not None:
        yield Series("gate_snapshot_age_seconds", "Since the last sign of life of the worker.", {"": round(book.age)})
    yield Series("gate_accounts_listed", "Accounts that are not in good standing.", {"": len(book.listed)})
    yield Series("gate_denials_kept_aside", "Accounts let in as too many would be denied at once.", {"": book.refused})
    yield Series("gate_denials_stale", "1 while no denial is believed, for want of a sign of life.", {"": book.stale})
    if lists:
        written = {name: revision() for name, revision in lists.items()}
        yield Series("gate_list_revision", "Revision of the list of whom to ask about; 0: it is not kept.", written, "list")
