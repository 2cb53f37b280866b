"""POST /webhooks/stripe: verify, keep the event, answer. What it points at is looked at by the worker (rules 1-3).

Anything that Stripe did not sign is 400 and keeps no row; anything that it did sign is 200, once it is on disk.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.billing.stripe.webhook import MAX_BYTES, Delivery, DeliveryRefused, verify
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.inbox import Inbox

log = structlog.get_logger(__name__)


def routes(
    *, inbox: Inbox, reader: Reader, secrets: Sequence[str], clock: Callable[[], datetime], wake: Callable[[], None]
) -> list[Route]:
    """The route that Stripe posts to. `wake` tells the worker that something has come in."""

    def keep(body: bytes, delivery: Delivery) -> None:
        points_at = delivery.invoice_id or delivery.customer_id
        identity = reader.state().identity
        ours = identity is None or identity.livemode == delivery.livemode
        if not ours:
            log.warning("event.of_other_mode", type=delivery.kind)
        inbox.store(
            event_id=delivery.event_id,
            kind=delivery.kind[:120],
            object_id=points_at[:255],
            body=body,
            now=clock(),
            wanted=ours and bool(points_at),
        )

    async def receive(request: Request) -> Response:
        body = await _bounded(request)
        if body is None:
            return PlainTextResponse("The body is too large.\n", 400)
        try:
            delivery = verify(body, request.headers.get("stripe-signature", ""), secrets)
        except DeliveryRefused as fault:
            log.warning("event.refused", because=str(fault))
            return PlainTextResponse("Not a delivery that Stripe signed with a configured secret.\n", 400)
        await run_in_threadpool(keep, body, delivery)
        wake()
        return PlainTextResponse("Kept.\n")

    return [Route("/webhooks/stripe", receive, methods=["POST"])]


async def _bounded(request: Request) -> bytes | None:
    """The body; None as soon as it is larger than any event is."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
