"""The whole product on invented customers, in one command: `gatekeeper demo`. What runs is the product, not a mock of it."""

import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Final

import httpx

from gatekeeper.billing.stripe.pace import unhurried
from gatekeeper.config import load
from gatekeeper.demo import deeds
from gatekeeper.demo.mailbox import Mailbox
from gatekeeper.demo.panel import Panel, Parts
from gatekeeper.demo.passing import Passing, set_clock
from gatekeeper.demo.people import move_in
from gatekeeper.demo.serving import Looks, serving
from gatekeeper.demo.shop import shop
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.ledger.migrate import migrate
from gatekeeper.logs import set_up
from gatekeeper.wiring.clock import simulated_clock, system_clock
from gatekeeper.wiring.house import House
from gatekeeper.wiring.serve import AddressInUse, gate_command, run_everything

_HOST: Final = "127.0.0.1"
_PORTS: Final = 4
_START_SECONDS: Final = 15.0
_WEBHOOK_SECRET: Final = "whsec_demo"  # noqa: S105 - both ends of it are in this process
_OWN_SETTINGS: Final = "GATEKEEPER__"

_SETTINGS: Final = """\
[product]
name = "Acme Cloud"
url = "{shop}"
support_email = "support@acme.example"

[database]
url = {database}

[state]
folder = {state}

[clock]
source = "simulated"
file = {clock}

[stripe]
api_key = "rk_test_standin"
account = "acct_standin"
api_base = "{stripe}"
webhook_secrets = ["{secret}"]
account_id_from = "metadata.account_id"
contacts_from = {{ accountant = "email", user = "metadata.user_email" }}
reconcile_every_seconds = 600

[mail]
url = {mail}
from = "Acme Billing <billing@acme.example>"

[policy]
file = "config/policies/default.toml"

[safety]
mode = "armed"

[web]
listen = "{web}"
public_url = "http://{web}"

[gate]
listen = "{gate}"
identity = [{{ header = "X-Account-Id" }}]
always_allow = ["/login", "/style.css"]

[log]
level = "warning"
"""


def run_demo(port: int, say: Callable[[str], object]) -> None:
    """Run until SIGINT or SIGTERM, on 127.0.0.1 only: the panel on `port`, the shop and the product on the next three.

    Raises:
        AddressInUse: one of the four ports is not free.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the house takes both: nothing may be left behind
    for name in [name for name in os.environ if name.startswith(_OWN_SETTINGS)]:
        del os.environ[name]  # the demo is the same everywhere
    with contextlib.ExitStack() as stack:
        panel_socket, shop_socket = stack.enter_context(_listening(port))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatekeeper-demo-")))
        closing = Event()
        standin = stack.enter_context(_standin(folder / "clock"))
        config = _write_settings(folder, port, standin.url)
        house = House(load(config, {}))
        house.pace = unhurried()
        stack.callback(house.close)
        set_up(house.settings.log.level, house.settings.log.format)
        migrate(house.engine)
        gate = stack.enter_context(_gate_client(port))
        passing = _passing(house, folder / "clock", standin, gate, closing)
        looks = Looks()
        web = stack.enter_context(httpx.Client(base_url=_url(port + 2), trust_env=False, timeout=15))
        shop_app = shop(gate, web, looks, panel_url=_url(port))
        stack.enter_context(serving(shop_app, shop_socket))
        stack.enter_context(serving(Panel(_parts(house, folder, standin, passing, port), looks).app(), panel_socket))
        stack.callback(closing.set)
        Thread(target=_announce, args=(passing, closing, port, say), daemon=True).start()
        run_everything(house, gate_command(str(config)))


@contextlib.contextmanager
def _listening(port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The sockets of panel and shop; those of the product are only tried, for it opens them itself."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for number in range(port, port + _PORTS):
            try:
                sockets.append(stack.enter_context(socket.create_server((_HOST, number))))
            except (OSError, OverflowError) as fault:
                raise AddressInUse(
                    f"the demo listens on the ports {port} to {port + _PORTS - 1} of {_HOST}, and {number} is not free; "
                    "choose others with --port"
                ) from fault
        for tried in sockets[2:]:
            tried.close()
        yield sockets[0], sockets[1]


@contextlib.contextmanager
def _standin(clock_file: Path) -> Iterator[Standin]:
    """The billing stand-in, with everybody's past in its books."""
    now = system_clock()
    set_clock(clock_file, now)
    with Standin(clock=simulated_clock(clock_file)) as standin:
        move_in(standin.books, now, lambda at: set_clock(clock_file, at))
        yield standin


def _write_settings(folder: Path, port: int, stripe: str) -> Path:
    """The smallest configuration (docs/configuration.md), in the folder of the demo."""
    settings = _SETTINGS.format(
        shop=_url(port + 1),
        web=f"{_HOST}:{port + 2}",
        gate=f"{_HOST}:{port + 3}",
        stripe=stripe,
        secret=_WEBHOOK_SECRET,
        database=json.dumps(f"sqlite:///{folder / 'gatekeeper.db'}"),
        state=json.dumps(str(folder / "state")),
        clock=json.dumps(str(folder / "clock")),
        mail=json.dumps(f"file:{folder / 'mail'}"),
    )
    path = folder / "gatekeeper.toml"
    path.write_text(settings, encoding="utf-8")
    return path


def _gate_client(port: int) -> httpx.Client:
    """Keeps no connection open, so that the gate has nobody to wait for when it is stopped."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=_url(port + 3), limits=limits, trust_env=False, timeout=1)


def _passing(house: House, clock_file: Path, standin: Standin, gate: httpx.Client, closing: Event) -> Passing:
    return Passing(
        clock=house.clock,
        clock_file=clock_file,
        reader=house.reader,
        wake=house.worker.wake,
        reconcile_every=house.reconcile_every,
        standin=standin,
        gate=gate,
        closing=closing,
    )


def _parts(house: House, folder: Path, standin: Standin, passing: Passing, port: int) -> Parts:
    # Signed with the real time, which the product checks; everything else goes by the clock of the demo
    delivery = standin.deliver_to(f"{_url(port + 2)}/webhooks/stripe", [_WEBHOOK_SECRET], clock=system_clock)
    return Parts(
        reader=house.reader,
        rules=house.policies.current.rules,
        wording=house.wording,
        passing=passing,
        mailbox=Mailbox(folder / "mail"),
        delivery=delivery,
        on_invoices=deeds.on_invoices(standin.books),
        on_accounts=deeds.on_accounts(house.writer.desk, house.clock, house.policies.current.surroundings.time_zone),
        shop_url=_url(port + 1),
    )


def _announce(passing: Passing, closing: Event, port: int, say: Callable[[str], object]) -> None:
    passing.settle(_START_SECONDS)
    if closing.is_set():
        return
    say(
        "gatekeeper demo: invented customers, the real product, nothing leaves this machine.\n"
        f"  {_url(port)}  the panel: clock, accounts, mailbox, webhooks\n"
        f"  {_url(port + 1)}  Acme Cloud, the product behind the gate\n"
        "Try:\n"
        "  1. Three customers fell overdue a few hours ago: read their reminders in the mailbox.\n"
        "  2. Let 14 days pass: the warning names a day. Let 5 more pass: access is suspended.\n"
        "  3. Open Acme Cloud as one of the suspended, pay from its page, and see it open by itself.\n"
        "Ctrl-C ends it; nothing stays behind."
    )


def _url(port: int) -> str:
    return f"http://{_HOST}:{port}"
