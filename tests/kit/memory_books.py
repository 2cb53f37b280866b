"""A billing system in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gatekeeper.billing.source import DisputeReading, Page, SourceUnavailable
from gatekeeper.model import Audience, Customer, Dispute, Identity, Invoice, Reading
from tests.kit.builders import DUE_AT, invoice
from tests.kit.standin import MovableClock


class Books:
    """A `Source` in memory.

    `down`: why it gives no answer (empty: it answers); `fails`: the same for single questions, by their names; `breaks_at`: how
    many pages of a list it gives before it is down. `asked`: the invoices that were read singly; `pages`: the cursors that
    pages were read behind.
    """

    def __init__(self, clock: MovableClock) -> None:
        self.invoices: dict[str, Invoice] = {}
        self.customers: dict[str, Customer] = {}
        self.open_disputes: dict[str, DisputeReading] = {}
        self.times: dict[str, datetime] = {}
        self.down = ""
        self.fails: dict[str, str] = {}
        self.breaks_at: int | None = None
        self.page_size = 100
        self.asked: list[str] = []
        self.pages: list[str] = []
        self.account, self.livemode = "acct_test", False
        self._clock = clock

    def owe(self, account: str, *, due_at: datetime = DUE_AT, **changes: object) -> str:
        """An open invoice of this account, whose customer has an accountant and a user; the id of the invoice."""
        customer_id, number = f"cus_{account}", 1 + sum(one.account_id == account for one in self.invoices.values())
        addresses = tuple((audience, f"{audience}@{account}.example") for audience in Audience)
        customer = Customer(id=customer_id, account_id=account, name=account.capitalize(), addresses=addresses)
        self.customers.setdefault(customer_id, customer)
        made = replace(
            invoice(),
            id=f"in_{account}_{number}",
            lineage=f"in_{account}_{number}",
            customer_id=customer_id,
            account_id=account,
            number=f"{account.upper()}-{number}",
            due_at=due_at,
        )
        self.invoices[made.id] = replace(made, **changes)
        return made.id

    def change(self, invoice_id: str, **changes: object) -> None:
        self.invoices[invoice_id] = replace(self.invoices[invoice_id], **changes)

    def pay(self, invoice_id: str) -> None:
        self.change(invoice_id, status="paid", remaining_minor=0, settled_at=self._clock())

    def revise(self, invoice_id: str, **changes: object) -> str:
        """The invoice is void and replaced by another; the id of that."""
        old, newer = self.invoices[invoice_id], f"{invoice_id}r"
        self.invoices[newer] = replace(old, **({"id": newer, "lineage": invoice_id, "created_at": self._clock()} | changes))
        self.change(invoice_id, status="void", replaced_by=newer, settled_at=self._clock())
        return newer

    def dispute_payment(self, account: str, *, closed_at: datetime | None = None) -> str:
        """The bank of this account's customer calls a payment back in question, or is done with that; the id of the dispute."""
        dispute_id = f"dp_{account}"
        held = self.open_disputes.get(dispute_id)
        opened_at = self._clock() if held is None else held.dispute.opened_at
        dispute = Dispute(id=dispute_id, opened_at=opened_at, closed_at=closed_at)
        self.open_disputes[dispute_id] = DisputeReading(dispute, f"cus_{account}")
        return dispute_id

    def live_by_clock(self, account: str, clock_id: str, at: datetime) -> None:
        """The customer of this account lives by a test clock, which shows this time."""
        customer_id = f"cus_{account}"
        self.customers[customer_id] = replace(self.customers[customer_id], test_clock=clock_id)
        self.times[clock_id] = at

    def identity(self) -> Identity:
        self._answer("identity")
        return Identity(account=self.account, livemode=self.livemode)

    def owing_invoices(self, cursor: str = "") -> Iterator[Page]:
        return self._pages(cursor, "")

    def invoice(self, invoice_id: str) -> Reading | None:
        self._answer("invoice")
        self.asked.append(invoice_id)
        found = self.invoices.get(invoice_id)
        return None if found is None else self._reading(found)

    def customer(self, customer_id: str) -> Customer | None:
        self._answer("customer")
        return self.customers.get(customer_id)

    def dispute(self, dispute_id: str) -> DisputeReading | None:
        self._answer("dispute")
        return self.open_disputes.get(dispute_id)

    def disputes(self, since: datetime) -> Iterator[Sequence[DisputeReading]]:
        self._answer("disputes")
        yield [one for one in self.open_disputes.values() if one.dispute.opened_at >= since]

    def invoice_of(self, kind: str, object_id: str) -> str | None:
        """In these books `KIND_INVOICE` is about that invoice."""
        self._answer("invoice_of")
        invoice_id = object_id.removeprefix(f"{kind}_")
        return invoice_id if invoice_id in self.invoices else None

    def clocks(self) -> Mapping[str, datetime]:
        self._answer("clocks")
        return dict(self.times)

    def owing_invoices_of_clock(self, clock_id: str) -> Iterator[Page]:
        return self._pages("", clock_id)

    def payment_page(self, invoice_id: str) -> str | None:
        self._answer("payment_page")
        return f"https://pay.example/{invoice_id}"

    def pdf(self, invoice_id: str) -> str | None:
        self._answer("pdf")
        return f"https://pay.example/{invoice_id}.pdf"

    def _pages(self, cursor: str, clock_id: str) -> Iterator[Page]:
        self._answer("owing_invoices_of_clock" if clock_id else "owing_invoices")
        behind = list(self.invoices).index(cursor) + 1 if cursor else 0
        listed = [
            one
            for one in list(self.invoices.values())[behind:]
            if one.status in {"open", "uncollectible"} and self.customers[one.customer_id].test_clock == clock_id
        ]
        for number, start in enumerate(range(0, len(listed), self.page_size)):
            if number == self.breaks_at:
                raise SourceUnavailable("the list broke off")
            self.pages.append(listed[start - 1].id if start else cursor)
            page = listed[start : start + self.page_size]
            more = start + self.page_size < len(listed) and not clock_id
            yield Page([self._listed(one) for one in page], page[-1].id if more else "")

    def _reading(self, one: Invoice) -> Reading:
        return Reading(invoice=replace(one, read_at=self._clock()), customer=self.customers[one.customer_id])

    def _listed(self, one: Invoice) -> Reading:
        return self._reading(replace(one, processing_since_at=None))

    def _answer(self, question: str) -> None:
        if why := self.down or self.fails.get(question):
            raise SourceUnavailable(why)
