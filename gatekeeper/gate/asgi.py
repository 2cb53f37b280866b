"""The gate as ASGI middleware: in the product's own process, behind what knows who asks (docs/middleware.md).

A request of an account in good standing costs one look-up and no coroutine of its own. What fails here is counted, and the
request goes on (case 108). WebSockets and event streams are kept in mind, and closed when their account may not have them
any more (case 95).
"""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, TypeVar

from gatekeeper.gate.local import Door, Refusal
from gatekeeper.model import Standing

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_Call = TypeVar("_Call", bound=Callable[..., Any])

STANDING = "gatekeeper.standing"
_CURRENT = Standing.CURRENT
# RFC 6455, section 7.4.1: a policy was violated
_POLICY = 1008
# What a browser's EventSource accepts, and nothing else
_ACCEPT, _EVENTS = b"accept", b"text/event-stream"
# With hyphens, and as apps spell them that know no hyphens (case 98)
_OURS = frozenset(
    b"x%cgatekeeper%c%s" % (first, second, name)
    for first in b"-_"
    for second in b"-_"
    for name in (b"standing", b"account", b"revision")
)
_LOOKED_AT = _OURS | {_ACCEPT}


def _marked(call: _Call) -> _Call:
    """Servers tell ASGI 3 from ASGI 2 by asking whether an app is a coroutine function; ours only gives back what one gives."""
    marked: Any = call
    if hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(marked)
    else:
        old: Any = asyncio.coroutines
        marked._is_coroutine = old._is_coroutine  # noqa: SLF001 - before Python 3.12 there is no other way
    return call


class _Line:
    """A WebSocket or an event stream of an account, open since it was let in."""

    def __init__(self, account: str, scope: Scope) -> None:
        self.account = account
        self.method = scope.get("method", "GET")
        self.path = scope["path"]
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.current_task()
        self.cut = self.begun = False

    def noting(self, send: Send) -> Send:
        async def noted(message: Message) -> None:
            self.begun = True
            await send(message)

        return noted


def gated(app: App, door: Door, account_of: Callable[[Scope], str | None]) -> App:
    """Wrap an ASGI app. `account_of` gives the account id of a scope, or None where nobody is signed in: such are let in.

    The app finds the standing in `scope["gatekeeper.standing"]`; the headers that the gate sets elsewhere do not reach it.
    """
    book, lines = door.book, _Lines(app, door)
    looked_at, accept = _LOOKED_AT, _ACCEPT

    # No object that is called, one look at each header, names that are near: this is most of what a request costs here
    @_marked
    def gate(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        called = app
        try:
            special = scope["type"] != "http"
            if not special or scope["type"] != "lifespan":
                for header in scope["headers"]:
                    if header[0] in looked_at and (header[0] != accept or header[1] == _EVENTS):
                        special = True
                if special:
                    scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _OURS]
                account = account_of(scope)
                if account:
                    if special or account.encode() in book.listed:
                        called = lines.judged(scope, account)
                    else:
                        scope[STANDING] = _CURRENT
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with us, the product goes on
            door.failures.note(fault)
            called = app
        return called(scope, receive, send)

    return gate


class _Lines:
    """Judges those that need more than a look, and keeps in mind the lines that it let in, for as long as they are open."""

    def __init__(self, app: App, door: Door) -> None:
        self._app = app
        self._door = door
        self._book = door.book
        self._open: set[_Line] = set()
        door.standings.watch(self._look_again)

    def judged(self, scope: Scope, account: str) -> App:
        """What answers this request."""
        headers = dict(scope["headers"])
        scope[STANDING] = self._book.entry(account.encode()).standing
        refusal = self._door.refusal(
            account, scope.get("method", "GET"), scope["path"], lambda name: headers.get(name.encode(), b"").decode("latin-1")
        )
        if refusal is not None:
            return partial(_refuse, refusal)
        lasts = scope["type"] == "websocket" or any(name == _ACCEPT and value == _EVENTS for name, value in scope["headers"])
        return partial(self._watched, account) if lasts else self._app

    async def _watched(self, account: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app until it ends, or its account may not have this line any more: then cancel it, and end the line."""
        try:
            line = _Line(account, scope)
            # First it is in mind, then it is looked at: what changes in between is not missed
            self._open.add(line)
            self._look_again_at(line)
        except Exception as fault:  # noqa: BLE001 - as above: this is no loop of asyncio, for example
            self._door.failures.note(fault)
            await self._app(scope, receive, send)
            return
        task = line.task
        try:
            await self._app(scope, receive, send if scope["type"] == "websocket" else line.noting(send))
        except asyncio.CancelledError:
            if not line.cut or task is None or task.uncancel():
                raise
        else:
            if line.cut and task is not None:
                task.uncancel()
        finally:
            self._open.discard(line)
        if line.cut:
            # It may have ended in the meantime
            with contextlib.suppress(Exception):
                await self._end(line, scope, receive, send)

    async def _end(self, line: _Line, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY, "reason": "payment overdue"})
        elif line.begun:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            refusal = self._door.refusal(line.account, line.method, line.path, lambda _: "")
            await (self._app if refusal is None else partial(_refuse, refusal))(scope, receive, send)

    def _look_again(self) -> None:
        """In the thread that keeps the book."""
        for line in tuple(self._open):
            self._look_again_at(line)

    def _look_again_at(self, line: _Line) -> None:
        if not self._door.lets_in(self._book.entry(line.account.encode()), line.method, line.path):
            with contextlib.suppress(RuntimeError):  # its loop has ended, and it with it
                line.loop.call_soon_threadsafe(self._cut, line)

    def _cut(self, line: _Line) -> None:
        if line in self._open and not line.cut and line.task is not None:
            line.cut = True
            line.task.cancel()


async def _refuse(refusal: Refusal, scope: Scope, _: Receive, send: Send) -> None:
    """RFC 9110 to a request; to a WebSocket the same if the server can, else it closes before accepting, which is a 403."""
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY})
            return
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.fields]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": refusal.body})
