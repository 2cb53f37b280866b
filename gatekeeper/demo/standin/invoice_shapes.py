"""How an invoice and what belongs to it (lines, payments, credit notes) are written as JSON."""

from gatekeeper.demo.standin.frame import Frame, listed
from gatekeeper.demo.standin.payment_page import address
from gatekeeper.demo.standin.records import CreditNote, Intent, Invoice, Json, Line, Payment, Price

# What the stand-in never fills
_UNUSED_BY_INVOICES: Json = {
    "account_country": "DE",
    "account_name": "Stand-in",
    "account_tax_ids": None,
    "amount_shipping": 0,
    "application": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "automatically_finalizes_at": None,
    "custom_fields": None,
    "customer_account": None,
    "customer_address": None,
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "footer": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "on_behalf_of": None,
    "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
}


def invoice(it: Invoice, frame: Frame) -> Json:
    """`payments` is left out: Stripe shows it only when it is asked to expand it."""
    page = address(it, frame)
    return _UNUSED_BY_INVOICES | {
        "id": it.id,
        "object": "invoice",
        "amount_due": it.amount_due,
        "amount_overpaid": it.amount_overpaid,
        "amount_paid": it.amount_paid,
        "amount_paid_off_stripe": it.amount_paid_off_stripe,
        "amount_remaining": it.amount_remaining,
        "attempt_count": it.attempt_count,
        "attempted": it.attempted,
        "auto_advance": it.auto_advance,
        "billing_reason": it.billing_reason,
        "collection_method": it.collection_method,
        "created": it.created,
        "currency": it.currency,
        "customer": it.customer,
        "customer_email": it.customer_email,
        "customer_name": it.customer_name,
        "description": it.description,
        "due_date": it.due_date,
        "effective_at": it.finalized_at,
        "ending_balance": None if it.finalized_at is None else 0,
        "from_invoice": None if it.revises is None else {"action": "revision", "invoice": it.revises},
        "hosted_invoice_url": page,
        "invoice_pdf": None if page is None else f"{page}/pdf",
        "latest_revision": it.latest_revision,
        "lines": listed(f"/v1/invoices/{it.id}/lines", [_line(line, it, frame) for line in it.lines]),
        "livemode": frame.livemode,
        "metadata": dict(it.metadata),
        "next_payment_attempt": it.next_payment_attempt,
        "number": it.number,
        "parent": _invoice_parent(it),
        "period_end": it.created,
        "period_start": it.created,
        "post_payment_credit_notes_amount": it.post_payment_credit_notes_amount,
        "pre_payment_credit_notes_amount": it.pre_payment_credit_notes_amount,
        "status": it.status,
        "status_transitions": {
            "finalized_at": it.finalized_at,
            "marked_uncollectible_at": it.marked_uncollectible_at,
            "paid_at": it.paid_at,
            "voided_at": it.voided_at,
        },
        "subtotal": it.total,
        "subtotal_excluding_tax": it.total,
        "test_clock": frame.test_clock,
        "total": it.total,
        "total_excluding_tax": it.total,
        "webhooks_delivered_at": it.created,
    }


def _invoice_parent(it: Invoice) -> Json | None:
    if it.subscription is None:
        return None
    details = {"metadata": {}, "subscription": it.subscription}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _line(line: Line, it: Invoice, frame: Frame) -> Json:
    shared = {"proration": False, "proration_details": {"credited_items": None}, "subscription": it.subscription}
    recurring = line.item.startswith("si_")
    return {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": it.currency,
        "description": line.description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": it.id,
        "livemode": frame.livemode,
        "metadata": {},
        "parent": {
            "invoice_item_details": None if recurring else {"invoice_item": line.item, **shared},
            "subscription_item_details": (
                {"invoice_item": None, "subscription_item": line.item, **shared} if recurring else None
            ),
            "type": "subscription_item_details" if recurring else "invoice_item_details",
        },
        "period": {"end": line.end, "start": line.start},
        "pretax_credit_amounts": [],
        "pricing": _pricing(line.price),
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "subtotal": line.amount,
        "taxes": [],
    }


def _pricing(price: Price | None) -> Json | None:
    if price is None:
        return None
    details = {"price": price.id, "product": price.product}
    return {"price_details": details, "type": "price_details", "unit_amount_decimal": str(price.unit_amount)}


def payment(it: Payment, frame: Frame) -> Json:
    """An invoice payment."""
    paid_with: Json = {"type": "payment_intent", "payment_intent": it.intent}
    if it.record is not None:
        paid_with = {"type": "payment_record", "payment_record": it.record}
    return {
        "id": it.id,
        "object": "invoice_payment",
        "amount_paid": it.amount_paid,
        "amount_requested": it.amount_requested,
        "created": it.created,
        "currency": it.currency,
        "invoice": it.invoice,
        "is_default": it.is_default,
        "livemode": frame.livemode,
        "payment": paid_with,
        "status": it.status,
        "status_transitions": {"canceled_at": it.canceled_at, "paid_at": it.paid_at},
    }


def intent(it: Intent, frame: Frame) -> Json:
    failure = None
    if it.failure is not None:
        failure = {"code": "payment_intent_payment_attempt_failed", "message": it.failure, "type": "card_error"}
    return {
        "id": it.id,
        "object": "payment_intent",
        "amount": it.amount,
        "amount_capturable": 0,
        "amount_received": it.amount if it.status == "succeeded" else 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": it.canceled_at,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": None,
        "confirmation_method": "automatic",
        "created": it.created,
        "currency": it.currency,
        "customer": it.customer,
        "customer_account": None,
        "description": None,
        "last_payment_error": failure,
        "latest_charge": it.charge,
        "livemode": frame.livemode,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": it.payment_method,
        "payment_method_types": ["card", "sepa_debit"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": it.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def credit_note(it: CreditNote, frame: Frame) -> Json:
    line = {
        "id": it.id.replace("cn_", "cnli_", 1),
        "object": "credit_note_line_item",
        "amount": it.amount,
        "description": it.memo,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": frame.livemode,
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": it.amount,
        "unit_amount_decimal": str(it.amount),
    }
    kind = "mixed" if it.before and it.after else "post_payment" if it.after else "pre_payment"
    return {
        "id": it.id,
        "object": "credit_note",
        "amount": it.amount,
        "amount_shipping": 0,
        "created": it.created,
        "currency": it.currency,
        "customer": it.customer,
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": it.created,
        "invoice": it.invoice,
        "lines": listed(f"/v1/credit_notes/{it.id}/lines", [line]),
        "livemode": frame.livemode,
        "memo": it.memo,
        "metadata": {},
        "number": it.number,
        "out_of_band_amount": it.out_of_band,
        "pdf": f"{frame.base_url}/credit_notes/{it.id}/pdf",
        "post_payment_amount": it.after,
        "pre_payment_amount": it.before,
        "pretax_credit_amounts": [],
        "reason": it.reason,
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": it.amount,
        "subtotal_excluding_tax": it.amount,
        "total": it.amount,
        "total_excluding_tax": it.amount,
        "total_taxes": [],
        "type": kind,
        "voided_at": None,
    }


def invoice_item(line: Line, it: Invoice, frame: Frame) -> Json:
    """What `POST /v1/invoiceitems` answers: the item behind a line."""
    return {
        "id": line.item,
        "object": "invoiceitem",
        "amount": line.amount,
        "currency": it.currency,
        "customer": it.customer,
        "customer_account": None,
        "date": it.created,
        "description": line.description,
        "discountable": True,
        "discounts": [],
        "invoice": it.id,
        "livemode": frame.livemode,
        "metadata": {},
        "parent": None,
        "period": {"end": line.end, "start": line.start},
        "pricing": _pricing(line.price),
        "proration": False,
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "tax_rates": [],
        "test_clock": frame.test_clock,
    }
