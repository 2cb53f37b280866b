"""`POST /overdue/watch`: tells open pages the moment their account is let in, as server-sent events.

All of them share one look at the ledger's revision, twice a second; only when that has moved is anybody's standing asked for.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from typing import Final

import structlog
from itsdangerous import URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gatekeeper.bodies import bounded
from gatekeeper.pages.forms import MOST_BYTES, fields_of, is_ours
from gatekeeper.pages.tokens import ACTION_TOKEN_SECONDS, visit_of

_MOST: Final = 1000
_MOST_OF_ONE: Final = 20
_LOOK_SECONDS: Final = 0.5
_BEAT_SECONDS: Final = 15.0
_BEATS: Final = 40  # ten minutes; then the page asks again if somebody is still there
_OPEN: Final = b"event: open\ndata:\n\n"
_BEAT: Final = b":\n\n"
# nginx would else keep the words until they fill a buffer of its own
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
_LATER: Final = {"Cache-Control": "no-store", "Retry-After": "60"}

log = structlog.get_logger(__name__)


class Watch:
    """`revision` and `open_among` ask the ledger, in a thread; `stopping`: set it, and every watcher is sent home."""

    def __init__(
        self, revision: Callable[[], int], open_among: Callable[[Collection[str]], set[str]], stopping: threading.Event
    ) -> None:
        self._revision = revision
        self._open_among = open_among
        self._stopping = stopping
        self._waiting: dict[asyncio.Event, str] = {}
        self._of = Counter[str]()
        self._looking: asyncio.Task[None] | None = None

    def has_room(self, account_id: str) -> bool:
        return len(self._waiting) < _MOST and self._of[account_id] < _MOST_OF_ONE and not self._stopping.is_set()

    async def until_open(self, account_id: str) -> AsyncIterator[bytes]:
        """A sign of life now and then, and `open` at the end if this account is let in."""
        told = asyncio.Event()
        self._waiting[told] = account_id
        self._of[account_id] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield _BEAT
            for _ in range(_BEATS):
                try:
                    await asyncio.wait_for(told.wait(), _BEAT_SECONDS)
                except TimeoutError:
                    yield _BEAT
                    continue
                if not self._stopping.is_set():
                    yield _OPEN
                return
        finally:
            del self._waiting[told]
            self._of[account_id] -= 1
            self._of += Counter()  # forgets those who have gone

    async def _look(self) -> None:
        """As long as anybody waits. Who came since the last look is asked about even if nothing has moved."""
        seen, known = -1, frozenset[asyncio.Event]()
        while self._waiting:
            if self._stopping.is_set():
                for told in self._waiting:
                    told.set()
                return
            try:
                revision = await run_in_threadpool(self._revision)
                waiting = dict(self._waiting)
                if revision != seen or not known >= waiting.keys():
                    opened = await run_in_threadpool(self._open_among, set(waiting.values()))
                    for told, account_id in waiting.items():
                        if account_id in opened:
                            told.set()
                    seen, known = revision, frozenset(waiting)
            except Exception as fault:  # noqa: BLE001 - whatever the ledger raises, those who wait go on waiting
                log.warning("watch.blind", fault=type(fault).__name__)
            await asyncio.sleep(_LOOK_SECONDS)


def watching(watch: Watch, signer: URLSafeTimedSerializer) -> list[Route]:
    async def answer(request: Request) -> Response:
        body = await bounded(request, MOST_BYTES) if is_ours(request.headers) else None
        visit = visit_of(fields_of(body or b"").get("token", ""), signer, ACTION_TOKEN_SECONDS)
        if visit is None:
            return Response(status_code=403, headers=_LATER)
        if not watch.has_room(visit.account):
            return Response(status_code=503, headers=_LATER)
        return StreamingResponse(watch.until_open(visit.account), headers=_HEADERS, media_type="text/event-stream")

    return [Route("/overdue/watch", answer, methods=["POST"])]
