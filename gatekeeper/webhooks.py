"""POST /webhooks/stripe: verify, keep the event, answer. What it points at is looked at by the worker (rules 1-3).

Anything that Stripe did not sign is 400 and keeps no row. Anything that it did sign is 200, once it is on disk; where it cannot
be kept, the answer is 503, and Stripe sends it again for three days.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.billing.stripe.webhook import MAX_BYTES, Delivery, DeliveryRefused, verify
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.inbox import Inbox
from gatekeeper.model import Identity

_CLOSE = {"Connection": "close"}  # the rest of the body is not waited for

log = structlog.get_logger(__name__)


def routes(
    *, inbox: Inbox, reader: Reader, secrets: Sequence[str], clock: Callable[[], datetime], wake: Callable[[], None]
) -> list[Route]:
    """The route that Stripe posts to. `wake` tells the worker that something has come in that it must look at."""

    def keep(body: bytes, delivery: Delivery) -> bool:
        """Whether the event is new, and points at something to look at."""
        points_at = delivery.invoice_id or delivery.customer_id
        ours = _is_of(reader.state().identity, delivery)
        if not ours:
            log.warning("event.of_other_books", type=delivery.kind, livemode=delivery.livemode, account=delivery.account)
        wanted = ours and bool(points_at)
        new = inbox.store(
            event_id=delivery.event_id, kind=delivery.kind, object_id=points_at, body=body, now=clock(), wanted=wanted
        )
        return new and wanted

    async def receive(request: Request) -> Response:
        body = await _bounded(request)
        if body is None:
            return PlainTextResponse("The body is too large, or did not arrive whole.\n", 400, headers=_CLOSE)
        try:
            delivery = verify(body, request.headers.get("stripe-signature", ""), secrets)
        except DeliveryRefused as fault:
            log.warning("event.refused", because=str(fault))
            return PlainTextResponse("Not a delivery that Stripe signed with a configured secret.\n", 400)
        try:
            new = await run_in_threadpool(keep, body, delivery)
        except DatabaseUnavailable:
            log.error("event.not_kept", type=delivery.kind)  # noqa: TRY400 - its traceback would tell what the event holds
            return PlainTextResponse("It could not be kept; send it again.\n", 503)
        if new:
            wake()
        return PlainTextResponse("Kept.\n")

    return [Route("/webhooks/stripe", receive, methods=["POST"])]


def _is_of(identity: Identity | None, delivery: Delivery) -> bool:
    """Whether an event is about the books that this ledger is kept for. Before it has read any, all may be."""
    if identity is None:
        return True
    return delivery.livemode == identity.livemode and delivery.account in {"", identity.account}


async def _bounded(request: Request) -> bytes | None:
    """The body; None as soon as it is larger than any event is, or its sender is gone."""
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BYTES:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return None
    return b"".join(chunks)
