"""What the customer's bank does after a payment: it takes the money back, while the invoice stays paid. And refunds."""

from gatekeeper.demo.standin.paying import Paying
from gatekeeper.demo.standin.records import Charge, Dispute, Refused
from gatekeeper.demo.standin.store import change, found

_CLOSED = {"won", "lost", "prevented", "warning_closed"}


class Disputing(Paying):
    """The verbs of disputes and refunds."""

    @change
    def dispute(self, invoice_id: str, *, reason: str = "fraudulent", status: str = "needs_response") -> Dispute:
        """The bank calls the payment of this invoice back in question.

        Raises:
            Refused: no payment of it went through Stripe.
        """
        charge = self._charge_of(invoice_id)
        charge.disputed = True
        it = Dispute(
            id=self.new_id("dp"), created=self.now(), charge=charge.id, intent=charge.intent, amount=charge.amount,
            currency=charge.currency, reason=reason, status=status,
        )  # fmt: skip
        self.disputes[it.id] = it
        self.record("charge.dispute.created", it)
        if not status.startswith("warning_"):
            self.record("charge.dispute.funds_withdrawn", it)
        return it

    @change
    def close_dispute(self, dispute_id: str, status: str) -> Dispute:
        it = found(self.disputes, "dispute", dispute_id)
        if status not in _CLOSED:
            raise Refused(f"A dispute is closed as one of {', '.join(sorted(_CLOSED))}.", param="status")
        it.status = status
        self.record("charge.dispute.closed", it)
        return it

    @change
    def refund(self, invoice_id: str, amount: int | None = None) -> Charge:
        """Give money back; `amount` None: all of it. The invoice stays paid."""
        charge = self._charge_of(invoice_id)
        charge.amount_refunded = charge.amount if amount is None else charge.amount_refunded + amount
        self.record("charge.refunded", charge)
        return charge

    def _charge_of(self, invoice_id: str) -> Charge:
        """The charge behind the latest payment of an invoice; it is made when somebody first asks for it."""
        for payment in reversed(self.payments_of(self.invoice(invoice_id).id)):
            if payment.status == "paid" and payment.intent is not None:
                intent = self.intents[payment.intent]
                if intent.charge is None:
                    it = Charge(
                        id=self.new_id("ch"), created=intent.created, amount=intent.amount, currency=intent.currency,
                        customer=intent.customer, intent=intent.id, payment_method=intent.payment_method,
                    )  # fmt: skip
                    self.charges[it.id], intent.charge = it, it.id
                return self.charges[intent.charge]
        raise Refused("No payment of this invoice went through Stripe.", param="invoice")
