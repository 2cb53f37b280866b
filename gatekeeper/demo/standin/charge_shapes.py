"""How charges, disputes and test clocks are written as JSON."""

from gatekeeper.demo.standin.frame import Frame
from gatekeeper.demo.standin.records import Charge, Dispute, Json, TestClock

_DAY = 86_400

# What the stand-in never fills
_UNUSED_BY_CHARGES: Json = dict.fromkeys(
    (
        "application", "application_fee", "application_fee_amount", "balance_transaction", "calculated_statement_descriptor",
        "description", "failure_balance_transaction", "failure_code", "failure_message", "on_behalf_of", "outcome",
        "payment_method_details", "receipt_email", "receipt_number", "receipt_url", "review", "shipping", "source",
        "source_transfer", "statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group",
    )
)  # fmt: skip
_NO_EVIDENCE: Json = dict.fromkeys(
    (
        "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
        "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name", "customer_purchase_ip",
        "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
        "product_description", "receipt", "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation",
        "service_date", "service_documentation", "shipping_address", "shipping_carrier", "shipping_date",
        "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
    )
) | {"enhanced_evidence": {}}  # fmt: skip


def charge(it: Charge, frame: Frame) -> Json:
    return _UNUSED_BY_CHARGES | {
        "id": it.id,
        "object": "charge",
        "amount": it.amount,
        "amount_captured": it.amount,
        "amount_refunded": it.amount_refunded,
        "billing_details": dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
        "captured": True,
        "created": it.created,
        "currency": it.currency,
        "customer": it.customer,
        "disputed": it.disputed,
        "fraud_details": {},
        "livemode": frame.livemode,
        "metadata": {},
        "paid": True,
        "payment_intent": it.intent,
        "payment_method": it.payment_method,
        "refunded": it.amount_refunded >= it.amount,
        "status": "succeeded",
    }


def dispute(it: Dispute, frame: Frame) -> Json:
    return {
        "id": it.id,
        "object": "dispute",
        "amount": it.amount,
        "balance_transactions": [],
        "charge": it.charge,
        "created": it.created,
        "currency": it.currency,
        "enhanced_eligibility_types": [],
        "evidence": dict(_NO_EVIDENCE),
        "evidence_details": {
            "due_by": it.created + 14 * _DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": frame.livemode,
        "metadata": {},
        "payment_intent": it.intent,
        "reason": it.reason,
        "status": it.status,
    }


def test_clock(it: TestClock, frame: Frame) -> Json:
    if it.deleted:
        return {"id": it.id, "object": "test_helpers.test_clock", "deleted": True}
    return {
        "id": it.id,
        "object": "test_helpers.test_clock",
        "created": it.created,
        "deletes_after": it.created + 30 * _DAY,
        "frozen_time": it.frozen_time,
        "livemode": frame.livemode,
        "name": it.name,
        "status": it.status,
        "status_details": {},
    }
