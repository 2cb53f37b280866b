"""`plan` and `simulate`: what would happen to whom. Both only read."""

import os
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from gatekeeper.cli.opening import as_json, opened, table

if TYPE_CHECKING:
    from gatekeeper.ledger.history import History
    from gatekeeper.model import Reason
    from gatekeeper.policy.segments import Policy
    from gatekeeper.whatif.plan import Plan, Planned
    from gatekeeper.whatif.report import Report
    from gatekeeper.whatif.tally import Side
    from gatekeeper.wiring.house import House

_DAY = click.DateTime(["%Y-%m-%d"])
_FORESEEN = timedelta(days=60)
_SHOWN = 20
_FILE = click.Path(dir_okay=False, path_type=Path)
_POLICY = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--days", default=14, show_default=True, type=click.IntRange(0, 366), help="How many days after today.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def plan(config: Path | None, *, days: int, json_wanted: bool) -> None:
    """What happens to whom on which day, if nobody pays. In a dry run: what would happen after `gatekeeper arm`."""
    from gatekeeper.ledger.history import History
    from gatekeeper.whatif.plan import plan as make_plan

    with opened(config) as house:
        zone = ZoneInfo(house.settings.product.time_zone)
        made = make_plan(History(house.engine), house.policies.rules_for, house.clock(), days, zone)
        holds = [_said(house, reason) for reason in _holding(house)]
        held = made.brake_holds(house.limits.caps)
        warnings = [f"{held[0]:%Y-%m-%d %H:%M} UTC: {_said(house, held[1])}"] if held else []
    if json_wanted:
        as_json(_plan_document(made, holds, warnings))
    else:
        _print_plan(made, holds, warnings)


def _holding(house: "House") -> list["Reason"]:
    """What holds this plan as a whole at the moment."""
    from gatekeeper.model import Reason

    why, state = house.withheld(), house.reader.state()
    distrust = [Reason(code="distrust", params=(("why", state.distrust),))] if state.distrust else []
    return [*([why] if why else []), *(engaged.why for engaged in house.brake_reader.engaged()), *distrust]


def _plan_document(made: "Plan", holds: list[str], warnings: list[str]) -> dict[str, Any]:
    return {
        "holds": holds,
        "brake_would_hold": warnings,
        "days": [
            {"on": on, "accounts": dict(made.counts()[on]), "planned": [_entry(one) for one in entries]}
            for on, entries in groupby(made.planned, key=lambda one: one.on)
        ],
        "unreachable": made.unreachable,
        "given_up": made.given_up,
    }


def _entry(one: "Planned") -> dict[str, Any]:
    return {
        "account": one.account_id,
        "name": one.name,
        "at": one.at,
        "what": one.what,
        "step": one.step_name,
        "audiences": list(one.audiences),
        "letters": one.letters,
        "suspend_on": one.suspend_on,
    }


def _print_plan(made: "Plan", holds: list[str], warnings: list[str]) -> None:
    for text in holds:
        print(f"! {text}")
    for text in warnings:
        print(f"! {text}")
    if made.unreachable:
        print(f"! {len(made.unreachable)} accounts stop because somebody cannot be told: {_some(made.unreachable)}")
    if made.given_up:
        print(f"! {len(made.given_up)} accounts never come to rest under this policy: {_some(made.given_up)}")
    if holds or warnings or made.unreachable or made.given_up:
        print()
    if not made.planned:
        print("Nothing will happen.")
        return
    kinds = [kind for kind in _WORDS if any(one.what == kind for one in made.planned)]
    counts = made.counts()
    table(
        ("DAY", *(_WORDS[kind].upper() for kind in kinds)),
        [(str(on), *(str(counts[on][kind]) if counts[on][kind] else "" for kind in kinds)) for on in counts],
    )
    print()
    rows = [
        (str(on), account, entries[0].name, "; ".join(map(_phrase, entries)))
        for (on, account), entries in _by_day_and_account(made.planned)
    ]
    table(("DAY", "ACCOUNT", "NAME", "WHAT"), rows)


_WORDS = {
    "courtesy": "courtesy",
    "reminder": "reminder",
    "warning": "warning",
    "restricted": "restricted",
    "suspended": "suspended",
    "past_due": "past due",
    "current": "current",
    "restored": "word of access",
    "promised": "word of a promise",
    "unreachable": "word of whom nobody reaches",
}


def _by_day_and_account(planned: list["Planned"]) -> list[tuple[tuple[date, str], list["Planned"]]]:
    return [(key, list(entries)) for key, entries in groupby(planned, key=lambda one: (one.on, one.account_id))]


def _phrase(one: "Planned") -> str:
    if not one.audiences:
        return _WORDS[one.what]
    named = f", naming {one.suspend_on}" if one.suspend_on else ""
    return f"{_WORDS[one.what]} to {' and '.join(one.audiences)}{named}"


@click.command()
@click.option("--policy", "policy_file", type=_POLICY, required=True, help="The other policy.")
@click.option("--since", type=_DAY, help="Replay the stored past from this day on. Else: the coming 60 days.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.option("--html", "html_file", type=_FILE, help="Also write the report, with a picture, into this file.")
@click.pass_obj
def simulate(
    config: Path | None, *, policy_file: Path, since: datetime | None, json_wanted: bool, html_file: Path | None
) -> None:
    """Another policy over the live ledger or the stored past: who would be reminded, warned, suspended, and who paid anyway."""
    from gatekeeper.whatif.picture import view_of
    from gatekeeper.whatif.report import document

    with opened(config) as house:
        report = _compared(house, policy_file, since)
        if html_file is not None:
            html = house.wording.report(view_of(report), house.settings.product.locale)
            html_file.write_text(html, encoding="utf-8")
    if json_wanted:
        as_json(document(report))
    else:
        _print_report(report)


def _compared(house: "House", policy_file: Path, since: datetime | None) -> "Report":
    from gatekeeper.ledger.history import History
    from gatekeeper.whatif.report import report_of
    from gatekeeper.whatif.survey import Question, survey
    from gatekeeper.wiring.policy import load_policy_file

    zone, now, history = ZoneInfo(house.settings.product.time_zone), house.clock(), History(house.engine)
    begins_at = None if since is None else since.replace(tzinfo=zone)
    if begins_at is not None and begins_at >= now:
        raise click.UsageError(f"--since {begins_at.date()} is not in the past.")
    other = load_policy_file(str(policy_file), house.settings)
    question = Question(
        today=house.policies.current,
        other=other,
        versions=_versions(house, history),
        zone=zone,
        now=now,
        until=now + _FORESEEN if begins_at is None else now,
        since=begins_at,
    )
    url = house.settings.database.url.get_secret_value()
    tally = survey(url, question, processes=len(os.sched_getaffinity(0)))
    labels = (str(house.settings.policy.file), str(policy_file))
    return report_of(history, question, tally, labels)


def _versions(house: "House", history: "History") -> dict[str, "Policy"]:
    """The policies that running cases began with, those that this version can still follow."""
    found = {house.policies.current.id: house.policies.current}
    for policy_id in history.policies_in_use():
        earlier = house.versions.earlier(policy_id)
        if earlier is not None:
            found.setdefault(policy_id, earlier)
    return found


def _print_report(report: "Report") -> None:
    from gatekeeper.whatif.tally import STEPS

    tally = report.tally
    print(f"today: {report.labels[0]}    other: {report.labels[1]}    {report.question.first_on} to {report.last_on}")
    print(f"{tally.judged} accounts for which something was due.\n")
    header = ("ACCOUNTS", *(name.upper() for name, _ in report.sides), "ONLY TODAY", "ONLY OTHER")
    rows = [
        (
            step.value,
            *(str(side.accounts[step]) for _, side in report.sides),
            str(tally.only_today[step].count),
            str(tally.only_other[step].count),
        )
        for step in STEPS
        if any(side.accounts[step] for _, side in report.sides)
    ]
    table(header, rows)
    if report.looks_back:
        print()
        _print_closed(report)
    for step in ("restrict", "suspend"):
        for said, alone in (("today", tally.only_today), ("other", tally.only_other)):
            named = next(found for kind, found in alone.items() if kind.value == step)
            if named.count:
                print(f"\n{step} only under {said} ({named.count}): {_some(named.accounts)}")
    print()
    for note in report.notes:
        print(f"- {note.text % dict(note.params)}")


def _print_closed(report: "Report") -> None:
    from gatekeeper.whatif.report import WITHIN, median_days, paid_within

    def row(name: str, side: "Side") -> tuple[str, ...]:
        within = [str(paid_within(side, days)) for days in WITHIN]
        half = median_days(side)
        paid = side.paid_after.total()
        return name, str(side.closings), *within, str(paid), str(side.unpaid), "" if half is None else f"{half} days"

    within = [f"{days} DAYS" if days else "SAME DAY" for days in WITHIN]
    header = ("CLOSED", "TIMES", *(f"PAID IN {text}" for text in within), "PAID AT ALL", "NOT PAID", "HALF WITHIN")
    table(header, [row(name, side) for name, side in report.sides[:2]])


def _said(house: "House", reason: "Reason") -> str:
    return house.wording.sentence(reason, house.settings.product.locale)


def _some(accounts: list[str]) -> str:
    more = ", …" if len(accounts) > _SHOWN else ""
    return ", ".join(accounts[:_SHOWN]) + more


COMMANDS = (plan, simulate)
