"""`hooks list|resend`."""

from pathlib import Path

import click

from gatekeeper.cli.opening import as_json, opened, table

_SHOWN = (
    *("id", "message_id", "account_id", "before", "after", "changed_at", "revision"),
    *("state", "attempts", "next_try_at", "taken_at", "detail"),
)


@click.group()
def hooks() -> None:
    """What the product is told of changes of standing."""


@hooks.command("list")
@click.option("--account", help="Of one account only.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def list_hooks(config: Path | None, *, account: str | None, json_wanted: bool) -> None:
    """The latest hooks, newest first."""
    with opened(config) as house:
        found, telling = house.hook_reader.latest(account), house.hook_reader.telling()
    if json_wanted:
        as_json([{name: getattr(hook, name) for name in _SHOWN} for hook in found])
        return
    if telling.gone:
        print("The product has answered 410: it is told nothing more, until `gatekeeper hooks resend`.\n")
    table(
        ("ID", "ACCOUNT", "CHANGED", "FROM", "TO", "STATE", "ATTEMPTS", "DETAIL"),
        [
            (str(h.id), h.account_id, f"{h.changed_at:%Y-%m-%d %H:%M}", h.before, h.after, h.state, str(h.attempts), h.detail)
            for h in found
        ],
    )


@hooks.command()
@click.argument("hook", type=int, metavar="ID")
@click.pass_obj
def resend(config: Path | None, *, hook: int) -> None:
    """Deliver the last hook of an account once more, under its old id; the worker does it within a second.

    A product that had answered 410 is told everything that it has missed.
    """
    with opened(config) as house:
        again = house.writer.hooks.resend(hook, house.clock())
    print(f"{again.account_id}: the word that it is {again.after} goes out again.")


COMMANDS = (hooks,)
