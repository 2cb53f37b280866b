"""Time in the demo: it stands until somebody moves it, and then everything happens on its own day, as if it had passed.

Nothing here decides or sends. The clock is moved, and the worker, the gate and the webhooks are watched until they are calm.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

import httpx

from gatekeeper.demo.standin.serve import Standin
from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Notice, NoticeState
from gatekeeper.publish import replace_file
from gatekeeper.wiring.clock import Clock, system_clock

_PATIENCE_SECONDS: Final = 3.0
_LOOK_EVERY_SECONDS: Final = 0.02
_MOST_STOPS: Final = 100
_ATTEMPTS: Final = 4  # how often Stripe charges a card by itself, with the settings that it recommends
_RETRY_DAYS: Final = 3


def set_clock(path: Path, at: datetime) -> None:
    """Whole or not at all: the worker reads the clock at any moment."""
    replace_file(path, at.isoformat().encode())


class Passing:
    """`wake` makes the worker look at once; `closing` ends every wait."""

    def __init__(
        self,
        *,
        clock: Clock,
        clock_file: Path,
        reader: Reader,
        wake: Callable[[], None],
        reconcile_every: timedelta,
        standin: Standin,
        gate: httpx.Client,
        closing: Event,
    ) -> None:
        self.now = clock
        self._clock_file = clock_file
        self._reader = reader
        self._wake = wake
        self._reconcile_every = reconcile_every
        self._standin = standin
        self._gate = gate
        self._closing = closing

    def settle(self, seconds: float = _PATIENCE_SECONDS) -> str:
        """Wait until everything up to now has been done; what still has not after so many seconds, or nothing.

        Work goes round (a due account plans a notice, a sent notice makes its account due), so only two quiet looks count.
        """
        end_at = system_clock() + timedelta(seconds=seconds)
        self._wake()
        quiet = 0
        while quiet < 2:  # noqa: PLR2004 - see above
            outstanding = self._outstanding()
            quiet = 0 if outstanding else quiet + 1
            if outstanding and (system_clock() > end_at or self._closing.wait(_LOOK_EVERY_SECONDS)):
                return outstanding
        return ""

    def next_due_at(self) -> datetime | None:
        """When the next thing happens that time alone brings about."""
        now = self.now()
        return min((at for at in self._due_at() if at > now), default=None)

    def move_to(self, at: datetime) -> None:
        """Let time pass until then, with a stop at every moment at which something is due."""
        self.settle()
        for _ in range(_MOST_STOPS):
            stop_at = self.next_due_at()
            if stop_at is None or stop_at > at or self._closing.is_set():
                break
            self._stop_at(stop_at)
        self._stop_at(at)

    def _stop_at(self, at: datetime) -> None:
        set_clock(self._clock_file, at)
        self._charge_cards_again()
        self.settle()

    def _due_at(self) -> Iterator[datetime]:
        for account in self._reader.accounts():
            if account.review_at is not None:
                yield account.review_at
        for notice in self._reader.notices_of():
            if notice.next_try_at is not None:
                yield notice.next_try_at
        for it in list(self._standin.books.invoices.values()):
            if it.next_payment_attempt is not None:
                yield datetime.fromtimestamp(it.next_payment_attempt, UTC)

    def _charge_cards_again(self) -> None:
        """What Stripe does by itself as time passes: it tries a declined card again, and fails again."""
        books = self._standin.books
        for it in list(books.invoices.values()):
            if it.next_payment_attempt is not None and it.next_payment_attempt <= books.now():
                books.fail_payment(it.id, retry_in_days=_RETRY_DAYS if it.attempt_count + 1 < _ATTEMPTS else None)

    def _outstanding(self) -> str:
        """What the house has not done yet, looked for in the order in which work flows; empty: nothing."""
        now, reader = self.now(), self._reader
        checks: tuple[tuple[str, Callable[[], object]], ...] = (
            ("webhooks are on their way", lambda: not all(it.wait_idle(0) for it in self._standin.deliveries)),
            ("webhooks wait to be looked at", lambda: reader.events_due(now, 1)),
            ("the books are being read", lambda: self._reconcile_is_due(now)),
            ("accounts are being reviewed", lambda: reader.due_accounts(now, 1)),
            ("letters are being written", lambda: any(_is_on_its_way(notice, now) for notice in reader.notices_of())),
            ("the gate has not heard of it yet", lambda: self._revision_of_gate() != reader.revision()),
        )
        return next((what for what, unfinished in checks if unfinished()), "")

    def _reconcile_is_due(self, now: datetime) -> bool:
        reconciled_at = self._reader.state().reconciled_at
        return reconciled_at is None or now >= reconciled_at + self._reconcile_every

    def _revision_of_gate(self) -> int | None:
        try:
            return int(self._gate.get("/readyz").json()["revision"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None


def _is_on_its_way(notice: Notice, now: datetime) -> bool:
    return notice.state is NoticeState.SENDING or (notice.next_try_at is not None and notice.next_try_at <= now)
