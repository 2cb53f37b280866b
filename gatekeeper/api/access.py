"""Who is let in, for gates and middleware elsewhere: the stream of changes, and all of it as one document (docs/feed.md)."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gatekeeper.api.feed import Feed, Follower
from gatekeeper.api.problems import Wrong, invalid, problem
from gatekeeper.ledger.reader import Reader
from gatekeeper.snapshot import document

_REVISION: Final = re.compile(r"[0-9]{1,19}")
# The last: nginx would keep what it is sent until there is enough of it
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"}
_EVENTS: Final = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    reader: Reader
    feed: Feed
    clock: Callable[[], datetime]

    async def stream(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(headers=_HEADERS, media_type=_EVENTS)
        asked, heard = request.query_params.get("since"), request.headers.get("last-event-id", "")
        if asked is not None and not _REVISION.fullmatch(asked):
            return invalid([Wrong(parameter="since", detail="must be a revision: a whole number, as `id` of an event says it")])
        since = heard if _REVISION.fullmatch(heard) else asked  # who comes back asks by his first address again
        follower = self.feed.join()
        if follower is None:
            detail = "As many follow the feed as this process serves, or it is stopping. Come back a little later."
            return problem(503, "feed-full", "Not at the moment", detail, headers={"Retry-After": "5"})
        try:
            opening = await self.feed.opening(None if since is None else int(since))
        except BaseException:
            self.feed.leave(follower)
            raise
        return _Stream(self.feed, follower, opening)

    async def snapshot(self, request: Request) -> Response:
        """Weak tags: the time in the document is when it was made, and means nothing to whoever has its revision."""
        house = await asyncio.to_thread(self.reader.state)
        if _tag(house.ledger_id, house.revision) in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=_tagged(house.ledger_id, house.revision))
        snapshot = await asyncio.to_thread(self.reader.snapshot, self.clock())
        body = await asyncio.to_thread(document, snapshot)
        return Response(body, headers=_tagged(snapshot.ledger, snapshot.revision), media_type="application/json")


class _Stream(StreamingResponse):
    def __init__(self, feed: Feed, follower: Follower, opening: bytes) -> None:
        super().__init__(follower.messages(opening), headers=_HEADERS, media_type=_EVENTS)
        self._feed = feed
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._follower)


def _tag(ledger: str, revision: int) -> str:
    return f'W/"{ledger}-{revision}"'


def _tagged(ledger: str, revision: int) -> dict[str, str]:
    return {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff", "ETag": _tag(ledger, revision)}
