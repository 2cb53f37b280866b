"""The few questions that we ask a billing system. A second system is a second answer to them."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from gatekeeper.model import Customer, Identity, Reading


class SourceUnavailable(Exception):
    """The billing system gave no answer that can be believed; nothing follows from that, for or against anyone (rule 2)."""


class Source(Protocol):
    """Every method raises SourceUnavailable, with a text for people, where there is no answer that can be believed."""

    def identity(self) -> Identity:
        """Whose books the key opens."""

    def open_invoices(self) -> Iterator[Sequence[Reading]]:
        """Every open invoice, page by page, without what a list cannot show (payments on their way)."""

    def invoice(self, invoice_id: str) -> Reading | None:
        """One invoice as it is now; None: the billing system says that there is none of this id."""

    def customer(self, customer_id: str) -> Customer | None:
        """One customer as it is now; None as above."""

    def payment_page(self, invoice_id: str) -> str | None:
        """Where this invoice can be paid at this moment; None: it cannot, or need not be. Never stored: it expires."""
