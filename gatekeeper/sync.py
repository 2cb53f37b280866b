"""billing source -> ledger. Every trigger only says "look at this again"; what is written is what was then read.

Absence is never evidence: a list that could not be read to its end changes nothing but what it did show.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from gatekeeper.billing.source import Source, SourceUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.readings import Readings
from gatekeeper.model import Identity

_TRIES: Final = 8
_VANISHED_BATCH: Final = 500

log = structlog.get_logger(__name__)


class WrongBooks(SourceUnavailable):
    """The key opens other books than this ledger was kept for."""


class Sync:
    """`pinned_account`: the Stripe account that the settings name; empty: the first one seen is pinned."""

    def __init__(
        self, source: Source, reader: Reader, readings: Readings, clock: Callable[[], datetime], *, pinned_account: str = ""
    ) -> None:
        self._source = source
        self._reader = reader
        self._readings = readings
        self._clock = clock
        self._pinned_account = pinned_account
        self._verified = False

    def invoice(self, invoice_id: str) -> None:
        """Read one invoice again, and the one that replaced it. Raises SourceUnavailable."""
        self._require_books()
        self._read(invoice_id)

    def customer(self, customer_id: str) -> None:
        """Read one customer again. Raises SourceUnavailable."""
        self._require_books()
        customer = self._source.customer(customer_id)
        if customer is not None:
            self._readings.record_customer(customer, self._clock())

    def reconcile(self, between: Callable[[], object] = lambda: None) -> int:
        """Read every open invoice, then each that the ledger holds as open and that the list did not show.

        `between` is called after each page and each single reading. Returns how many invoices were read one by one. A failure
        leaves the ledger distrusting its source, so that nothing climbs until a reconcile succeeds; what was read before stays.

        Raises:
            SourceUnavailable: an answer was missing, on whichever page (case 7).
        """
        began_at = self._clock()
        try:
            self._verify_books()
            count = self._reconcile(between)
        except SourceUnavailable as fault:
            self._readings.distrust(str(fault))
            raise
        self._readings.finish_reconcile(began_at)
        log.info("reconcile.finished", read_again=count)
        return count

    def _reconcile(self, between: Callable[[], object]) -> int:
        number = self._readings.begin_reconcile()
        count = 0
        for page in self._source.open_invoices():
            for invoice_id in self._readings.record_page(page, number):
                self._read(invoice_id)
                count += 1
            between()
        after = ""
        while vanished := self._reader.open_not_seen_in(number, after, _VANISHED_BATCH):
            for invoice_id in vanished:
                self._read(invoice_id)
                count += 1
                between()
            after = vanished[-1]
        return count

    def _read(self, invoice_id: str, before: tuple[str, ...] = ()) -> None:
        """Fetch and write under the invoice's optimistic lock: a write that lost is fetched again.

        `before`: the invoices whose chain of revisions led here.
        """
        for _ in range(_TRIES):
            version = self._reader.invoice_version(invoice_id)
            reading = self._source.invoice(invoice_id)
            if reading is None:
                # A draft that was deleted, or a fault: either way no reason to open or to close anything (case 6)
                log.warning("invoice.not_found", invoice=invoice_id)
                return
            successor = reading.invoice.replaced_by
            if successor and successor not in (*before, invoice_id) and not self._is_issued(successor):
                # The successor is written first, so that a debt which moved is never seen as forgiven
                self._read(successor, (*before, invoice_id))
            if self._readings.record(reading, if_version=version):
                return
        raise SourceUnavailable(f"invoice {invoice_id} changes faster than it can be read; it is read again in the next round")

    def _is_issued(self, invoice_id: str) -> bool:
        """Whether the ledger holds this invoice as more than a draft, which is not owed yet."""
        held = self._reader.invoice(invoice_id)
        return held is not None and held.status != "draft"

    def _require_books(self) -> None:
        """Books that were verified once stay so until the next reconcile asks again."""
        if not self._verified:
            self._verify_books()

    def _verify_books(self) -> None:
        """Pin the account and mode at the first sight of them; afterwards nothing of any other books is believed."""
        self._verified = False
        found = self._source.identity()
        pinned = self._reader.state().identity
        if self._pinned_account and found.account != self._pinned_account:
            raise WrongBooks(f"the key opens account {found.account}, but stripe.account is {self._pinned_account}")
        if pinned is None:
            self._readings.pin(found)
        elif pinned != found:
            raise WrongBooks(f"this ledger was kept for {_named(pinned)}, but the key opens {_named(found)}")
        self._verified = True


def _named(identity: Identity) -> str:
    return f"the {'live' if identity.livemode else 'test'} books of {identity.account}"
