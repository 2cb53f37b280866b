"""The bodies of events: in the endpoint's API version, which may be older than the objects served, and in the thin form."""

from datetime import UTC, datetime

from gatekeeper.demo.standin.records import Json

API_VERSION = "2026-10-28.endive"
_BASIL = "2025-03-31"


def snapshot(
    event_id: str, kind: str, about: Json, *, created: int, api_version: str, request: tuple[str | None, str | None]
) -> Json:
    """An event of API v1 around the object `about`; `request`: the id and the idempotency key of the request behind it."""
    return {
        "id": event_id,
        "object": "event",
        "api_version": api_version,
        "created": created,
        "data": {"object": as_of(api_version, about)},
        "livemode": about.get("livemode", False),
        "pending_webhooks": 0,
        "request": {"id": request[0], "idempotency_key": request[1]},
        "type": kind,
    }


def as_of(api_version: str, about: Json) -> Json:
    """The object as an endpoint pinned to `api_version` gets it. Only the changes of 2025-03-31.basil are known here, which
    moved the invoice's subscription and the subscription's period (changelog of stripe 12.0.0).
    """
    if api_version >= _BASIL:
        return about
    older = dict(about)
    if about["object"] == "invoice":
        parent = older.pop("parent")
        older |= {
            "charge": None,
            "discount": None,
            "paid": about["status"] == "paid",
            "paid_out_of_band": about["amount_paid_off_stripe"] > 0,
            "payment_intent": None,
            "quote": None,
            "subscription": None if parent is None else parent["subscription_details"]["subscription"],
            "tax": None,
        }
        del older["amount_overpaid"], older["amount_paid_off_stripe"]
    elif about["object"] == "subscription":
        (item,) = about["items"]["data"]
        older |= {name: item[name] for name in ("current_period_start", "current_period_end")}
    return older


def thin(event: Json) -> Json:
    """The thin form of an event: names the object and shows nothing of it. Its id is another one than the snapshot's."""
    about: Json = event["data"]["object"]
    path = f"{about['object'].replace('.', '/')}s"
    asked = event["request"]["id"] is not None
    return {
        "id": f"evt_thin_{event['id'].removeprefix('evt_')}",
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": event["livemode"],
        "context": None,
        "reason": {"type": "request", "request": event["request"]} if asked else None,
        "snapshot_event": event["id"],
        "related_object": {"id": about["id"], "type": about["object"], "url": f"/v1/{path}/{about['id']}"},
    }
