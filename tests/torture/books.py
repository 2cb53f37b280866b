"""The billing system of a torture: it can be away, empty, somebody else's, slow or behind, and it remembers what it showed."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from gatekeeper.billing.source import DisputeReading, Page, SourceUnavailable
from gatekeeper.model import Customer, Identity, Invoice, Reading
from tests.kit.memory_books import Books
from tests.torture.clock import Clock
from tests.torture.failpoints import OUTSIDE, Points

FOUL: Final = ("away", "empty", "other", "breaks off", "stale", "fickle", "no disputes", "slow", "very slow")
_PACE: Final = {"slow": timedelta(seconds=7), "very slow": timedelta(seconds=45)}

Answer = TypeVar("Answer")


class Weathered(Books):
    """`shown`: every single reading that was given, by invoice. What a list shows is none."""

    def __init__(self, clock: Clock, points: Points) -> None:
        super().__init__(clock)  # type: ignore[arg-type]  # it is only asked for the time
        self.page_size = 2
        self.weather = "fine"
        self.shown: dict[str, list[Invoice]] = {}
        self._time, self._points = clock, points
        self._asked = 0
        self._before: dict[str, Invoice] = {}

    def become(self, weather: str) -> None:
        self.weather = weather
        self.down = "no answer" if weather == "away" else ""
        self.breaks_at = 1 if weather == "breaks off" else None
        self.fails = {"disputes": "403", "dispute": "403"} if weather == "no disputes" else {}
        self.account = "acct_other" if weather == "other" else "acct_test"

    def grow_old(self) -> None:
        """A list that is behind will show what is now."""
        self._before = dict(self.invoices)

    def shown_open(self, invoice_id: str, since: datetime, until: datetime, *, given_up: bool = False) -> Invoice | None:
        """The last reading from within this time that showed it owed. `given_up`: or written off, and never paid."""
        within = (one for one in reversed(self.shown.get(invoice_id, [])) if since <= one.read_at <= until)
        return next((one for one in within if one.owed or (given_up and one.status == "uncollectible")), None)

    def identity(self) -> Identity:
        return self._around(super().identity)

    def invoice(self, invoice_id: str) -> Reading | None:
        ask = super().invoice

        def answer() -> Reading | None:
            found = None if self._has_nothing else ask(invoice_id)
            if found is not None:
                self.shown.setdefault(invoice_id, []).append(found.invoice)
            return found

        return self._around(answer)

    def customer(self, customer_id: str) -> Customer | None:
        ask = super().customer
        return self._around(lambda: None if self._has_nothing else ask(customer_id))

    def dispute(self, dispute_id: str) -> DisputeReading | None:
        ask = super().dispute
        return self._around(lambda: None if self._has_nothing else ask(dispute_id))

    def disputes(self, since: datetime) -> Iterator[Sequence[DisputeReading]]:
        ask = super().disputes
        yield from self._around(lambda: list(ask(since)))

    def owing_invoices(self, cursor: str = "") -> Iterator[Page]:
        for page in self._around(lambda: self._listing(cursor)):
            if isinstance(page, SourceUnavailable):
                raise page
            yield self._around(lambda page=page: page)

    def _listing(self, cursor: str) -> list[Page | SourceUnavailable]:
        """All pages as they are at this moment, so that nobody who comes in between finds half of a list."""
        if self._has_nothing:
            return []
        kept = self.invoices
        if self.weather == "stale":
            self.invoices = kept | self._before
        found: list[Page | SourceUnavailable] = []
        try:
            found.extend(super().owing_invoices(cursor))
        except SourceUnavailable as fault:
            found.append(fault)
        finally:
            self.invoices = kept
        return found

    @property
    def _has_nothing(self) -> bool:
        return self.weather in {"empty", "other"}

    def _around(self, answer: Callable[[], Answer]) -> Answer:
        self._points.reach(OUTSIDE[0])
        self._asked += 1
        self._time.move(_PACE.get(self.weather, timedelta()))
        if self.weather == "fickle" and self._asked % 3 == 0:
            raise SourceUnavailable("500")
        given = answer()
        self._points.reach(OUTSIDE[1])
        return given
