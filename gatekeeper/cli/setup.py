"""`check-config` and `migrate`."""

from pathlib import Path

import click

from gatekeeper.cli.opening import settings_of


@click.command("check-config")
@click.pass_obj
def check_config(config: Path | None) -> None:
    """Validate settings, policy and templates; every fault of the first two at once, exit code 78."""
    from gatekeeper.wiring.gate import gate_settings
    from gatekeeper.wiring.house import House

    settings = settings_of(config)
    gate_settings(settings)
    _ = House(settings).wording  # compiles every template
    print("Settings, policy and templates are sound.")


@click.command()
@click.pass_obj
def migrate(config: Path | None) -> None:
    """Bring the ledger's schema to this version."""
    from gatekeeper.ledger import migrate as schema
    from gatekeeper.wiring.house import House

    house = House(settings_of(config, with_policy=False))
    try:
        schema.migrate(house.engine)
    finally:
        house.close()
    print("The ledger's schema is this version's.")


COMMANDS = (check_config, migrate)
