"""`arm`, `disarm`, `halt`, `resume`, and `restore`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from gatekeeper.cli.opening import author, opened, settings_of


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
    from gatekeeper.wiring.places import StateFolder

    flag = StateFolder(Path(settings_of(config).state.folder)).halt
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()
    print(f"Halted ({flag}). `gatekeeper resume` goes on.")


@click.command()
@click.pass_obj
def resume(config: Path | None) -> None:
    """Go on after `halt`."""
    with opened(config) as house:
        house.state.halt.unlink(missing_ok=True)
        house.writer.desk.release()
    print("Going on.")


@click.command()
@click.argument("account", required=False)
@click.option("--reason", help="Why, for the audit row.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]), help="All that were suspended since then (UTC)."
)
@click.option("--dry-run", is_flag=True, help="With --since: only say which.")
@click.pass_obj
def restore(config: Path | None, *, account: str | None, reason: str | None, since: datetime | None, dry_run: bool) -> None:
    """Open a suspended account by hand, or a whole batch. Before it can be suspended again it is warned with a new day."""
    if (account is None) == (since is None):
        raise click.UsageError("Name one account, or a batch by --since.")
    if reason is None and not dry_run:
        raise click.UsageError("Say why with --reason.")
    with opened(config) as house:
        chosen = [account] if account is not None else house.reader.suspended_accounts(since=_utc(since))
        for account_id in chosen:
            if not dry_run:
                house.writer.desk.reopen(account_id, reason=reason or "", author=author(), now=house.clock())
            print(account_id)
        if not dry_run:  # a worker that runs does this by itself; without one access must open all the same
            house.review.run(house.clock(), house.withheld(), only=chosen)
            house.publisher.run(house.clock())
    said = "would be opened" if dry_run else "opened"
    print(f"{len(chosen)} {said}.")


def _utc(instant: datetime | None) -> datetime:
    assert instant is not None
    return instant.replace(tzinfo=UTC)


COMMANDS = (arm, disarm, halt, resume, restore)
