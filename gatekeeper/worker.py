"""The loop: sync, review, publish; beside it post, hooks and door. The metronome only beats: what is due is state.

Threads of their own: letters may take minutes (RFC 5321 gives the last answer ten), and whoever has paid must wait neither for
them, nor for the product's answers, nor for whatever else Stripe is being asked.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.webhook import Delivery, DeliveryRefused, delivery
from gatekeeper.braking import Brake
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.inbox import Inbox
from gatekeeper.metronome import Metronome
from gatekeeper.model import Reason
from gatekeeper.perform.notices import Postman
from gatekeeper.publish import Publisher
from gatekeeper.returns.box import BoxUnavailable
from gatekeeper.review import Looked, Review
from gatekeeper.sync import Sync

_EVENTS: Final = 40
_IN_VAIN: Final = 3
_IDLE_SECONDS: Final = 0.5
_RETRY: Final = timedelta(seconds=30)
_POLL_SECONDS: Final = 45
_COLLECT_SECONDS: Final = 60
_POLLED: Final = 50

# The nouns and ids of what an event points at
Target = tuple[tuple[str, str], ...]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a worker works with.

    `withheld` says at any moment why nothing may climb or be sent; None: nothing withholds it. `release` marks what was held
    back to be looked at again (`Desk.release`). `collect_returned` takes in the letters that came back since the last time.
    `deliver_hooks` tells the product what it is to be told, until that is done or the event is set (`Messenger.deliver`).
    `turn_to_send` waits until another letter may leave (`Pace.turn`); False: the house is stopping.
    """

    reader: Reader
    inbox: Inbox
    sync: Sync
    review: Review
    publisher: Publisher
    postman: Postman
    brake: Brake
    withheld: Callable[[], Reason | None]
    release: Callable[[], None]
    clock: Callable[[], datetime]
    reconcile_every: timedelta
    collect_returned: Callable[[], None] = lambda: None
    deliver_hooks: Callable[[threading.Event], None] = lambda _stop: None
    turn_to_send: Callable[[], bool] = lambda: True


class Worker:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._woken = threading.Event()
        self._post = threading.Event()
        self._hooks = threading.Event()
        self._door = threading.Event()
        self._at_the_door = threading.Lock()
        self._reconcile_asked = True
        self._retry_at: datetime | None = None
        self._withheld_by: Reason | None = Reason(code="not looked yet")
        self._complaints: dict[str, str] = {}
        # The last event that was asked whether it shows a payment
        self._heard = 0

    def wake(self) -> None:
        """Something has come in: look at once."""
        self._door.set()
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then finish what is in hand."""
        metronome = Metronome()
        metronome.every(int(self._parts.reconcile_every.total_seconds()), self._ask_for_reconcile)
        metronome.every(_POLL_SECONDS, lambda: self._guarded("poll", self._poll_closed))
        beside = [
            threading.Thread(target=self._deliver_until, args=(stop,), name="postman"),
            threading.Thread(target=self._tell_until, args=(stop,), name="messenger"),
            threading.Thread(target=self._open_until, args=(stop,), name="doorkeeper"),
            threading.Thread(target=self._collect_until, args=(stop,), name="collector"),
        ]
        for thread in beside:
            thread.start()
        # What came back while nobody watched is no evidence, and is known before anything is closed (case 48)
        self._guarded("returned mail", self._parts.collect_returned)
        while not stop.is_set():
            metronome.tick()
            self._guarded("turn", self._turn)
            self._woken.wait(_IDLE_SECONDS)
            self._woken.clear()
        for rest in (self._post, self._hooks, self._door):
            rest.set()
        for thread in beside:
            thread.join()

    def _turn(self) -> None:
        """One turn without the post: reconcile if that is due, then attend to what has come in."""
        self._parts.brake.watch()
        if self._reconcile_is_due():
            self._guarded("reconcile", self._reconcile)
        self.attend()

    def round(self) -> Looked:
        """One whole round, the post included, as `gatekeeper tick` does it. Raises SourceUnavailable."""
        self._parts.brake.watch()
        self._guarded("returned mail", self._parts.collect_returned)
        self._parts.sync.reconcile()
        looked = self.attend()
        self._deliver()
        looked.add(self.attend())
        self._guarded("hooks", self._parts.deliver_hooks, threading.Event())
        return looked

    def attend(self) -> Looked:
        """Events, review, publication: what stands between a payment and an open gate."""
        self._release_what_was_withheld()
        looked = self._open_for_payers()
        self._take_in_events(self._parts.clock())
        looked.add(self._parts.review.run(self._parts.clock()))
        self._parts.publisher.run(self._parts.clock())
        if self._withheld_by is None:
            self._parts.brake.keep_day()
        self._post.set()
        self._hooks.set()
        return looked

    def _release_what_was_withheld(self) -> None:
        """Whoever arms, halts or resumes us, by a command, a setting or a file: what was held back is looked at anew."""
        why = self._parts.withheld()
        if why != self._withheld_by:
            self._parts.release()
            self._withheld_by = why

    def _open_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._guarded("door", self._open_for_payers)
            self._door.wait(_IDLE_SECONDS)
            self._door.clear()

    def _open_for_payers(self) -> Looked:
        """Whoever has paid, as an event shows that Stripe signed, is let in before Stripe is asked: it may be slow, or away."""
        with self._at_the_door:
            account_ids = []
            while events := self._parts.reader.events_behind(self._heard, _EVENTS):
                for event in events:
                    with contextlib.suppress(DeliveryRefused):
                        points_at = delivery(event.body)
                        account_id = self._parts.sync.settle_by_event(points_at.invoice_id) if points_at.settles else ""
                        account_ids += [account_id] if account_id else []
                self._heard = events[-1].id
            if not account_ids:
                return Looked()
            looked = self._parts.review.run(self._parts.clock(), account_ids)
            self._parts.publisher.run(self._parts.clock())
            self._hooks.set()
            return looked

    def _take_in_events(self, now: datetime) -> None:
        """Look at what the waiting events point at; several that point at one object are one look."""
        looked_at: set[Target] = set()
        vain = 0
        for event in self._parts.reader.events_due(now, _EVENTS):
            if vain == _IN_VAIN:  # Stripe is away, and each question takes its time; the others are due in the next turn too
                return
            said = {"id": event.id, "type": event.type}
            try:
                target = _target(delivery(event.body))
                if target not in looked_at:
                    self._look_at(target)
                    looked_at.add(target)
            except SourceUnavailable as fault:
                vain += 1
                log.warning("event.postponed", because=str(fault), **said)
                self._parts.inbox.later(event, now)
            except DeliveryRefused:
                log.exception("event.unreadable", **said)
                self._parts.inbox.done(event)
            except DatabaseUnavailable:
                raise
            except Exception:  # one event that cannot be worked on must not stop the others
                log.exception("event.postponed", **said)
                self._parts.inbox.later(event, now)
            else:
                self._parts.inbox.done(event)

    def _look_at(self, target: Target) -> None:
        for noun, object_id in target:
            match noun:
                case "invoice":
                    self._parts.sync.invoice(object_id)
                case "customer":
                    self._parts.sync.customer(object_id)
                case "dispute":
                    self._parts.sync.dispute(object_id)
                case "test clock":
                    self._parts.sync.clock(object_id)
                case kind:
                    self._parts.sync.invoice_of(kind, object_id)

    def _ask_for_reconcile(self) -> None:
        self._reconcile_asked = True

    def _reconcile_is_due(self) -> bool:
        """Due by the metronome, by the clock of the house (which may be moved, and set back), or again after a failure."""
        now = self._parts.clock()
        if self._reconcile_asked:
            return True
        if self._retry_at is not None and self._retry_at - _RETRY <= now < self._retry_at:
            return False
        reconciled_at = self._parts.reader.state().reconciled_at
        return reconciled_at is None or abs(now - reconciled_at) >= self._parts.reconcile_every

    def _reconcile(self) -> None:
        self._reconcile_asked = False
        self._retry_at = self._parts.clock() + _RETRY
        self._parts.sync.reconcile(between=self._attend_if_woken)
        self._retry_at = None
        self._parts.inbox.prune(self._parts.clock())

    def _attend_if_woken(self) -> None:
        """In the middle of long work: somebody may have paid."""
        if self._woken.is_set():
            self._woken.clear()
            self.attend()

    def _poll_closed(self) -> None:
        """Whoever is locked out and has paid must not wait for a webhook that never comes (rule 12 of facts/stripe.md)."""
        for invoice_id in self._parts.reader.owing_of_closed(_POLLED):
            self._parts.sync.invoice(invoice_id)
            self._attend_if_woken()

    def _deliver_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._guarded("post", self._deliver, stop)
            self._post.wait(_IDLE_SECONDS)
            self._post.clear()

    def _tell_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._guarded("hooks", self._parts.deliver_hooks, stop)
            self._hooks.wait(_IDLE_SECONDS)
            self._hooks.clear()

    def _collect_until(self, stop: threading.Event) -> None:
        while not stop.wait(_COLLECT_SECONDS):
            self._guarded("returned mail", self._parts.collect_returned)

    def _deliver(self, stop: threading.Event | None = None) -> None:
        while not (stop is not None and stop.is_set()) and self._parts.turn_to_send():
            # Asked after the wait: whoever halts the house meanwhile halts this letter too
            if self._parts.withheld() is not None or not self._parts.postman.send_one():
                return
            self._woken.set()

    def _guarded(self, job: str, work: Callable[..., object], *args: object) -> None:
        """Run one job of the loop; a fault in it is logged once until it changes or ends, and the loop goes on."""
        try:
            work(*args)
        except Exception as fault:
            if self._complaints.get(job) == repr(fault):
                return
            self._complaints[job] = repr(fault)
            if isinstance(fault, (SourceUnavailable, BoxUnavailable)):
                log.warning("job.postponed", job=job, because=str(fault))
            else:
                log.exception("job.failed", job=job)
        else:
            if self._complaints.pop(job, None) is not None:
                log.info("job.recovered", job=job)


def _target(points_at: Delivery) -> Target:
    named = {
        "invoice": points_at.invoice_id,
        "customer": points_at.customer_id,
        "dispute": points_at.dispute_id,
        "test clock": points_at.clock_id,
    }
    related = () if points_at.related is None else (points_at.related,)
    return (*related, *((noun, object_id) for noun, object_id in named.items() if object_id))
