"""The loop: sync, review, publish, and beside it the post. `schedule` is only the metronome; what is due is a matter of state.

Two threads: letters may take minutes (RFC 5321 gives the last answer ten), and a payment must not wait for them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from schedule import Scheduler

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.webhook import DeliveryRefused, delivery
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.inbox import Inbox
from gatekeeper.model import Reason
from gatekeeper.perform.notices import Postman
from gatekeeper.publish import Publisher
from gatekeeper.review import Looked, Review
from gatekeeper.sync import Sync

_EVENTS: Final = 40
_IDLE_SECONDS: Final = 0.5
_RETRY: Final = timedelta(seconds=30)
_POLL_SECONDS: Final = 45
_POLLED: Final = 50

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a worker works with. `withheld` says at any moment why nothing may climb or be sent; None: nothing withholds it."""

    reader: Reader
    inbox: Inbox
    sync: Sync
    review: Review
    publisher: Publisher
    postman: Postman
    withheld: Callable[[], Reason | None]
    clock: Callable[[], datetime]
    reconcile_every: timedelta


class Worker:
    """`wake` makes it look at once; `beat` is called after each turn, for whoever watches that it lives."""

    def __init__(self, parts: Parts, beat: Callable[[], None] = lambda: None) -> None:
        self.wake = threading.Event()
        self._parts = parts
        self._beat = beat
        self._post = threading.Event()
        self._reconcile_asked = True
        self._retry_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then finish what is in hand."""
        metronome = Scheduler()
        metronome.every(int(self._parts.reconcile_every.total_seconds())).seconds.do(self._ask_for_reconcile)
        metronome.every(_POLL_SECONDS).seconds.do(self._guarded, "poll", self._poll_suspended)
        postman = threading.Thread(target=self._deliver_until, args=(stop,), name="postman")
        postman.start()
        while not stop.is_set():
            metronome.run_pending()
            self._guarded("turn", self.turn)
            self._beat()
            self.wake.wait(_IDLE_SECONDS)
            self.wake.clear()
        self._post.set()
        postman.join()

    def turn(self) -> None:
        """One turn without the post: reconcile if that is due, then attend to what has come in."""
        if self._reconcile_is_due():
            self._guarded("reconcile", self._reconcile)
        self._guarded("round", self.attend)

    def round(self) -> Looked:
        """One whole round, the post included, as `gatekeeper tick` does it. Raises SourceUnavailable."""
        self._parts.sync.reconcile()
        looked = self.attend()
        self._deliver()
        after = self.attend()
        return Looked(looked.accounts + after.accounts, looked.changed + after.changed, looked.withheld + after.withheld)

    def attend(self) -> Looked:
        """Events, review, publication: what stands between a payment and an open gate."""
        self._take_in_events(self._parts.clock())
        looked = self._parts.review.run(self._parts.clock(), self._parts.withheld())
        self._parts.publisher.run(self._parts.clock())
        self._post.set()
        return looked

    def _take_in_events(self, now: datetime) -> None:
        """Look at what the waiting events point at; several that point at one object are one look."""
        looked_at: set[str] = set()
        for event in self._parts.reader.events_due(now, _EVENTS):
            try:
                points_at = delivery(event.body)
                if points_at.invoice_id and points_at.invoice_id not in looked_at:
                    self._parts.sync.invoice(points_at.invoice_id)
                if points_at.customer_id and points_at.customer_id not in looked_at:
                    self._parts.sync.customer(points_at.customer_id)
            except SourceUnavailable as fault:
                log.warning("event.postponed", type=event.type, because=str(fault))
                self._parts.inbox.later(event, now)
            except DeliveryRefused:
                log.exception("event.unreadable", type=event.type)
                self._parts.inbox.done(event)
            else:
                looked_at |= {points_at.invoice_id, points_at.customer_id}
                self._parts.inbox.done(event)

    def _ask_for_reconcile(self) -> None:
        self._reconcile_asked = True

    def _reconcile_is_due(self) -> bool:
        """Due by the metronome, by the clock of the house (which may be moved), or again after a failure."""
        now = self._parts.clock()
        if self._retry_at is not None and now < self._retry_at and not self._reconcile_asked:
            return False
        reconciled_at = self._parts.reader.state().reconciled_at
        return self._reconcile_asked or reconciled_at is None or now >= reconciled_at + self._parts.reconcile_every

    def _reconcile(self) -> None:
        self._reconcile_asked = False
        self._retry_at = self._parts.clock() + _RETRY
        self._parts.sync.reconcile(between=self._attend_if_woken)
        self._retry_at = None

    def _attend_if_woken(self) -> None:
        """Between two pages of a long list: somebody may have paid."""
        if self.wake.is_set():
            self.wake.clear()
            self.attend()

    def _poll_suspended(self) -> None:
        """Whoever is locked out and has paid must not wait for a webhook that never comes (rule 12 of facts/stripe.md)."""
        for invoice_id in self._parts.reader.open_of_suspended(_POLLED):
            self._parts.sync.invoice(invoice_id)

    def _deliver_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._guarded("post", self._deliver, stop)
            self._post.wait(_IDLE_SECONDS)
            self._post.clear()

    def _deliver(self, stop: threading.Event | None = None) -> None:
        while not (stop is not None and stop.is_set()) and self._parts.withheld() is None and self._parts.postman.send_one():
            self.wake.set()

    def _guarded(self, job: str, work: Callable[..., object], *args: object) -> None:
        """Run one job of the loop; a fault in it is logged, and the loop goes on (nothing is due by having been tried)."""
        try:
            work(*args)
        except SourceUnavailable as fault:
            log.warning("job.postponed", job=job, because=str(fault))
        except Exception:
            log.exception("job.failed", job=job)
