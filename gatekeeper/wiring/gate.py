"""The gate process, from the settings. Nothing of the ledger is imported here: the gate needs none of it."""

import os
import signal
import threading
from datetime import timedelta
from pathlib import Path

from gatekeeper.config import GateAlone, Settings
from gatekeeper.gate.server import run
from gatekeeper.gate.settings import GateSettings
from gatekeeper.wiring.clock import system_clock
from gatekeeper.wiring.listening import refused
from gatekeeper.wiring.passes import holder
from gatekeeper.wiring.places import StateFolder


def gate_settings(settings: Settings | GateAlone) -> GateSettings:
    """What the gate is told of the settings. Raises GateRefused for what it would not start with."""
    gate, state = settings.gate, StateFolder(Path(settings.state.folder))
    host, port = gate.address
    chosen = GateSettings(
        host=host,
        port=port,
        socket=gate.socket,
        haproxy_socket=gate.haproxy_socket,
        list_folder=gate.list_folder,
        envoy_list=gate.envoy_list,
        identity=gate.sources,
        viewer_header=gate.viewer,
        edge_secret=gate.edge_secret.get_secret_value(),
        always_allow=tuple(gate.always_allow),
        anonymous=gate.unknown_account,
        snapshot_path=state.snapshot,
        fallback_page_path=state.fallback_page,
        closed_page_path=state.closed_page,
        page_url=f"{gate.feed_url or f'http://{settings.web.listen}'}/overdue",
        support_email=settings.product.support_email,
        feed_url=gate.feed_url,
        feed_token=gate.feed_token.get_secret_value(),
        stale_deny_max=timedelta(hours=gate.stale_deny_hours),
    )
    chosen.check()
    return chosen


def run_gate(settings: GateAlone, *, with_parent: bool) -> None:
    """Run until SIGTERM; `with_parent`: also until standard input ends, which it does when the parent process dies.

    Raises:
        GateRefused: settings that it does not start with.
        AddressInUse: it cannot listen.
    """
    if with_parent:
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
    chosen = gate_settings(settings)
    state = StateFolder(Path(settings.state.folder))
    signer = state.page_signer()

    def sign(account: str, viewer: str, path: str) -> str:
        return signer.dumps({"account": account, "viewer": viewer, "path": path})

    try:
        run(chosen, sign=sign, clock=system_clock, staff_of=holder(state.staff_signer(), system_clock))
    except OSError as fault:
        raise refused(chosen.host, chosen.port, "gate.listen", fault) from fault


def _end_with_standard_input() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
