"""What happens in the books of a torture, and what Stripe says of it: at once, late, twice, in any order, or never."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gatekeeper.ledger.writer.inbox import Arrival
from gatekeeper.model import Audience, Invoice
from tests.kit.builders import invoice
from tests.torture.stage import Stage


class Biller:
    """Each doing is drawn by its name; the dice of the stage decide the details."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._books, self._clock = stage.books, stage.clock
        self._made = 0
        self._said = 0

    # In the books

    def bill(self) -> None:
        self._made += 1
        account, dice = self._someone(), self._stage.dice
        name = f"more{self._made}"
        terms: dict[str, Any] = {
            "due_at": self._clock() + timedelta(days=dice.choice([0, 1, 10, 20])),
            "created_at": self._clock(),
            "finalized_at": self._clock(),
            "remaining_minor": dice.choice([5000, 5000, 60]),
        }
        if dice.random() < 0.2:
            terms |= {"due_at": None, "automatic": True, "attempted": True}
        made = replace(invoice(1), id=f"in_{name}", lineage=f"in_{name}", number=name, customer_id=f"cus_{account}", **terms)
        self._books.invoices[made.id] = replace(made, account_id=account)
        self._tell(made.id, "invoice.finalized")

    def pay(self) -> None:
        for one in self._owed(1):
            self._pay(one)

    def pay_all(self) -> None:
        """Somebody settles all of it, as people do who want to be let in again."""
        owed = self._owed(1)
        theirs = [one for one in self._books.invoices.values() if owed and one.customer_id == owed[0].customer_id]
        for one in theirs:
            if one.owed or one.status == "uncollectible":
                self._pay(one)

    def pay_unheard(self) -> None:
        for one in self._owed(1):
            self._books.pay(one.id)

    def pay_in_part(self) -> None:
        for one in self._owed(1):
            self._change(one, remaining_minor=self._stage.dice.choice([30, 1000, one.remaining_minor]))

    def credit(self) -> None:
        for one in self._owed(1):
            self._change(one, remaining_minor=0)

    def revise(self) -> None:
        for one in self._owed(1):
            if one.lineage == one.id:
                newer = self._books.revise(one.id)
                told = [(one.id, "invoice.voided"), (newer, "invoice.finalized")]
                self._stage.dice.shuffle(told)
                for object_id, kind in told:
                    self._tell(object_id, kind)

    def void(self) -> None:
        for one in self._owed(1):
            self._change(one, "invoice.voided", status="void", settled_at=self._clock())

    def write_off(self) -> None:
        for one in self._owed(1):
            self._change(one, status="uncollectible")

    def pay_by_bank(self) -> None:
        for one in self._owed(1):
            self._change(one, processing_since_at=self._clock())

    def fail_at_bank(self) -> None:
        for one in self._owed(9):
            if one.processing_since_at is not None:
                self._change(one, processing_since_at=None)

    def collect_in_vain(self) -> None:
        """Much of what Stripe says of an invoice is no news of a payment."""
        for one in self._owed(1):
            self._tell(one.id, "invoice.payment_failed")

    def dispute(self) -> None:
        account = self._someone()
        held = self._books.open_disputes.get(f"dp_{account}")
        if held is None or held.dispute.closed_at is not None:
            self._tell(self._books.dispute_payment(account), "charge.dispute.created")

    def settle_disputes(self) -> None:
        for account in self._stage.names:
            if f"dp_{account}" in self._books.open_disputes:
                self._tell(self._books.dispute_payment(account, closed_at=self._clock()), "charge.dispute.closed")

    def move_customer(self) -> None:
        self._change_customer(account_id=self._stage.dice.choice([*self._stage.names, "", "new"]) or None)

    def delete_customer(self) -> None:
        self._change_customer(deleted=True, addresses=(), account_id=None)

    def change_people(self) -> None:
        name = self._stage.dice.choice("xyz")
        self._change_customer(addresses=tuple((audience, f"{audience}@{name}.example") for audience in Audience))

    def _change_customer(self, **changes: Any) -> None:
        customer_id = f"cus_{self._someone()}"
        self._books.customers[customer_id] = replace(self._books.customers[customer_id], **changes)
        self._tell(customer_id, "customer.updated")

    # What Stripe says of it: at once, late, twice, in any order, or never

    def hear(self) -> None:
        for _ in range(self._stage.dice.choice([1, 1, 3])):
            if self._stage.events:
                self._deliver(*self._stage.dice.choice(self._stage.events))

    def _tell(self, object_id: str, kind: str) -> None:
        shown = self._books.invoices.get(object_id)
        said = (object_id, kind, {} if shown is None else {"status": shown.status})
        self._stage.events.append(said)
        if self._stage.dice.random() < 0.6:
            self._deliver(*said)

    def _deliver(self, object_id: str, kind: str, shows: dict[str, object]) -> None:
        if shows.get("status") == "paid":
            self._stage.memory.paid_by_event.add(object_id)
        self._said += 1
        event_id = f"evt_{self._said}"
        shown = {"id": event_id, "type": kind, "data": {"object": {"id": object_id} | shows}}
        come: dict[str, Any] = {
            "event_id": event_id,
            "kind": kind,
            "object_id": object_id,
            "body": json.dumps(shown).encode(),
            "wanted": True,
        }
        if self._said % 2:
            self._stage.writer.inbox.store(**come, now=self._clock())
        else:
            self._stage.writer.inbox.store_many([Arrival(**come, received_at=self._clock())])

    # Their parts

    def _someone(self) -> str:
        return self._stage.dice.choice(self._stage.names)

    def _owed(self, most: int) -> list[Invoice]:
        owed = [one for one in self._books.invoices.values() if one.owed]
        return self._stage.dice.sample(owed, min(most, len(owed)))

    def _pay(self, one: Invoice) -> None:
        self._books.pay(one.id)
        self._change(self._books.invoices[one.id], "invoice.paid", processing_since_at=None)

    def _change(self, one: Invoice, kind: str = "invoice.updated", **changes: Any) -> None:
        self._books.change(one.id, **changes)
        self._tell(one.id, kind)
