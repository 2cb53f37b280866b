"""The commands, one file a group. They import what they need when they run, so that `--help` is quick."""

from pathlib import Path

import click

from gatekeeper import __version__
from gatekeeper.cli import (
    accounts,
    bounces,
    brake,
    hooks,
    invoices,
    notices,
    safety,
    serve,
    setup,
    staff,
    whatif,
    why,
    worklist,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.version_option(__version__, prog_name="gatekeeper")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings file. Else GATEKEEPER_CONFIG, ./config/gatekeeper.toml, /etc/gatekeeper/gatekeeper.toml.",
)
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Reminds, warns and at last suspends access of accounts with overdue invoices; opens it again when they pay.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 75 try again later, 78 bad configuration.
    """
    context.obj = config


for group in (serve, setup, safety, brake, whatif, why, worklist, accounts, invoices, notices, bounces, hooks, staff):
    for command in group.COMMANDS:
        cli.add_command(command)
