"""`run`, its parts alone, one round, and the demo."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatekeeper.cli.opening import as_json, instant, opened, settings_of, table

if TYPE_CHECKING:
    from gatekeeper.review import Looked


@click.command()
@click.pass_obj
def run(config: Path | None) -> None:
    """Everything on this machine: worker, pages, webhooks, and the gate as a child process."""
    from gatekeeper.wiring.house import House
    from gatekeeper.wiring.serve import gate_command, run_everything

    house = House(settings_of(config, serving=True))
    try:
        run_everything(house, gate_command(None if config is None else str(config)))
    finally:
        house.close()


@click.command()
@click.pass_obj
def worker(config: Path | None) -> None:
    """The worker alone: reads the billing system, decides, writes, publishes."""
    from gatekeeper.wiring.serve import run_worker

    with opened(config, serving=True) as house:
        run_worker(house)


@click.command()
@click.pass_obj
def web(config: Path | None) -> None:
    """The web part alone: lockout page, pay links, webhooks."""
    from gatekeeper.wiring.serve import run_web

    with opened(config, serving=True) as house:
        run_web(house)


@click.command()
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input does.")
@click.pass_obj
def gate(config: Path | None, *, with_parent: bool) -> None:
    """The gate alone: answers the edge from the snapshot file or the feed, and needs neither Stripe's key nor the ledger."""
    from gatekeeper.config import load_for_gate
    from gatekeeper.logs import set_up
    from gatekeeper.wiring.gate import run_gate

    settings = load_for_gate(config, os.environ)
    set_up(settings.log.level, settings.log.format)
    run_gate(settings, with_parent=with_parent)


@click.command()
@click.option("--now", type=instant, help="Pretend that it is this instant (UTC).")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def tick(config: Path | None, *, now: datetime | None, json_wanted: bool) -> None:
    """One round, then stop: read the billing system, decide, send what is due, publish. In a dry run: say what would be."""
    from gatekeeper.ledger.migrate import migrate
    from gatekeeper.wiring.house import House

    settings = settings_of(config)
    if now is not None:
        key = settings.stripe.api_key.get_secret_value()
        if "_live_" in key or not (settings.clock.source == "simulated" or "_test_" in key):
            raise click.UsageError('--now is for clock.source = "simulated" or a Stripe test key, never for a live key.')
    house = House(settings, now=now)
    try:
        with house.state.held():
            migrate(house.engine)
            house.lay_out_fallback_page()
            looked = house.worker.round()
    finally:
        house.close()
    if json_wanted:
        changed = [{"account": account_id, "standing": standing} for account_id, standing in looked.changed]
        withheld = [{"account": account_id, "would": what} for account_id, what in looked.withheld]
        as_json({"looked_at": looked.accounts, "changed": changed, "withheld": withheld})
    else:
        _say(looked)


def _say(looked: "Looked") -> None:
    print(f"{looked.accounts} accounts looked at, {len(looked.changed)} changed")
    if looked.changed:
        table(("ACCOUNT", "STANDING"), list(looked.changed))
    if looked.withheld:
        print("\nWould have done, and did not (`gatekeeper why ACCOUNT` says why):")
        table(("ACCOUNT", "WOULD"), list(looked.withheld))


@click.command()
@click.option(
    "--port", default=8400, show_default=True, type=click.IntRange(1, 65532), help="First of four ports on 127.0.0.1."
)
def demo(port: int) -> None:
    """The whole product on invented customers, with a billing stand-in, a mailbox and a clock that you can move."""
    from gatekeeper.demo.stage import run_demo

    run_demo(port, say=click.echo)


COMMANDS = (run, worker, gate, web, tick, demo)
