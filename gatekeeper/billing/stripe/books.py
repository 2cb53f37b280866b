"""Stripe as a `Source`: read only, version pinned, every object checked for its mode."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import httpx
import structlog

from gatekeeper.billing.source import DisputeReading, Page, SourceUnavailable
from gatekeeper.billing.stripe import words
from gatekeeper.billing.stripe.asking import Asking, ListPage, is_denied, is_missing, is_unknown_address, refuses_cursor
from gatekeeper.billing.stripe.pace import Pace
from gatekeeper.billing.stripe.shapes import read_list
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.model import Customer, Identity, Reading

_OWING: Final = ("open", "uncollectible")
_WITH_PAYMENTS: Final = ["customer", "payments.data.payment.payment_intent"]
_NAME_THEIR_INVOICE: Final = frozenset({"invoice_payment", "credit_note"})

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class StripeBooks:
    """Stripe's billing objects, asked for over `client` at this pace. `clock` says at which instant a fetch began."""

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str,
        mapper: Mapper,
        client: httpx.Client,
        clock: Callable[[], datetime],
        pace: Pace,
    ) -> None:
        self._asking = Asking(api_key=api_key, api_base=api_base, client=client, clock=clock, pace=pace)
        self._mapper = mapper
        self._clock = clock
        self._missed: set[str] = set()

    def identity(self) -> Identity:
        return Identity(account=words.account_id(self._asking.account()), livemode=self._asking.livemode)

    def owing_invoices(self, cursor: str = "") -> Iterator[Page]:
        """As in `Source`. A cursor is `STATUS:ID`; behind an id that Stripe does not know any more the list begins anew."""
        begun, _, behind = cursor.partition(":")
        at = _OWING.index(begun) if begun in _OWING else 0
        for status, following in zip(_OWING[at:], (*_OWING[at + 1 :], ""), strict=True):
            for page in self._owing(status, behind if status == begun else ""):
                goes_on = f"{status}:{page.last}" if page.last else f"{following}:" if following else ""
                yield Page(self._readings(page), goes_on)

    def invoice(self, invoice_id: str) -> Reading | None:
        began_at = self._clock()
        document = self._asking.one("invoices", invoice_id, expand=_WITH_PAYMENTS)
        if document is None:
            return None
        if words.hides_payments(document):
            open_ones = {"invoice": invoice_id, "status": "open", "expand": ["data.payment.payment_intent"]}
            document["payments"] = self._asking.first_of("invoice_payments", **open_ones)
        return self._reading(document, began_at)

    def customer(self, customer_id: str) -> Customer | None:
        document = self._asking.one("customers", customer_id)
        return None if document is None else self._mapper.customer(document)

    def payment_page(self, invoice_id: str) -> str | None:
        document = self._asking.one("invoices", invoice_id)
        return None if document is None else words.payment_page(document)

    def pdf(self, invoice_id: str) -> str | None:
        document = self._asking.one("invoices", invoice_id)
        return None if document is None else words.pdf(document)

    def dispute(self, dispute_id: str) -> DisputeReading | None:
        read_at = self._clock()
        for document in self._tolerated("disputes", lambda: [self._asking.one("disputes", dispute_id, expand=["charge"])]):
            return None if document is None else words.dispute(document, read_at=read_at)
        return None

    def disputes(self, since: datetime) -> Iterator[Sequence[DisputeReading]]:
        opened: dict[str, Any] = {"created": {"gte": int(since.timestamp())}, "expand": ["data.charge"]}
        for page in self._tolerated("disputes", lambda: self._asking.pages("disputes", **opened)):
            yield [words.dispute(document, read_at=page.began_at) for document in page.documents]

    def invoice_of(self, kind: str, object_id: str) -> str | None:
        """As in `Source`. None too where the key may not read it: the invoice has events of its own."""
        for document in self._tolerated(f"{kind}s", lambda: [self._about_invoice(kind, object_id)]):
            return None if document is None else words.invoice_of(document)
        return None

    def clocks(self) -> Mapping[str, datetime]:
        if self._asking.livemode:
            return {}
        pages = self._tolerated("test clocks", lambda: self._asking.pages("test_helpers/test_clocks"))
        return dict(words.clock(document) for page in pages for document in page.documents)

    def owing_invoices_of_clock(self, clock_id: str) -> Iterator[Page]:
        """As in `Source`: a list for each of its customers, since Stripe leaves them out of all the others. Without cursors."""
        if self._asking.livemode:
            return
        for customers in self._tolerated("test clocks", lambda: self._asking.pages("customers", test_clock=clock_id)):
            for customer in customers.documents:
                for status in _OWING:
                    for page in self._owing(status, customer=customer["id"]):
                        yield Page(self._readings(page), "")

    def _owing(self, status: str, behind: str = "", **of: str) -> Iterator[ListPage]:
        owing: dict[str, Any] = {"status": status, "expand": ["data.customer"], **of}
        pages = self._asking.pages("invoices", behind=behind, **owing)
        try:
            first = next(pages)
        except SourceUnavailable as fault:
            if not behind or not refuses_cursor(fault):
                raise
            pages = self._asking.pages("invoices", **owing)
            first = next(pages)
        yield first
        yield from pages

    def _about_invoice(self, kind: str, object_id: str) -> dict[str, Any] | None:
        """An object that names its invoice: this one, or the payment that was made by this intent."""
        if kind in _NAME_THEIR_INVOICE:
            return self._asking.one(f"{kind}s", object_id)
        by_intent = {"payment": {"type": kind, kind: object_id}, "limit": 1}
        payments, _ = read_list(self._asking.first_of("invoice_payments", **by_intent))
        return payments[0] if payments else None

    def _readings(self, page: ListPage) -> list[Reading]:
        read = (self._reading(document, page.began_at, listed=True) for document in page.documents)
        return [reading for reading in read if reading is not None]

    def _reading(self, document: dict[str, Any], began_at: datetime, *, listed: bool = False) -> Reading | None:
        """The reading; None for an invoice whose customer is not one of v1 (Accounts v2), which we cannot map yet."""
        if document.get("customer", "") is None and document.get("customer_account") is not None:
            log.warning("invoice.without_customer", invoice=document.get("id"))
            return None
        return self._mapper.reading(document, read_at=began_at, listed=listed)

    def _tolerated(self, what: str, ask: Callable[[], Iterable[_T]]) -> Iterator[_T]:
        """What is good to know and can be done without: nothing, and one line in the log, where there is no access to it."""
        try:
            yield from ask()
            self._missed.discard(what)
        except SourceUnavailable as fault:
            if is_missing(fault):
                return
            if not is_denied(fault) and (self._asking.livemode or not is_unknown_address(fault)):
                raise
            if what not in self._missed:
                log.warning("source.goes_without", what=what, because=str(fault))
            self._missed.add(what)
