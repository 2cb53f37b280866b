"""The gate as a process: listen, follow the snapshot, and leave when told to."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import structlog
import uvloop

from gatekeeper.gate import turns
from gatekeeper.gate.agent import Wire
from gatekeeper.gate.answering import Gate
from gatekeeper.gate.askfolder import AskFolder
from gatekeeper.gate.asklist import AskList, Shelf
from gatekeeper.gate.book import Book
from gatekeeper.gate.connection import MAX_CONNECTIONS, Connection
from gatekeeper.gate.envoyfile import EnvoyFile
from gatekeeper.gate.feed import Feed
from gatekeeper.gate.follow import Follower
from gatekeeper.gate.haproxymap import HAProxyMap
from gatekeeper.gate.keys import follow_keys
from gatekeeper.gate.pages import LockoutPages, Sign
from gatekeeper.gate.settings import GateSettings
from gatekeeper.gate.staff import Holder, nobody

log = structlog.get_logger(__name__)

# 5 sweeps of 15 s: a connection without a request for 75 to 90 s is closed. nginx drops its idle ones after 60 s
_SWEEP_SECONDS = 15.0
_SWEEPS_WITHOUT_REQUEST = 5
_DRAIN_SECONDS = 3.0
_BACKLOG = 1024


async def serve(
    settings: GateSettings,
    *,
    sign: Sign,
    clock: Callable[[], datetime],
    stop: asyncio.Event,
    staff_of: Holder = nobody,
    ready: Callable[[], None] | None = None,
) -> None:
    """Answer until `stop` is set; then finish what was asked, and return.

    `sign` makes the token for a lockout page, `clock` tells whether a visitor's token has expired, and `staff_of` who holds a
    pass of the staff. `ready` is called once the gate listens.

    Raises:
        GateRefused: settings that would leave the gate open to strangers.
        OSError: an address that cannot be listened on.
    """
    settings.check()
    book = Book(asyncio.get_running_loop().time, stale_deny_max=settings.stale_deny_max)
    gate = Gate(settings, book, clock, staff_of)
    source = _source(settings, book, clock)
    source.look()
    gate.renew()
    connections: set[Wire] = set()
    async with LockoutPages(settings, sign) as pages:
        async with _listening(settings, lambda: Connection(gate, pages, connections)):
            # What lives now lives as long as the process: collections need not look at it again
            gc.collect()
            gc.freeze()
            log.info("gate listening", host=settings.host, port=settings.port, socket=settings.socket or None)
            if ready:
                ready()
            async with asyncio.TaskGroup() as tasks:
                keys = (follow_keys(reader) for reader in gate.identifier.tokens if reader.source.keys)
                following = _follow(source, book, gate.renew)
                keeping = [_keep_list(name, shelf, book, gate) for name, shelf in _shelves(settings).items()]
                chores = [tasks.create_task(chore) for chore in (following, _sweep(connections), *keys, *keeping)]
                await stop.wait()
                for chore in chores:
                    chore.cancel()
        await _drain(connections)
    log.info("gate stopped")


def run(
    settings: GateSettings,
    *,
    sign: Sign,
    clock: Callable[[], datetime],
    staff_of: Holder = nobody,
    ready: Callable[[], None] | None = None,
) -> None:
    """`serve` on a loop of its own, until SIGTERM or SIGINT. Raises what `serve` raises."""
    _allow_many_connections()
    turns.ask_for_short_ones()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(settings, sign, clock, staff_of, ready))


async def _until_told(
    settings: GateSettings, sign: Sign, clock: Callable[[], datetime], staff_of: Holder, ready: Callable[[], None] | None
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(settings, sign=sign, clock=clock, stop=stop, staff_of=staff_of, ready=ready)


def _source(settings: GateSettings, book: Book, clock: Callable[[], datetime]) -> Follower | Feed:
    """Where the standings come from: the files of the worker on this machine, or the feed of another's."""
    if not settings.feed_url:
        return Follower(settings.snapshot_path, book, clock)
    steady = asyncio.get_running_loop().time
    return Feed(settings.feed_url, settings.feed_token, book, keep_at=settings.snapshot_path, steady=steady, now=clock)


async def _follow(source: Follower | Feed, book: Book, changed: Callable[[], None]) -> None:
    """Keep the book at the newest until cancelled; the feed is followed in a thread, for it waits."""
    if isinstance(source, Follower):
        await source.follow(changed)
        return
    loop = asyncio.get_running_loop()

    def tell() -> None:
        book.tend()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(changed)

    await _in_a_thread("gatekeeper-feed", lambda stop: source.run(stop, tell), source.hang_up)


def _shelves(settings: GateSettings) -> dict[str, Shelf]:
    shelves: dict[str, Shelf] = {}
    if settings.haproxy_socket:
        shelves["haproxy"] = HAProxyMap(Path(settings.haproxy_socket))
    if settings.envoy_list:
        shelves["envoy"] = EnvoyFile(Path(settings.envoy_list))
    if settings.list_folder:
        shelves["folder"] = AskFolder(Path(settings.list_folder))
    return shelves


async def _keep_list(name: str, shelf: Shelf, book: Book, gate: Gate) -> None:
    """Keep the list there until cancelled; in a thread, for HAProxy and disks may be slow."""
    kept = AskList(shelf, book, asyncio.get_running_loop().time)
    gate.lists[name] = lambda: kept.written
    await _in_a_thread(f"gatekeeper-list-{name}", kept.run, kept.wake)


async def _in_a_thread(name: str, run: Callable[[threading.Event], None], wake: Callable[[], None]) -> None:
    """Have this run until cancelled; then set the event that it was given, wake it, and wait for it a while."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        await asyncio.Event().wait()
    finally:
        stop.set()
        wake()
        await asyncio.to_thread(thread.join, _DRAIN_SECONDS)


@contextlib.asynccontextmanager
async def _listening(settings: GateSettings, accept: Callable[[], Connection]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    # uvloop stops listening when a Server is collected: this list holds on to them
    servers: list[asyncio.AbstractServer] = [await loop.create_server(accept, settings.host, settings.port, backlog=_BACKLOG)]
    try:
        if settings.socket:
            servers.append(await _unix_server(accept, settings.socket))
        yield
    finally:
        for server in servers:
            server.close()
        if settings.socket:
            _remove(Path(settings.socket))


async def _unix_server(accept: Callable[[], Connection], path: str) -> asyncio.AbstractServer:
    """Listen on a unix socket that its owner and group may connect to, and nobody else, from its first moment on."""
    mask = os.umask(0o117)
    try:
        return await asyncio.get_running_loop().create_unix_server(accept, path, backlog=_BACKLOG)
    finally:
        os.umask(mask)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _sweep(connections: set[Wire]) -> None:
    """Close connections that have made no request for a while."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        for connection in list(connections):
            connection.sweeps_without_request += 1
            if connection.sweeps_without_request > _SWEEPS_WITHOUT_REQUEST:
                connection.abort()


async def _drain(connections: set[Wire]) -> None:
    for connection in list(connections):
        connection.finish()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while connections:  # noqa: ASYNC110 - at a stop only; an event would cost every connection
                await asyncio.sleep(0.01)
    for connection in list(connections):
        connection.abort()


def _allow_many_connections() -> None:
    """The usual 1024 open files would end before our own bound does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 200
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
