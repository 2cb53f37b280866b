"""`staff-pass`."""

import sys
from datetime import timedelta
from pathlib import Path

import click

from gatekeeper.cli.opening import as_json, author, opened

_LONGEST_NAME = 64
_MOST_MINUTES = 8 * 60


@click.command("staff-pass")
@click.argument("name")
@click.option("--minutes", type=click.IntRange(1, _MOST_MINUTES), default=60, help="How long it holds: 60, at most 480.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def staff_pass(config: Path | None, *, name: str, minutes: int, json_wanted: bool) -> None:
    """Let NAME, of the staff, into the product while signed in there as an account that is closed.

    The gate believes the pass in the cookie gatekeeper_staff, or in the header X-Gatekeeper-Staff. It ends by the clock of the
    machine, even where that of the ledger is simulated.
    """
    from gatekeeper.gate.staff import STAFF_COOKIE
    from gatekeeper.wiring.clock import system_clock
    from gatekeeper.wiring.passes import Pass

    name = name.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise click.UsageError(f"NAME is who will use the pass, in 1 to {_LONGEST_NAME} printable characters.")
    given = Pass(name, system_clock().replace(microsecond=0) + timedelta(minutes=minutes))
    with opened(config) as house:
        # First the audit row: a pass that nobody knows of must not exist
        house.writer.desk.give_pass(name, until_at=given.until_at, author=author(), now=house.clock())
        shown = given.signed(house.state.staff_signer())
    if json_wanted:
        as_json({"pass": shown, "name": name, "until_at": given.until_at})
        return
    print(shown)
    print(f"It holds until {given.until_at:%Y-%m-%d %H:%M} UTC, in the cookie {STAFF_COOKIE}.", file=sys.stderr)


COMMANDS = (staff_pass,)
