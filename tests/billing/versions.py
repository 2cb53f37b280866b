"""Objects as the bodies of events show them, in each API version that changed what such a body looks like.

Written from Stripe's changelog; every release since 2020-03-02 is one of these or like the one before it. What gatekeeper reads
of a body (`id`, `invoice`, `customer`, `payment_intent`, the status of a paid invoice) is in all of them.
"""

from typing import Any

# A release, and which of the forms below it still has
VERSIONS = {
    "2020-03-02": {"top", "tax_percent", "charges", "refunds"},
    "2020-08-27": {"top", "charges", "refunds"},
    "2022-11-15": {"top"},
    "2023-10-16": {"top"},
    "2024-06-20": {"top"},
    "2024-09-30.acacia": {"top"},
    "2025-02-24.acacia": {"top"},
    "2025-03-31.basil": set(),
    "2025-09-30.clover": set(),
    "2026-03-25.dahlia": set(),
    "2026-10-28.endive": set(),
}


def invoice(version: str, *, status: str = "paid") -> dict[str, Any]:
    """2020-08-27 took `tax_percent` away. 2025-03-31.basil moved `subscription` into `parent`, and took away `paid`, `charge`
    and `payment_intent`.
    """
    forms, paid = VERSIONS[version], status == "paid"
    body: dict[str, Any] = {
        "id": "in_1", "object": "invoice", "status": status, "customer": "cus_1", "currency": "eur", "total": 1000,
        "amount_due": 1000, "amount_paid": 1000 if paid else 0, "amount_remaining": 0 if paid else 1000, "livemode": False,
    }  # fmt: skip
    if "top" in forms:
        body |= {"subscription": "sub_1", "paid": paid, "charge": "ch_1", "payment_intent": "pi_1", "quote": None, "tax": None}
        body |= {"discount": None, "paid_out_of_band": False}
    else:
        body |= {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}}
        body |= {"amount_overpaid": 0, "amount_paid_off_stripe": 0, "customer_account": None}
    if "tax_percent" in forms:
        body |= {"tax_percent": 19.0}
    return body


def credit_note(version: str) -> dict[str, Any]:
    refund = {"refund": None} if "top" in VERSIONS[version] else {"refunds": [], "pretax_credit_amounts": []}
    return {"id": "cn_1", "object": "credit_note", "invoice": "in_1", "customer": "cus_1", "status": "issued"} | refund


def payment_intent(version: str) -> dict[str, Any]:
    """Before 2022-11-15 it listed its charges, before basil it named its invoice."""
    body = {"id": "pi_1", "object": "payment_intent", "customer": "cus_1", "status": "processing", "latest_charge": "ch_1"}
    named = {"invoice": "in_1"} if "top" in VERSIONS[version] else {}
    listed = {"charges": {"object": "list", "data": [charge(version)]}} if "charges" in VERSIONS[version] else {}
    return body | named | listed


def charge(version: str) -> dict[str, Any]:
    """Before 2022-11-15 it listed its refunds, before basil it named its invoice."""
    body = {"id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": "pi_1", "refunded": True}
    named = {"invoice": "in_1"} if "top" in VERSIONS[version] else {}
    listed = {"refunds": {"object": "list", "data": []}} if "refunds" in VERSIONS[version] else {}
    return body | named | listed


def refund(version: str) -> dict[str, Any]:
    """The newest ones name the customer."""
    named = {} if "top" in VERSIONS[version] else {"customer": "cus_1"}
    return {"id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1", "status": "succeeded"} | named


def dispute(version: str) -> dict[str, Any]:
    evidence = {} if "top" in VERSIONS[version] else {"enhanced_eligibility_types": []}
    return {
        "id": "dp_1",
        "object": "dispute",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "status": "needs_response",
    } | evidence


def subscription(version: str) -> dict[str, Any]:
    period = {"current_period_start": 1, "current_period_end": 2}
    item = {"id": "si_1", "object": "subscription_item"}
    top = "top" in VERSIONS[version]
    body = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "latest_invoice": "in_1", "status": "past_due"}
    return body | (period | {"items": {"data": [item]}} if top else {"items": {"data": [item | period]}})
