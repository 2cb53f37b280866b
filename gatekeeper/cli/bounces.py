"""`bounces`: one message that a mail server pipes in (docs/returns.md)."""

import sys
import traceback
from pathlib import Path
from typing import Final

import click

from gatekeeper.cli.opening import TRY_LATER, guarded, opened

_PIECE: Final = 65_536


@click.command()
@click.pass_obj
def bounces(config: Path | None) -> None:
    """Take in one message on standard input: what a mail server sent back. For a pipe of yours, or by hand: `bounces < FILE`.

    Exit codes: 0, taken in, or nothing that is for us; 75, it could not be looked at, whatever the fault: the mail server keeps
    the message, and tries again.
    """
    message = _read_whole()

    def take_in() -> None:
        with opened(config) as house:
            account = house.intake.message(message)
        print(f"noted of account {account}" if account else "nothing in it is for us, or it is known already")

    try:
        code = guarded(take_in)
    except Exception:  # noqa: BLE001 - any other exit code has the mail server throw the message away
        traceback.print_exc()
        code = TRY_LATER
    if code:
        raise click.exceptions.Exit(TRY_LATER)


def _read_whole() -> bytes:
    """As much of the message as is looked at. The rest is read too: whoever pipes it in must be able to finish."""
    from gatekeeper.returns.reading import MAX_BYTES

    kept = b""
    while piece := sys.stdin.buffer.read(_PIECE):
        kept = (kept + piece)[:MAX_BYTES]
    return kept


COMMANDS = (bounces,)
