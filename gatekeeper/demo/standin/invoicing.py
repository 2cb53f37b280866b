"""The life of an invoice: `draft → open → paid | uncollectible | void`, its credit notes and its revisions."""

from dataclasses import replace

from gatekeeper.demo.standin.disputing import Disputing
from gatekeeper.demo.standin.records import Collection, CreditNote, Invoice, Line, Price, Refused
from gatekeeper.demo.standin.store import change

_DAY = 86_400


class Invoicing(Disputing):
    """The verbs of invoices. `full_credit_pays`: whether an open invoice that is credited in full becomes `paid`, or stays
    `open` with nothing remaining (Stripe's pages leave it open which).
    """

    full_credit_pays = False

    @change
    def create_invoice(
        self,
        customer: str,
        *,
        currency: str = "eur",
        collection_method: Collection = "charge_automatically",
        days_until_due: int | None = None,
        due_date: int | None = None,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        auto_advance: bool = False,
        subscription: str | None = None,
        billing_reason: str = "manual",
        revises: str | None = None,
    ) -> Invoice:
        """A draft. As in Stripe a due date belongs to `send_invoice` and lies in the future.

        Raises:
            Refused: no such customer, or terms that do not fit the collection method.
        """
        payer, now = self.customer(customer), self.now()
        if collection_method == "charge_automatically" and (days_until_due, due_date) != (None, None):
            raise Refused("A due date belongs to collection_method=send_invoice.", param="due_date")
        if collection_method == "send_invoice" and (days_until_due is None) == (due_date is None):
            raise Refused("Pass days_until_due or due_date, one of them.", param="days_until_due")
        if due_date is not None and due_date <= now:
            raise Refused("due_date must be in the future.", param="due_date")
        it = Invoice(
            id=self.new_id("in"),
            created=now,
            customer=payer.id,
            currency=currency,
            collection_method=collection_method,
            days_until_due=days_until_due,
            due_date=due_date,
            description=description,
            metadata=metadata or {},
            auto_advance=auto_advance,
            subscription=subscription,
            billing_reason=billing_reason,
            revises=revises,
            customer_email=payer.email,
            customer_name=payer.name,
        )
        if days_until_due is not None:
            it.due_date = now + days_until_due * _DAY
        self.invoices[it.id] = it
        self.record("invoice.created", it)
        return it

    @change
    def add_line(
        self,
        invoice_id: str,
        amount: int,
        *,
        description: str = "",
        price: Price | None = None,
        quantity: int = 1,
        item: str | None = None,
        period: tuple[int, int] | None = None,
    ) -> Line:
        """Put an amount on a draft."""
        it, now = self._draft(invoice_id), self.now()
        start, end = period or (now, now)
        line = Line(
            id=self.new_id("il"),
            item=item or self.new_id("ii"),
            amount=amount,
            description=description,
            start=start,
            end=end,
            quantity=quantity,
            price=price,
        )
        it.lines.append(line)
        self.record("invoice.updated", it)
        return line

    @change
    def finalize(self, invoice_id: str) -> Invoice:
        """Number it, freeze the customer's name and address on it, and open it for payment; one of nothing is paid at once."""
        it = self._draft(invoice_id)
        payer = self.customers[it.customer]
        it.status, it.finalized_at = "open", self.now()
        it.number = f"{payer.invoice_prefix}-{payer.next_invoice_sequence:04}"
        payer.next_invoice_sequence += 1
        payer.currency = payer.currency or it.currency
        it.customer_email, it.customer_name = payer.email, payer.name
        if it.days_until_due is not None:
            it.due_date = it.finalized_at + it.days_until_due * _DAY
        self.record("invoice.updated", it)
        self.record("invoice.finalized", it)
        self.open_for_payment(it)
        if it.revises is not None:
            self._replace(self.invoice(it.revises), it)
        return it

    @change
    def delete_draft(self, invoice_id: str) -> None:
        """After this the invoice is not found any more."""
        it = self._draft(invoice_id)
        del self.invoices[invoice_id]
        self.record("invoice.deleted", it)

    @change
    def send(self, invoice_id: str) -> Invoice:
        it = self.invoice(invoice_id)
        if it.collection_method != "send_invoice":
            raise Refused("You can only manually send an invoice if its collection method is 'send_invoice'.")
        if it.status == "draft":
            self.finalize(invoice_id)
        self.record("invoice.sent", it)
        return it

    @change
    def void(self, invoice_id: str) -> Invoice:
        it = self.invoice(invoice_id)
        if it.status not in {"open", "uncollectible"}:
            raise Refused(f"You can only void an open or uncollectible invoice; this one is {it.status}.")
        with self.following(it):
            it.status, it.voided_at = "void", self.now()
            it.auto_advance, it.next_payment_attempt = False, None
            self.close_payments(it)
            self.record("invoice.updated", it)
            self.record("invoice.voided", it)
        return it

    @change
    def mark_uncollectible(self, invoice_id: str) -> Invoice:
        """A bad debt: nobody collects it any more, yet it can still be paid."""
        it = self.invoice(invoice_id)
        if it.status != "open":
            raise Refused(f"You can only mark an open invoice as uncollectible; this one is {it.status}.")
        with self.following(it):
            it.status, it.marked_uncollectible_at = "uncollectible", self.now()
            it.auto_advance, it.next_payment_attempt = False, None
            self.customers[it.customer].delinquent = False
            self.record("invoice.updated", it)
            self.record("invoice.marked_uncollectible", it)
        return it

    @change
    def credit(
        self,
        invoice_id: str,
        amount: int,
        *,
        memo: str | None = None,
        reason: str | None = None,
        out_of_band: int | None = None,
    ) -> CreditNote:
        """Credit an amount: first against what remains, the rest against what was paid.

        Raises:
            Refused: a draft or a void invoice, or more than what was billed and not yet credited.
        """
        it = self.invoice(invoice_id)
        if it.status not in {"open", "paid", "uncollectible"}:
            raise Refused(f"A credit note belongs to a finalized invoice; this one is {it.status}.", param="invoice")
        before = min(amount, it.amount_remaining)
        after = amount - before
        if amount <= 0 or after > it.amount_paid - it.post_payment_credit_notes_amount:
            raise Refused("The sum of credit notes cannot be more than the invoice's amount.", param="amount")
        earlier = sum(1 for note in self.credit_notes.values() if note.invoice == it.id)
        note = CreditNote(
            id=self.new_id("cn"),
            created=self.now(),
            number=f"{it.number}-CN-{earlier + 1:02}",
            invoice=it.id,
            customer=it.customer,
            currency=it.currency,
            before=before,
            after=after,
            out_of_band=out_of_band,
            memo=memo,
            reason=reason,
        )
        self.credit_notes[note.id] = note
        it.pre_payment_credit_notes_amount += before
        it.post_payment_credit_notes_amount += after
        self.record("credit_note.created", note)
        self.record("invoice.updated", it)
        if self.full_credit_pays and it.status == "open" and it.amount_remaining == 0:
            self.settle(it, by_stripe=False)
        return note

    @change
    def revise(self, invoice_id: str, *, amount: int | None = None, days_until_due: int | None = None) -> Invoice:
        """Replace a finalized invoice by a corrected one, as "edit invoice" in the Dashboard does; the old one becomes void.

        `amount` None: the same; `days_until_due` (from today) None: the old one's term.
        """
        old = self.invoice(invoice_id)
        term = (days_until_due if days_until_due is not None else old.days_until_due) if old.due_date is not None else None
        explicit = old.due_date if old.due_date is not None and term is None else None
        new = self.create_revision(invoice_id, days_until_due=term, due_date=explicit)
        if amount is not None:
            new.lines = [Line(id=self.new_id("il"), item=self.new_id("ii"), amount=amount, description="Corrected",
                              start=new.created, end=new.created)]  # fmt: skip
        return self.finalize(new.id)

    @change
    def create_revision(self, invoice_id: str, *, days_until_due: int | None = None, due_date: int | None = None) -> Invoice:
        """The draft of a revision: a copy of the lines; the old invoice becomes void when the draft is finalized."""
        old = self.invoice(invoice_id)
        if old.status not in {"open", "uncollectible"}:
            raise Refused(f"Only a finalized, unpaid invoice can be revised; this one is {old.status}.", param="from_invoice")
        new = self.create_invoice(
            old.customer,
            currency=old.currency,
            collection_method=old.collection_method,
            days_until_due=days_until_due,
            due_date=due_date,
            description=old.description,
            metadata=dict(old.metadata),
            subscription=old.subscription,
            billing_reason=old.billing_reason,
            revises=old.id,
        )
        new.lines = [replace(line, id=self.new_id("il")) for line in old.lines]
        return new

    def _replace(self, old: Invoice, new: Invoice) -> None:
        old.latest_revision = new.id
        self.void(old.id)
        own = self.subscriptions.get(old.subscription or "")
        if own is not None and own.latest_invoice == old.id:
            own.latest_invoice = new.id

    def _draft(self, invoice_id: str) -> Invoice:
        it = self.invoice(invoice_id)
        if it.status != "draft":
            raise Refused("This invoice is no longer a draft, so it cannot be changed.", code="invoice_not_editable")
        return it
