"""`arm`, `disarm`, `halt`, `resume`, and `restore`."""

from datetime import datetime
from pathlib import Path

import click

from gatekeeper.cli.opening import author, carry_out, instant, opened, settings_of


@click.command()
@click.pass_obj
def arm(config: Path | None) -> None:
    """Leave the dry run: from now on notices are sent and accounts suspended."""
    from gatekeeper.model import Mode

    with opened(config) as house:
        house.writer.desk.set_mode(Mode.ARMED, author=author(), now=house.clock())
    print("Armed. `gatekeeper disarm` returns to the dry run.")


@click.command()
@click.pass_obj
def disarm(config: Path | None) -> None:
    """Return to the dry run: nothing is sent, nobody is suspended; payments still open access."""
    from gatekeeper.model import Mode

    with opened(config) as house:
        house.writer.desk.set_mode(Mode.DRY_RUN, author=author(), now=house.clock())
    print("Dry run. `gatekeeper arm` leaves it.")


@click.command()
@click.pass_obj
def halt(config: Path | None) -> None:
    """Stop all notices and suspensions at once. Needs no database; payments still open access."""
    flag = _halt_flag(config)
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()
    print(f"Halted ({flag}). `gatekeeper resume` goes on.")


@click.command()
@click.pass_obj
def resume(config: Path | None) -> None:
    """Go on after `halt`."""
    _halt_flag(config).unlink(missing_ok=True)
    print("Going on.")


def _halt_flag(config: Path | None) -> Path:
    from gatekeeper.wiring.places import StateFolder

    return StateFolder(Path(settings_of(config, with_policy=False).state.folder)).halt


@click.command()
@click.argument("account", required=False)
@click.option("--reason", help="Why, for the audit row.")
@click.option("--since", type=instant, help="All that were restricted or suspended since then (UTC).")
@click.option("--dry-run", is_flag=True, help="With --since: only say which.")
@click.pass_obj
def restore(config: Path | None, *, account: str | None, reason: str | None, since: datetime | None, dry_run: bool) -> None:
    """Open a closed account by hand, or a whole batch. Before it can be closed again it is warned with a new day."""
    if (account is None) == (since is None):
        raise click.UsageError("Name one account, or a batch by --since.")
    if dry_run and since is None:
        raise click.UsageError("--dry-run goes with --since.")
    if not dry_run and not (reason or "").strip():
        raise click.UsageError("Say why with --reason.")
    with opened(config) as house:
        chosen = house.reader.closed_accounts(since=since) if since is not None else [str(account)]
        if not dry_run:
            for account_id in chosen:
                house.writer.desk.reopen(account_id, reason=reason or "", author=author(), now=house.clock())
            carry_out(house, chosen)
    for account_id in chosen:
        print(account_id)
    print(f"{len(chosen)} {'would be opened' if dry_run else 'opened'}.")


COMMANDS = (arm, disarm, halt, resume, restore)
