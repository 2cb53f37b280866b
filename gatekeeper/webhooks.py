"""POST /webhooks/stripe: verify, keep the event, answer. What it points at is looked at by the worker (rules 1-3).

Anything that Stripe did not sign is 400 and keeps no row. Anything that it did sign is 200, once it is on disk; where it cannot
be kept, the answer is 503, and Stripe sends it again for three days.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.billing.stripe.webhook import MAX_BYTES, Delivery, DeliveryRefused, verify
from gatekeeper.bodies import bounded
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.inbox import Arrival, Inbox
from gatekeeper.model import Identity

_CLOSE = {"Connection": "close"}  # the rest of the body is not waited for
UNSIGNED = "Not a delivery that Stripe signed with a configured secret.\n"

log = structlog.get_logger(__name__)


def routes(
    *, inbox: Inbox, reader: Reader, secrets: Sequence[str], clock: Callable[[], datetime], wake: Callable[[], None]
) -> list[Route]:
    """The route that Stripe posts to. `wake` tells the worker that something has come in that it must look at."""
    keeping = _Keeping(inbox, reader, wake)

    async def receive(request: Request) -> Response:
        body = await bounded(request, MAX_BYTES)
        if body is None:
            return PlainTextResponse("The body is too large, or did not arrive whole.\n", 400, headers=_CLOSE)
        try:
            delivery = verify(body, request.headers.get("stripe-signature", ""), secrets)
        except DeliveryRefused as fault:
            log.warning("event.refused", because=str(fault))
            return PlainTextResponse(UNSIGNED, 400)
        try:
            await keeping.keep(_Come(delivery, body, clock()))
        except DatabaseUnavailable:
            log.error("event.not_kept", type=delivery.kind)  # noqa: TRY400 - its traceback would tell what the event holds
            return PlainTextResponse("It could not be kept; send it again.\n", 503)
        return PlainTextResponse("Kept.\n")

    return [Route("/webhooks/stripe", receive, methods=["POST"])]


class _Come(NamedTuple):
    delivery: Delivery
    body: bytes
    at: datetime


class _Keeping:
    """Writes what has come in, and only then lets it be answered (case 72).

    What comes in while a commit is under way waits for the next, which is one for all of it: the more comes at once, the less
    each costs. A thread of its own writes, so that no page that waits for the database holds up an event.
    """

    def __init__(self, inbox: Inbox, reader: Reader, wake: Callable[[], None]) -> None:
        self._inbox, self._reader, self._wake = inbox, reader, wake
        self._identity: Identity | None = None
        self._waiting: list[tuple[_Come, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "inbox")

    async def keep(self, come: _Come) -> None:
        """Return when it is on disk. Raises what the database did."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((come, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_until_none_waits())
        await kept

    async def _write_until_none_waits(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            fault: Exception | None = None
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, [come for come, _ in group])
            except Exception as raised:  # noqa: BLE001 - each who waits is told, whatever it is
                fault = raised
            for _, kept in group:
                if kept.cancelled():  # nobody waits for it any more: we are being stopped
                    continue
                if fault is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(fault)
        self._writing = None

    def _write(self, group: Sequence[_Come]) -> None:
        arrivals = [self._arrival(come) for come in group]
        if self._inbox.store_many(arrivals) and any(arrival.wanted for arrival in arrivals):
            self._wake()

    def _arrival(self, come: _Come) -> Arrival:
        delivery = come.delivery
        points_at = _points_at(delivery)
        ours = self._is_ours(delivery)
        if not ours:
            log.warning("event.of_other_books", type=delivery.kind, livemode=delivery.livemode, account=delivery.account)
        return Arrival(
            event_id=delivery.event_id,
            kind=delivery.kind,
            object_id=points_at,
            body=come.body,
            received_at=come.at,
            wanted=ours and bool(points_at),
        )

    def _is_ours(self, delivery: Delivery) -> bool:
        """Whether an event is about the books that this ledger is kept for. Before it has read any, all may be."""
        self._identity = self._identity or self._reader.state().identity  # once pinned it never changes
        if self._identity is None:
            return True
        return delivery.livemode == self._identity.livemode and delivery.account in {"", self._identity.account}


def _points_at(delivery: Delivery) -> str:
    """The id of what is to be looked at; empty: nothing is."""
    related = delivery.related[1] if delivery.related else ""
    return delivery.invoice_id or delivery.customer_id or delivery.dispute_id or delivery.clock_id or related
