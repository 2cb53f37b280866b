"""Opens the house for one command, and says in one line what went wrong."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gatekeeper.config import Settings
    from gatekeeper.model import Money
    from gatekeeper.wiring.house import House

FAILED, TRY_LATER, BAD_CONFIGURATION = 1, 75, 78


def settings_of(config: Path | None, *, with_policy: bool = True, serving: bool = False) -> "Settings":
    """The settings, checked with the policy that they name, unless the command has no use for one.

    A command that ends says what it did by itself: unless it is `serving`, only warnings are logged, or what `debug` shows.
    """
    from gatekeeper.config import load
    from gatekeeper.logs import set_up
    from gatekeeper.wiring.policy import load_checked

    settings = load_checked(config, os.environ) if with_policy else load(config, os.environ)
    quiet = settings.log.level == "info" and not serving
    set_up("warning" if quiet else settings.log.level, settings.log.format)
    return settings


@contextmanager
def opened(config: Path | None, *, serving: bool = False) -> Iterator["House"]:
    """The house, on a ledger whose schema is this version's."""
    from gatekeeper.ledger.migrate import require_current
    from gatekeeper.wiring.house import House

    house = House(settings_of(config, serving=serving))
    try:
        require_current(house.engine)
        yield house
    finally:
        house.close()


def carry_out(house: "House", accounts: Sequence[str]) -> None:
    """Look at these accounts now. A worker that runs would do it by itself; without one access must open all the same."""
    now = house.clock()
    house.review.run(now, only=accounts)
    house.publisher.run(now)


def author() -> str:
    """Who runs this command, for the audit row."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def instant(text: str) -> datetime:
    """An instant as it is written on a command line."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as fault:
        raise click.BadParameter(f"{text!r} is no instant; write it as 2026-11-22T10:00:00Z or 2026-11-22 (UTC).") from fault
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def money(house: "House", amount: "Money") -> str:
    """As the product writes it: with its currency, in its locale."""
    from babel import Locale

    from gatekeeper.wording.formats import spelled

    return spelled(amount, Locale.parse(house.settings.product.locale))


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as they need to be."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def guarded(run: Callable[[], Any]) -> int:
    """Run the commands; the exit code. Expected faults are said in words, anything else keeps its traceback."""
    try:
        code = run()
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        return FAILED
    except Exception as fault:
        known = _said_in_words(fault)
        if known is None:
            raise
        code, text = known
        print(f"gatekeeper: {text}", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _said_in_words(fault: Exception) -> tuple[int, str] | None:
    from gatekeeper.billing.source import SourceUnavailable
    from gatekeeper.config import SettingsInvalid
    from gatekeeper.gate.settings import GateRefused
    from gatekeeper.ledger.engine import DatabaseUnavailable
    from gatekeeper.ledger.migrate import SchemaBehind
    from gatekeeper.ledger.writer.desk import NoSuchAccount
    from gatekeeper.ledger.writer.hooks import ResendRefused
    from gatekeeper.policy.terms import TermsRefused
    from gatekeeper.wiring.clock import ClockUnreadable
    from gatekeeper.wiring.listening import AddressInUse
    from gatekeeper.wiring.places import StateFolderInUse

    if isinstance(fault, DatabaseUnavailable):  # its text shows the statement, and what stands in it
        return TRY_LATER, f"the ledger's database does not answer: {str(getattr(fault, 'orig', fault)).splitlines()[0]}"
    for kinds, code in (
        ((SettingsInvalid, GateRefused, ClockUnreadable), BAD_CONFIGURATION),
        ((SourceUnavailable, StateFolderInUse, AddressInUse), TRY_LATER),
        ((SchemaBehind, NoSuchAccount, ResendRefused, TermsRefused, OSError), FAILED),
    ):
        if isinstance(fault, kinds):
            return code, str(fault)
    return None
