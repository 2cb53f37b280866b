"""The few questions that we ask a billing system. A second system is a second answer to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gatekeeper.model import Customer, Dispute, Identity, Reading


class SourceUnavailable(Exception):
    """The billing system gave no answer that can be believed; nothing follows from that, for or against anyone (rule 2)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and the `cursor` behind which the list goes on; empty: this is its end."""

    readings: Sequence[Reading]
    cursor: str


@dataclass(frozen=True, slots=True)
class DisputeReading:
    """A dispute, and the customer whose payment it is about; empty where the biller does not say."""

    dispute: Dispute
    customer_id: str


class Source(Protocol):
    """Every method raises SourceUnavailable, with a text for people, where there is no answer that can be believed."""

    def identity(self) -> Identity:
        """Whose books the key opens."""

    def owing_invoices(self, cursor: str = "") -> Iterator[Page]:
        """Every invoice that is open or written off, page by page, from `cursor` on.

        Without what a list cannot show (payments on their way), and without those of customers who live by a test clock.
        """

    def invoice(self, invoice_id: str) -> Reading | None:
        """One invoice as it is now; None: the billing system says that there is none of this id."""

    def customer(self, customer_id: str) -> Customer | None:
        """One customer as it is now; None as above."""

    def dispute(self, dispute_id: str) -> DisputeReading | None:
        """One dispute as it is now; None as above, or where the key may not read disputes."""

    def disputes(self, since: datetime) -> Iterator[Sequence[DisputeReading]]:
        """Every dispute that was opened since then, page by page; none where the key may not read disputes."""

    def invoice_of(self, kind: str, object_id: str) -> str | None:
        """The invoice that another object of the biller is about: an `invoice_payment`, `credit_note` or `payment_intent`.

        None: it is about no invoice, or there is none of this id.
        """

    def clocks(self) -> Mapping[str, datetime]:
        """The time of every test clock, by its id; in live mode there are none."""

    def owing_invoices_of_clock(self, clock_id: str) -> Iterator[Page]:
        """Every invoice that is open or written off, of the customers who live by this test clock."""

    def payment_page(self, invoice_id: str) -> str | None:
        """Where this invoice can be paid at this moment; None: it cannot, or need not be. Never stored: it expires."""

    def pdf(self, invoice_id: str) -> str | None:
        """Where this invoice can be had as a PDF at this moment; None: nowhere. Never stored: it expires."""
