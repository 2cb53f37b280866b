"""`import-invoices`: what is billed outside Stripe, from a file."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from gatekeeper.cli.opening import FAILED, as_json, author, carry_out, opened

if TYPE_CHECKING:
    from gatekeeper.billing.statements import RowFault
    from gatekeeper.ledger.writer.statements import Stated
    from gatekeeper.wiring.house import House


@click.command("import-invoices")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def import_invoices(config: Path | None, *, file: Path, dry_run: bool, json_wanted: bool) -> None:
    """Take over invoices that are billed outside Stripe: all that the CSV file states, or none (docs/import.md)."""
    from gatekeeper.billing.statements import FileRefused

    with opened(config) as house:
        try:
            outcome = _take_over(house, file, dry_run=dry_run)
        except FileRefused as refusal:
            _say_faults(file, refusal.faults, json_wanted=json_wanted)
            raise click.exceptions.Exit(FAILED) from refusal
        if not dry_run:
            carry_out(house, sorted({one.invoice.account_id for one in outcome if one.effect in {"new", "changed"}}))
    _say(outcome, dry_run=dry_run, json_wanted=json_wanted)


def _take_over(house: "House", file: Path, *, dry_run: bool) -> "list[Stated]":
    from gatekeeper.billing.statements import FileRefused, RowFault, read_file
    from gatekeeper.ledger.writer.statements import StatementsRefused

    now, zone = house.clock(), ZoneInfo(house.settings.product.time_zone)
    rows = read_file(file.read_bytes(), read_at=now, zone=zone)
    stated = [row.invoice for row in rows]
    try:
        if dry_run:
            return house.writer.statements.preview(stated)
        return house.writer.statements.record(stated, author=author(), now=now)
    except StatementsRefused as refusal:
        line_of = {row.invoice.id: row.line for row in rows}
        faults = [RowFault(line_of[invoice_id], "invoice", what) for invoice_id, what in refusal.faults.items()]
        raise FileRefused(faults) from refusal


def _say_faults(file: Path, faults: "Sequence[RowFault]", *, json_wanted: bool) -> None:
    if json_wanted:
        said = [{"line": fault.line, "column": fault.column, "what": fault.what} for fault in faults]
        print(json.dumps({"imported": False, "faults": said}, indent=2, ensure_ascii=False))
        return
    print(f"{file}: nothing was imported:", file=sys.stderr)
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)


def _say(outcome: "Sequence[Stated]", *, dry_run: bool, json_wanted: bool) -> None:
    counted = Counter(one.effect.value for one in outcome)
    if json_wanted:
        shown = [_shown(one) for one in outcome if one.effect != "unchanged"]
        as_json({"imported": not dry_run, "counted": dict(counted), "invoices": shown})
        return
    for one in outcome:
        if one.effect == "final":
            print(f"{one.invoice.id}: is {one.invoice.status} already, and stays so")
        elif one.effect != "unchanged" and dry_run:
            print(f"{one.invoice.id}: {one.effect}, {one.invoice.status}, of account {one.invoice.account_id}")
    would, as_before = "would be " if dry_run else "", counted["unchanged"] + counted["final"]
    print(f"{counted['new']} {would}new, {counted['changed']} {would}changed, {as_before} as before")


def _shown(one: "Stated") -> dict[str, Any]:
    kept = one.invoice
    amounts = {"currency": kept.currency, "total_minor": kept.total_minor, "remaining_minor": kept.remaining_minor}
    return {"id": kept.id, "account": kept.account_id, "effect": one.effect.value, "status": kept.status} | amounts


COMMANDS = (import_invoices,)
