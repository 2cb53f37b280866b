"""Runs parts of the house as processes: the web part, the worker, or everything with the gate as a child."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import structlog
import uvicorn

from gatekeeper.ledger.migrate import migrate, require_current
from gatekeeper.wiring.house import House

_GRACE_SECONDS = 5
_RESTART_SECONDS = (0.2, 1.0, 5.0)

log = structlog.get_logger(__name__)


class AddressInUse(RuntimeError):
    """Somebody listens there already."""


class _Server(uvicorn.Server):
    """Signals are ours: the same ones stop the worker and the gate."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_web(house: House) -> None:
    """The web part alone."""
    require_current(house.engine)
    asyncio.run(_serve(house, threading.Event()))


def run_worker(house: House) -> None:
    """The worker alone."""
    require_current(house.engine)
    stop = threading.Event()
    with house.state.held(), _stopping(stop, house):
        house.lay_out_fallback_page()
        house.worker.run(stop)


def run_everything(house: House, gate_command: Sequence[str]) -> None:
    """Worker, web part and, as a child process that is started again when it ends, the gate."""
    with house.state.held():
        migrate(house.engine)
        house.lay_out_fallback_page()
        house.publisher.run(house.clock())
        stop = threading.Event()
        worker = threading.Thread(target=house.worker.run, args=(stop,), name="worker")
        gate = threading.Thread(target=_keep_running, args=(gate_command, stop), name="gate")
        worker.start()
        gate.start()
        try:
            asyncio.run(_serve(house, stop))
        finally:
            stop.set()
            house.worker.wake.set()
            worker.join()
            gate.join()


async def _serve(house: House, stop: threading.Event) -> None:
    listener = _listen(*house.settings.web.address)
    config = uvicorn.Config(
        house.web,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def end() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # a second signal ends the process at once
        log.info("house.stopping")
        stop.set()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    log.info("web.listening", address=house.settings.web.listen)
    await server.serve(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as fault:
        text = f"cannot listen on {host}:{port} ({fault.strerror}); change web.listen or stop what listens there"
        raise AddressInUse(text) from fault


@contextlib.contextmanager
def _stopping(stop: threading.Event, house: House) -> Iterator[None]:
    """SIGTERM or SIGINT sets `stop`; the handlers of before come back with the first signal, so a second one ends at once."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def end(_number: int, _frame: object) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.set()
        house.worker.wake.set()

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep_running(command: Sequence[str], stop: threading.Event) -> None:
    """Run the gate until `stop`; it ends with us, because its standard input does."""
    restarts = 0
    while not stop.is_set():
        with subprocess.Popen(command, stdin=subprocess.PIPE) as child:  # noqa: S603 - our own program and arguments
            while child.poll() is None and not stop.wait(0.1):
                pass
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_GRACE_SECONDS)
            child.kill()
        if not stop.is_set():
            log.error("gate.ended", code=child.returncode)
            stop.wait(_RESTART_SECONDS[min(restarts, len(_RESTART_SECONDS) - 1)])
            restarts += 1


def gate_command(config: str | None) -> list[str]:
    """How this very installation starts its gate."""
    chosen = [] if config is None else ["--config", config]
    return [sys.executable, "-m", "gatekeeper", *chosen, "gate", "--with-parent"]
