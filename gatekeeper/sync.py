"""billing source -> ledger. Every trigger only says "look at this again"; what is written is what was then read.

Absence is never evidence: a list that could not be read to its end changes nothing but what it did show.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from gatekeeper.billing.source import Page, Source, SourceUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer import Writer
from gatekeeper.ledger.writer.reconciles import Reconcile
from gatekeeper.model import Customer, Identity, Reading

_TRIES: Final = 8
_BATCH: Final = 500
_OWING: Final = frozenset({"open", "uncollectible"})
# Disputes are listed by when they were opened: all that a bank may still call back at first, then those since the last time
_DISPUTES_AT_FIRST: Final = timedelta(days=120)
_DISPUTES_OVERLAP: Final = timedelta(days=1)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Run:
    """What one reconcile has come to.

    `listed`: invoices that its list showed; `differed`: those of them that were not as the ledger holds them. Of those that the
    list did not show: `found` by themselves, `gone` among these are those that are owed no more, and `lost` are the rest.
    """

    between: Callable[[], object]
    listed: int = 0
    differed: int = 0
    found: int = 0
    gone: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    def aside(self, what: str, read: Callable[[], None]) -> None:
        """Read something whose failure must not hide the rest; it is said, and believed is nothing until it succeeds."""
        try:
            read()
        except SourceUnavailable as fault:
            log.error("reconcile.incomplete", lacks=what, because=str(fault))  # noqa: TRY400 - the text says it all
            self.faults.append(f"{what} could not be read: {fault}")


class WrongBooks(SourceUnavailable):
    """The key opens other books than this ledger was kept for."""


class Sync:
    """`pinned_account`: the Stripe account that the settings name; empty: the first one seen is pinned."""

    def __init__(
        self, source: Source, reader: Reader, writer: Writer, clock: Callable[[], datetime], *, pinned_account: str = ""
    ) -> None:
        self._source = source
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._pinned_account = pinned_account
        self._verified = False

    def invoice(self, invoice_id: str) -> None:
        """Read one invoice again, and the one that replaced it. Raises SourceUnavailable."""
        self._require_books()
        self._read(invoice_id)

    def invoice_of(self, kind: str, object_id: str) -> None:
        """Read the invoice again that this payment, payment intent or credit note is about. Raises SourceUnavailable."""
        self._require_books()
        invoice_id = self._source.invoice_of(kind, object_id)
        if invoice_id is not None:
            self._read(invoice_id)

    def customer(self, customer_id: str) -> None:
        """Read one customer again. Raises SourceUnavailable."""
        self._require_books()
        customer = self._source.customer(customer_id)
        if customer is not None:
            self._writer.readings.record_customer(customer, self._clock())
            self._learn_clock(customer)

    def dispute(self, dispute_id: str) -> None:
        """Read one dispute again. Raises SourceUnavailable."""
        self._require_books()
        self._read_dispute(dispute_id)

    def clock(self, clock_id: str) -> None:
        """Read the time of the test clocks again, and what the customers of this one owe. Raises SourceUnavailable."""
        self._require_books()
        times = self._source.clocks()
        number = self._reader.state().reconcile_number
        if clock_id in times:
            for page in self._source.owing_invoices_of_clock(clock_id):
                self._take(page, number)
        self._writer.clocks.record(times)

    def settle_by_event(self, invoice_id: str) -> str:
        """Take the word of a signed event that this invoice is paid, before anything is read; if that is news, its account."""
        account_id = self._writer.readings.settle_by_event(invoice_id, self._clock())
        if account_id:
            log.info("invoice.paid_by_event", invoice=invoice_id, account=account_id)
        return account_id

    def reconcile(self, between: Callable[[], object] = lambda: None) -> int:
        """Read everything that is owed, then each invoice that the ledger holds as owing and that the list did not show.

        Goes on where one broke off that began less than an hour ago. `between` is called after each page and each single
        reading. Returns how many invoices were read one by one. A failure leaves the ledger distrusting its source, so
        that nothing climbs until a reconcile succeeds; what was read before stays. Where only disputes or test clocks could
        not be read, the reconcile counts, and the distrust is all that comes of it.

        Raises:
            SourceUnavailable: an answer was missing, on whichever page (case 7).
        """
        try:
            self._verify_books()
            count = self._reconcile(self._writer.reconciles.begin(self._clock()), between)
        except SourceUnavailable as fault:
            self._writer.reconciles.distrust(str(fault))
            raise
        log.info("reconcile.finished", read_again=count)
        return count

    def _reconcile(self, reconcile: Reconcile, between: Callable[[], object]) -> int:
        run = _Run(between)
        for page in self._source.owing_invoices(reconcile.cursor):
            run.listed += len(page.readings)
            run.differed += self._take(page, reconcile.number)
            between()
        run.aside("test clocks", lambda: self._read_clocks(reconcile.number, run))
        self._read_vanished(reconcile.number, run)
        if run.lost and not (run.listed or run.found or reconcile.cursor):
            # Case 5: another key, another account, or a fault of theirs
            raise SourceUnavailable(
                f"Stripe shows no open invoice at all, and says of the {run.lost} that were open that there are none; "
                "check whose key stripe.api_key is"
            )
        self._each(self._reader.unconfirmed, run)
        run.aside("disputes", lambda: self._read_disputes(run.between))
        changed = bool(run.differed or run.gone)
        if self._writer.reconciles.finish(reconcile, changed=changed, distrust="; ".join(run.faults)):
            log.warning(
                "events.missing",
                what="invoices change, and for hours no event has come; check the webhook endpoint in Stripe, its secret in "
                "stripe.webhook_secrets, and that Stripe can reach it",
            )
        return run.differed + run.found + run.lost

    def _take(self, page: Page, number: int) -> int:
        """Write a page and read again what it points out, how many invoices."""
        differing = self._writer.readings.record_page(page.readings, number, page.cursor)
        for invoice_id in differing:
            self._read(invoice_id)
        if differing and page.cursor:
            self._writer.reconciles.advance(number, page.cursor)
        return len(differing)

    def _read_vanished(self, number: int, run: "_Run") -> None:
        self._each(lambda after, limit: self._reader.owing_not_seen_in(number, after, limit), run)

    def _each(self, some: Callable[[str, int], list[str]], run: "_Run") -> None:
        """Read one by one what `some` asks for, behind an id, so many at once."""
        after = ""
        while batch := some(after, _BATCH):
            for invoice_id in batch:
                reading = self._read(invoice_id)
                if reading is not None:
                    run.found += 1
                    run.gone += reading.invoice.status not in _OWING
                elif not self._reader.test_clock_of(invoice_id):  # one that is deleted takes its customers with it
                    run.lost += 1
                run.between()
            after = batch[-1]

    def _read(self, invoice_id: str, before: tuple[str, ...] = ()) -> Reading | None:
        """Fetch and write under the invoice's optimistic lock: a write that lost is fetched again.

        `before`: the invoices whose chain of revisions led here. None: the billing system says that there is none of this id.
        """
        for _ in range(_TRIES):
            version = self._reader.invoice_version(invoice_id)
            reading = self._source.invoice(invoice_id)
            if reading is None:
                # A draft that was deleted, or a fault: either way no reason to open or to close anything (case 6)
                log.warning("invoice.not_found", invoice=invoice_id)
                return None
            successor = reading.invoice.replaced_by
            if successor and successor not in (*before, invoice_id) and not self._is_issued(successor):
                # The successor is written first, so that a debt which moved is never seen as forgiven
                self._read(successor, (*before, invoice_id))
            if self._writer.readings.record(reading, if_version=version):
                self._learn_clock(reading.customer)
                return reading
        raise SourceUnavailable(f"invoice {invoice_id} changes faster than it can be read; it is read again in the next round")

    def _is_issued(self, invoice_id: str) -> bool:
        """Whether the ledger holds this invoice as more than a draft, which is not owed yet."""
        held = self._reader.invoice(invoice_id)
        return held is not None and held.status != "draft"

    def _read_disputes(self, between: Callable[[], object]) -> None:
        """Those that were opened since the last time, and those that are held as open."""
        began_at, house = self._clock(), self._reader.state()
        since = began_at - _DISPUTES_AT_FIRST
        if house.reconciled_at is not None and not house.distrust:
            since = max(since, house.reconciled_at - _DISPUTES_OVERLAP)
        shown: set[str] = set()
        for page in self._source.disputes(since):
            self._writer.disputes.record(((one.dispute, one.customer_id) for one in page), began_at)
            shown.update(one.dispute.id for one in page)
            between()
        for dispute_id in self._reader.open_disputes():
            if dispute_id not in shown:
                self._read_dispute(dispute_id)
                between()

    def _read_dispute(self, dispute_id: str) -> None:
        began_at = self._clock()
        found = self._source.dispute(dispute_id)
        if found is None:
            log.warning("dispute.not_found", dispute=dispute_id)
        else:
            self._writer.disputes.record([(found.dispute, found.customer_id)], began_at)

    def _read_clocks(self, number: int, run: "_Run") -> None:
        """The time of each test clock, and what the customers owe who live by it: no other list shows them."""
        times = self._source.clocks()
        for clock_id in times:
            for page in self._source.owing_invoices_of_clock(clock_id):
                run.differed += self._take(page, number)
                run.between()
        self._writer.clocks.record(times)

    def _learn_clock(self, customer: Customer) -> None:
        """Whoever lives by a test clock must not be judged by ours while its time is unknown."""
        if customer.test_clock and self._reader.lacks_time(customer.account_id or customer.id):
            self._writer.clocks.record(self._source.clocks())

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
            self._writer.reconciles.pin(found)
        elif pinned != found:
            raise WrongBooks(f"this ledger was kept for {_named(pinned)}, but the key opens {_named(found)}")
        self._verified = True


def _named(identity: Identity) -> str:
    return f"the {'live' if identity.livemode else 'test'} books of {identity.account}"
