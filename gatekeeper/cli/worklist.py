"""`worklist`: the call list."""

import csv
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from gatekeeper.cli.opening import as_json, money, opened, table

if TYPE_CHECKING:
    from gatekeeper.reports import Call
    from gatekeeper.wiring.house import House

_AT_ONCE: Final = 1000
# What makes a spreadsheet calculate instead of show (case 117)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.option("--csv", "file", type=click.Path(dir_okay=False, allow_dash=True), help="Into this file, for a spreadsheet.")
@click.pass_obj
def worklist(config: Path | None, *, json_wanted: bool, file: str | None) -> None:
    """Whom to call: first whoever no letter reaches, then the oldest debt.

    Nobody who is exempt, has promised to pay, disputes or is on hold.
    """
    with opened(config) as house:
        lines = list(_lines(house))
    if json_wanted:
        as_json(lines)
    elif file:
        with click.open_file(file, "w", encoding="utf-8-sig" if file != "-" else None) as out:
            _write(lines, out)
    elif lines:
        shown = [tuple(_cell(line[key]) for key in ("account", "name", "owed", "days_overdue", "why")) for line in lines]
        table(("ACCOUNT", "NAME", "OWES", "DAYS", "WHY"), shown)
    else:
        print("Nobody has to be called.", file=sys.stderr)


def _lines(house: "House") -> Iterator[dict[str, Any]]:
    from gatekeeper.ledger.history import History
    from gatekeeper.reports import call, in_order

    history, now = History(house.engine), house.clock()
    concerned = (facts for stretch in history.stretches(_AT_ONCE) for facts in history.concerned(stretch))
    calls = in_order(one for facts in concerned if (one := call(facts, house.policies.rules_for(facts), now)))
    names = history.names([one.account_id for one in calls])
    for one in calls:
        yield {
            "account": one.account_id,
            "name": names[one.account_id],
            "owed": [money(house, total) for total in one.totals],
            "overdue_since": one.overdue_since,
            "days_overdue": one.days_overdue,
            "colour": one.colour,
            "missing": [{"audience": lost.audience, "addresses": list(lost.addresses)} for lost in one.missing],
            "why": list(_why(one)),
        }


def _why(one: "Call") -> Iterator[str]:
    for audience, addresses in one.missing:
        yield f"no letter reaches the {audience}: " + (f"{', '.join(addresses)} failed" if addresses else "no address is known")
    for notice in one.in_doubt:
        yield f"nobody knows whether the {notice.step} to {notice.address} arrived"


def _write(lines: list[dict[str, Any]], out: IO[str]) -> None:
    columns = ("account", "name", "owed", "overdue_since", "days_overdue", "colour", "why")
    rows = csv.writer(out)
    rows.writerow(columns)
    rows.writerows([_unformulated(line, column) for column in columns] for line in lines)


def _unformulated(line: Mapping[str, Any], column: str) -> str:
    cell = _cell(line[column])
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else str(value)


COMMANDS = (worklist,)
