"""Deliveries as Stripe would send them, signed by the stand-in's own HMAC and never by the SDK's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gatekeeper.demo.standin.delivery import signature
from gatekeeper.demo.standin.events import thin

SECRET, OTHER = "whsec_ours", "whsec_other"


def event(kind: str = "invoice.paid", about: Any = None, **changes: Any) -> dict[str, Any]:
    """A snapshot event; `changes` lays fields over it."""
    family = kind.partition(".")[0]
    made = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_772_443_800,
        "data": {"object": {"id": "in_1", "object": family} if about is None else about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return made | changes


def thin_event(kind: str = "invoice.paid", **changes: Any) -> dict[str, Any]:
    return thin(event(kind)) | changes


def body(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode()


def signed(content: bytes, *secrets: str, ago: float = 0) -> str:
    """The signature header, made so many seconds ago."""
    return signature(content, secrets or (SECRET,), datetime.now(UTC) - timedelta(seconds=ago))
