"""How money reaches an invoice: by card, in parts, by a bank debit that takes days, outside Stripe; and how it fails to.

Stripe's pages on statuses, partial payments and bank debits: `paid` and `void` are final, `uncollectible` can still be paid; a
part payment leaves the invoice open; only automatic retries count as further attempts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from gatekeeper.demo.standin.records import Intent, Invoice, Payment, Refused
from gatekeeper.demo.standin.store import Store, change, found

_DAY = 86_400
_DECLINING = "Fail"  # pm_card_chargeCustomerFail, Stripe's test card that cannot be charged
_DECLINED = "Your card was declined."


def declines(payment_method: str | None) -> bool:
    return payment_method is not None and _DECLINING in payment_method


class Paying(Store):
    """The verbs of payment. Amounts are minor units of the invoice's currency."""

    @change
    def pay(self, invoice_id: str, *, out_of_band: bool = False, payment_method: str | None = None) -> Invoice:
        """Pay what remains: by card (a customer without a payment method has a good card), or booked as paid outside Stripe.

        Raises:
            Refused: nothing to pay, or (402, `card_declined`) the card is refused.
        """
        it = self._payable(invoice_id)
        if out_of_band:
            record = Payment(
                id=self.new_id("inpay"),
                created=self.now(),
                invoice=it.id,
                amount_requested=it.amount_remaining,
                currency=it.currency,
                intent=None,
                record=self.new_id("pyrec"),
            )
            self.payments[record.id] = record
            it.amount_paid_off_stripe += it.amount_remaining
            self._take(record, it, by_stripe=False)
            return it
        method = payment_method or self.customers[it.customer].payment_method
        if declines(method):
            self._decline(it, next_attempt_at=it.next_payment_attempt, retry=False)
            raise Refused(_DECLINED, status=402, kind="card_error", code="card_declined")
        self._succeed(self._due_payment(it), it, method or "pm_card_visa")
        return it

    @change
    def create_intent(
        self,
        *,
        amount: int,
        currency: str,
        customer: str | None = None,
        payment_method: str | None = None,
        confirm: bool = False,
    ) -> Intent:
        """A payment that is tied to no invoice yet; `confirm` takes the money at once."""
        it = Intent(
            id=self.new_id("pi"),
            created=self.now(),
            amount=amount,
            currency=currency,
            customer=customer,
            payment_method=payment_method,
        )
        self.intents[it.id] = it
        if confirm:
            if declines(payment_method):
                raise Refused(_DECLINED, status=402, kind="card_error", code="card_declined")
            it.status = "succeeded"
            self.record("payment_intent.succeeded", it)
        return it

    @change
    def attach_payment(self, invoice_id: str, intent_id: str) -> Invoice:
        """Tie an intent to an invoice; if its money is there, it counts at once, in part or whole."""
        it, intent = self._payable(invoice_id), found(self.intents, "payment_intent", intent_id)
        if intent.currency != it.currency:
            raise Refused(f"The payment is in {intent.currency}, the invoice in {it.currency}.", param="payment_intent")
        payment = self._tie(it, intent, amount=intent.amount)
        if intent.status == "succeeded":
            self._take(payment, it)
        return it

    @change
    def part_pay(self, invoice_id: str, amount: int) -> Invoice:
        """The customer has paid `amount` towards the invoice; more than what remains is counted as overpaid."""
        it = self._payable(invoice_id)
        intent = self.create_intent(
            amount=amount, currency=it.currency, customer=it.customer, payment_method="pm_card_visa", confirm=True
        )
        return self.attach_payment(invoice_id, intent.id)

    @change
    def start_processing(self, invoice_id: str) -> Invoice:
        """A bank debit of what remains is on its way: the invoice stays open while its intent is `processing`."""
        it = self._payable(invoice_id)
        payment = self._due_payment(it)
        intent = self.intents[payment.intent or ""]
        intent.status, intent.payment_method, intent.failure = "processing", "pm_sepaDebit", None
        self._attempt(it, retry=False)
        self.record("payment_intent.processing", intent)
        self.record("invoice.updated", it)
        return it

    @change
    def succeed_processing(self, invoice_id: str) -> Invoice:
        it, payment = self._processing(invoice_id)
        self._succeed(payment, it, "pm_sepaDebit")
        return it

    @change
    def fail_processing(self, invoice_id: str) -> Invoice:
        it, _ = self._processing(invoice_id)
        self._decline(it, next_attempt_at=it.next_payment_attempt, retry=False)
        return it

    @change
    def fail_payment(self, invoice_id: str, *, retry_in_days: int | None = 3) -> Invoice:
        """One of Stripe's own attempts at the card has failed; `retry_in_days` None: it makes no further one.

        Raises:
            Refused: the invoice is not open, or is not collected automatically.
        """
        it = self._payable(invoice_id)
        if it.collection_method != "charge_automatically" or it.status != "open":
            raise Refused("Only an open invoice that is collected automatically has attempts of its own.", param="invoice")
        self._decline(it, next_attempt_at=None if retry_in_days is None else self.now() + retry_in_days * _DAY, retry=True)
        return it

    def open_for_payment(self, it: Invoice) -> None:
        """What finalizing does: an invoice with something to pay gets its payment, one without is paid."""
        if it.amount_due > 0:
            self._due_payment(it)
        else:
            it.attempted = True
            self.settle(it, by_stripe=True)

    def close_payments(self, it: Invoice) -> None:
        """Cancel what was still to be paid."""
        for payment in self.payments_of(it.id):
            if payment.status == "open":
                payment.status, payment.canceled_at = "canceled", self.now()
                if payment.intent is not None:
                    intent = self.intents[payment.intent]
                    intent.status, intent.canceled_at = "canceled", self.now()

    @contextmanager
    def following(self, it: Invoice) -> Iterator[None]:
        """Record whether what happens to the invoice changes the status of the subscription whose latest it is."""
        own = self.subscriptions.get(it.subscription or "")
        latest = own is not None and own.latest_invoice == it.id
        before = own.status(it, self.now()) if own is not None and latest else None
        yield
        if own is not None and latest and own.status(it, self.now()) != before:
            self.record("customer.subscription.updated", own)

    def _payable(self, invoice_id: str) -> Invoice:
        it = self.invoice(invoice_id)
        if it.status == "paid":
            raise Refused("Invoice is already paid", code="invoice_already_paid")
        if it.status not in {"open", "uncollectible"}:
            raise Refused(
                f"An invoice that is {it.status} cannot be paid: only an open or an uncollectible one can.", param="invoice"
            )
        return it

    def _processing(self, invoice_id: str) -> tuple[Invoice, Payment]:
        for payment in self.payments_of(invoice_id):
            if payment.intent is not None and self.intents[payment.intent].status == "processing":
                return self.invoice(invoice_id), payment
        raise Refused("No payment of this invoice is processing: start one first.", param="invoice")

    def _due_payment(self, it: Invoice) -> Payment:
        """The open payment that stands for what remains; it follows what remains."""
        for payment in self.payments_of(it.id):
            if payment.is_default and payment.status == "open" and payment.intent is not None:
                payment.amount_requested = self.intents[payment.intent].amount = it.amount_remaining
                return payment
        intent = self.create_intent(amount=it.amount_remaining, currency=it.currency, customer=it.customer)
        return self._tie(it, intent, amount=it.amount_remaining, is_default=True)

    def _tie(self, it: Invoice, intent: Intent, *, amount: int, is_default: bool = False) -> Payment:
        payment = Payment(
            id=self.new_id("inpay"),
            created=self.now(),
            invoice=it.id,
            amount_requested=amount,
            currency=it.currency,
            intent=intent.id,
            is_default=is_default,
        )
        self.payments[payment.id] = payment
        return payment

    def _attempt(self, it: Invoice, *, retry: bool) -> None:
        it.attempted = True
        it.attempt_count = it.attempt_count + 1 if retry else max(1, it.attempt_count)

    def _succeed(self, payment: Payment, it: Invoice, method: str) -> None:
        intent = self.intents[payment.intent or ""]
        intent.status, intent.payment_method = "succeeded", method
        self.record("payment_intent.succeeded", intent)
        self._take(payment, it)

    def _decline(self, it: Invoice, *, next_attempt_at: int | None, retry: bool) -> None:
        intent = self.intents[self._due_payment(it).intent or ""]
        with self.following(it):
            intent.status, intent.failure = "requires_payment_method", _DECLINED
            self._attempt(it, retry=retry)
            it.next_payment_attempt = next_attempt_at
            self.customers[it.customer].delinquent = it.collection_method == "charge_automatically"
            self.record("payment_intent.payment_failed", intent)
            self.record("invoice.updated", it)
            self.record("invoice.payment_failed", it)

    def _take(self, payment: Payment, it: Invoice, *, by_stripe: bool = True) -> None:
        """The money is there. `by_stripe` False: Stripe never saw it, and speaks of the invoice alone."""
        with self.following(it):
            amount = payment.amount_requested
            excess = max(0, amount - it.amount_remaining)
            payment.status, payment.amount_paid, payment.paid_at = "paid", amount, self.now()
            it.amount_paid += amount - excess
            it.amount_overpaid += excess
            if by_stripe:
                self._attempt(it, retry=False)
                self.record("invoice_payment.paid", payment)
            if it.amount_remaining > 0:
                self._due_payment(it)
                self.record("invoice.updated", it)
            else:
                self.settle(it, by_stripe=by_stripe)
            if excess:
                self.record("invoice.overpaid", it)

    def settle(self, it: Invoice, *, by_stripe: bool) -> None:
        """Nothing remains to be paid: `paid`."""
        it.status, it.paid_at = "paid", self.now()
        it.auto_advance, it.next_payment_attempt = False, None
        self.close_payments(it)
        self.customers[it.customer].delinquent = False  # whatever else is owed: the field's own description
        self.record("invoice.updated", it)
        self.record("invoice.paid", it)
        if by_stripe:
            self.record("invoice.payment_succeeded", it)
