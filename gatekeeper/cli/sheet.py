"""The evidence sheet of `notices evidence`, drawn up and printed."""

import textwrap
from datetime import datetime
from typing import TYPE_CHECKING

from gatekeeper.cli.opening import table

if TYPE_CHECKING:
    from gatekeeper.wiring.house import House
    from gatekeeper.wording.evidence import Chapter, Evidence

_COLUMNS = 100


def evidence_of(house: "House", account_id: str, *, full: bool) -> "Evidence":
    from gatekeeper.ledger.evidence import record_of
    from gatekeeper.ledger.writer.desk import NoSuchAccount
    from gatekeeper.wording.evidence import evidence

    record = record_of(house.engine, account_id)
    if record is None:
        raise NoSuchAccount(account_id)
    locale = house.settings.product.locale
    return evidence(record, lambda reason: house.wording.sentence(reason, locale), now=house.clock(), masked=not full)


def show(sheet: "Evidence") -> None:
    name = f"{sheet.name} ({sheet.account})" if sheet.name and sheet.name != sheet.account else sheet.account
    print(f"{name}: {sheet.standing}. Drawn up at {_at(sheet.made_at)}; all times are UTC.")
    for chapter in sheet.chapters:
        print(f"\n{_heading(chapter)}\n")
        _show(chapter)
    if not sheet.chapters:
        print("\nNothing was ever said to this account, and its access was never changed.")


def _heading(chapter: "Chapter") -> str:
    if chapter.opened_at is None:
        return "WHILE NOTHING WAS OVERDUE"
    until = f" to {_at(chapter.closed_at)}" if chapter.closed_at else ""
    return f"PAST DUE {'from' if until else 'since'} {_at(chapter.opened_at)}{until}"


def _show(chapter: "Chapter") -> None:
    if chapter.messages:
        table(
            ("ID", "STEP", "TO", "AS", "PLANNED", "ACCEPTED", "TRIES", "STATE", "DAY NAMED", "INVOICES"),
            [
                (
                    *(str(one.id), one.step, one.person, "+".join(one.audiences), _at(one.planned_at), _at(one.accepted_at)),
                    *(str(one.attempts), one.state, str(one.day_named or ""), ", ".join(one.invoices)),
                )
                for one in chapter.messages
            ],
        )
        for one in chapter.messages:
            if one.answer:
                print(_wrapped(f"{one.id}: {one.answer}"))
    else:
        print("Nobody was told anything.")
    if chapter.acts:
        print()
    for act in chapter.acts:
        change = f"{act.before} → {act.after}" if act.before or act.after else ""
        said = f"{_at(act.at)} {act.kind} {change} by {act.actor}: {' '.join(act.why)}"
        print(_wrapped(" ".join(said.split()).removesuffix(":")))


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, subsequent_indent="    ")


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else ""
