"""Runs parts of the house as processes: the web part, the worker, or everything with the gate as a child."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import structlog
import uvicorn
import uvloop

from gatekeeper.ledger.migrate import migrate, require_current
from gatekeeper.wiring.house import House
from gatekeeper.wiring.listening import AddressInUse, listen, wait_until_free
from gatekeeper.wiring.web import web_of

__all__ = ["AddressInUse", "gate_command", "run_everything", "run_web", "run_worker"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_GRACE_SECONDS = 5
_HASTE_SECONDS = 8.0
_LOOK_SECONDS = 0.1
_STEADY_LOOKS = 600
_RESTART_SECONDS = (0.2, 1.0, 5.0)

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Signals are ours: the same ones stop the worker and the gate."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_web(house: House) -> None:
    """The web part alone. Raises AddressInUse."""
    require_current(house.engine)
    with listen(*house.settings.web.address, "web.listen") as listener:
        uvloop.run(_serve(house, listener, house.stopping.set))


def run_worker(house: House) -> None:
    """The worker alone. Raises StateFolderInUse."""
    require_current(house.engine)
    with house.state.held():
        house.lay_out_fallback_page()
        # Before anything changes: a backup that was restored is noticed by what was published last (case 76)
        house.publisher.run(house.clock())
        with _worker_beside(house) as stop:
            asyncio.run(_wait(stop))


def run_everything(house: House, gate_command: Sequence[str]) -> None:
    """Worker, web part and, as a child process that is started again when it ends, the gate.

    Raises:
        StateFolderInUse: somebody else works on it.
        AddressInUse: somebody else listens where the web part or the gate should.
    """
    with house.state.held(), listen(*house.settings.web.address, "web.listen") as listener:
        wait_until_free(*house.settings.gate.address, "gate.listen")
        migrate(house.engine)
        house.lay_out_fallback_page()
        house.publisher.run(house.clock())
        with _gate_beside(gate_command) as stop_gate, _worker_beside(house) as stop_worker:

            def stop() -> None:
                stop_gate()
                stop_worker()

            uvloop.run(_serve(house, listener, stop))


@contextlib.contextmanager
def _worker_beside(house: House) -> Iterator[Callable[[], None]]:
    """The worker in a thread until the end of the block, or until what is yielded is called."""

    def stop() -> None:
        house.stopping.set()
        house.worker.wake()

    yield from _beside(threading.Thread(target=house.worker.run, args=(house.stopping,), name="worker"), stop)


@contextlib.contextmanager
def _gate_beside(command: Sequence[str]) -> Iterator[Callable[[], None]]:
    """The gate in a process of its own; as above."""
    told = threading.Event()
    yield from _beside(threading.Thread(target=_keep_running, args=(command, told), name="gate"), told.set)


def _beside(thread: threading.Thread, stop: Callable[[], None]) -> Iterator[Callable[[], None]]:
    thread.start()
    try:
        yield stop
    finally:
        stop()
        thread.join()


async def _wait(stop: Callable[[], None]) -> None:
    """Until the first signal."""
    told = asyncio.Event()

    def end() -> None:
        stop()
        told.set()

    _on_signal(end)
    log.info("worker.running")
    await told.wait()


async def _serve(house: House, listener: socket.socket, stop: Callable[[], None]) -> None:
    """The web part until the first signal, which calls `stop` too."""
    config = uvicorn.Config(
        web_of(house),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)

    def end() -> None:
        server.should_exit = True
        stop()

    _on_signal(end)
    log.info("web.listening", address=house.settings.web.listen)
    await server.serve(sockets=[listener])


def _on_signal(end: Callable[[], None]) -> None:
    """Call `end` at the first SIGTERM or SIGINT; a second one kills, and so does whatever has not ended after eight seconds.

    That is safe: what is killed between two steps leaves a row that says so (rule 5), and a stop must be prompt (case 133).
    """
    loop = asyncio.get_running_loop()

    def first() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        log.info("house.stopping")
        haste = threading.Timer(_HASTE_SECONDS, _leave)
        haste.daemon = True
        haste.start()
        end()

    for number in _SIGNALS:
        loop.add_signal_handler(number, first)


def _leave() -> None:
    log.warning("house.left_in_haste", after_seconds=_HASTE_SECONDS)
    os._exit(0)


def _keep_running(command: Sequence[str], stop: threading.Event) -> None:
    """Run the gate until `stop`; whenever it ends before, start it again, after a pause that grows with quick failures."""
    failures = 0
    while not stop.is_set():
        try:
            steady = _run_once(command, stop)
        except OSError as fault:  # this machine has no room for a process
            steady = False
            log.error("gate.not_started", because=str(fault))  # noqa: TRY400 - the traceback would say nothing more
        failures = 0 if steady else failures + 1
        stop.wait(_RESTART_SECONDS[min(failures, len(_RESTART_SECONDS) - 1)])


def _run_once(command: Sequence[str], stop: threading.Event) -> bool:
    """Run the gate until it ends or `stop`; whether it lived for a minute. It ends with us: its standard input does."""
    # In a process group of its own: Ctrl-C on a terminal is for us, and we stop it in our own time
    with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as child:  # noqa: S603 - our own program
        looks = next(number for number in count() if child.poll() is not None or stop.wait(_LOOK_SECONDS))
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
        child.kill()
    if not stop.is_set():
        log.error("gate.ended", code=child.returncode)
    return looks > _STEADY_LOOKS


def gate_command(config: str | None) -> list[str]:
    """How this very installation starts its gate."""
    chosen = [] if config is None else ["--config", config]
    return [sys.executable, "-m", "gatekeeper", *chosen, "gate", "--with-parent"]
