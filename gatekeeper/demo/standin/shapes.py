"""How each record is written as JSON: every required field of the API, none that the API does not have, null where empty.

What belongs to an invoice is in `invoice_shapes`.
"""

from gatekeeper.demo.standin.frame import Frame, listed
from gatekeeper.demo.standin.records import Customer, Invoice, Json, Price, Product, Subscription

_NO_ADDRESS: Json = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def account(account_id: str) -> Json:
    return {
        "id": account_id,
        "object": "account",
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


def customer(it: Customer, frame: Frame) -> Json:
    if it.deleted:
        return {"id": it.id, "object": "customer", "deleted": True}
    return {
        "id": it.id,
        "object": "customer",
        "address": None if it.country is None else {**_NO_ADDRESS, "country": it.country},
        "balance": 0,
        "created": it.created,
        "currency": it.currency,
        "customer_account": None,
        "default_source": None,
        "delinquent": it.delinquent,
        "description": it.description,
        "discount": None,
        "email": it.email,
        "invoice_prefix": it.invoice_prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": it.payment_method,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": frame.livemode,
        "metadata": dict(it.metadata),
        "name": it.name,
        "next_invoice_sequence": it.next_invoice_sequence,
        "phone": it.phone,
        "preferred_locales": list(it.preferred_locales),
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": it.test_clock,
    }


def product(it: Product, frame: Frame) -> Json:
    return {
        "id": it.id,
        "object": "product",
        "active": True,
        "created": it.created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": frame.livemode,
        "marketing_features": [],
        "metadata": {},
        "name": it.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": it.created,
        "url": None,
    }


def price(it: Price, frame: Frame) -> Json:
    recurring = {
        "interval": it.interval,
        "interval_count": it.interval_count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return {
        "id": it.id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": it.created,
        "currency": it.currency,
        "custom_unit_amount": None,
        "livemode": frame.livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": it.product,
        "recurring": None if it.interval is None else recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if it.interval is None else "recurring",
        "unit_amount": it.unit_amount,
        "unit_amount_decimal": str(it.unit_amount),
    }


def _plan(it: Price, frame: Frame) -> Json:
    """The older word for a price, which subscription items still carry."""
    return {
        "id": it.id,
        "object": "plan",
        "active": True,
        "amount": it.unit_amount,
        "amount_decimal": str(it.unit_amount),
        "billing_scheme": "per_unit",
        "created": it.created,
        "currency": it.currency,
        "interval": it.interval,
        "interval_count": it.interval_count,
        "livemode": frame.livemode,
        "metadata": {},
        "meter": None,
        "nickname": None,
        "product": it.product,
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


# What the stand-in never fills
_UNUSED_BY_SUBSCRIPTIONS: Json = {
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "customer_account": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "managed_payments": None,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {"payment_method_options": None, "payment_method_types": None, "save_default_payment_method": "off"},
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    "trial_start": None,
}


def subscription(it: Subscription, latest: Invoice | None, frame: Frame) -> Json:
    return _UNUSED_BY_SUBSCRIPTIONS | {
        "id": it.id,
        "object": "subscription",
        "billing_cycle_anchor": it.created,
        "billing_mode": {"flexible": None, "type": "classic", "updated_at": it.created},
        "cancel_at": it.current_period_end if it.cancel_at_period_end else None,
        "cancel_at_period_end": it.cancel_at_period_end,
        "canceled_at": it.canceled_at,
        "collection_method": it.collection_method,
        "created": it.created,
        "currency": it.price.currency,
        "customer": it.customer,
        "days_until_due": it.days_until_due,
        "description": it.description,
        "ended_at": it.canceled_at,
        "items": listed(f"/v1/subscription_items?subscription={it.id}", [_item(it, frame)]),
        "latest_invoice": it.latest_invoice,
        "livemode": frame.livemode,
        "metadata": dict(it.metadata),
        "start_date": it.created,
        "status": it.status(latest, frame.now),
        "test_clock": frame.test_clock,
    }


def _item(it: Subscription, frame: Frame) -> Json:
    return {
        "id": it.item,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": it.created,
        "current_period_end": it.current_period_end,
        "current_period_start": it.current_period_start,
        "discounts": [],
        "metadata": {},
        "plan": _plan(it.price, frame),
        "price": price(it.price, frame),
        "quantity": it.quantity,
        "subscription": it.id,
        "tax_rates": [],
    }
