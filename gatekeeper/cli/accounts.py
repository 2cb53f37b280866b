"""`accounts`, `why`, `exempt`, `promise`."""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatekeeper.cli.opening import as_json, author, opened, table

if TYPE_CHECKING:
    from gatekeeper.ledger.reader import AccountRow
    from gatekeeper.model import Money
    from gatekeeper.wiring.house import House

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def accounts() -> None:
    """The accounts of the ledger."""


@accounts.command("list")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def list_accounts(config: Path | None, *, json_wanted: bool) -> None:
    """Every account; those that are not in good standing first."""
    with opened(config) as house:
        rows = house.reader.accounts()
        if json_wanted:
            as_json([_summary(house, row) for row in rows])
        else:
            shown = [(row.id, row.name, row.standing, (_sentences(house, row) or [""])[-1]) for row in rows]
            table(("ACCOUNT", "NAME", "STANDING", "WHY"), shown)


@accounts.command("show")
@click.argument("account")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def show(config: Path | None, *, account: str, json_wanted: bool) -> None:
    """One account: standing, contacts, open invoices, notices."""
    with opened(config) as house:
        row = _required(house, account)
        facts = house.reader.facts([account])[0]
        written = house.reader.notices_of(account)
        if json_wanted:
            as_json(
                _summary(house, row)
                | {
                    "contacts": [{"audience": c.audience, "address": c.address} for c in facts.contacts],
                    "invoices": [
                        {
                            "id": i.id,
                            "number": i.number,
                            "remaining_minor": i.remaining_minor,
                            "currency": i.currency,
                            "due_at": i.due_at,
                        }
                        for i in facts.invoices
                    ],
                    "notices": [
                        {"id": n.id, "step": n.step, "address": n.address, "state": n.state, "accepted_at": n.accepted_at}
                        for n in written
                    ],
                }
            )
            return
        print(f"{row.id}  {row.name}  {row.standing}\n")
        _unreachable(house, facts.contacts)
        table(("AUDIENCE", "ADDRESS"), [(c.audience, c.address) for c in facts.contacts])
        print()
        table(
            ("INVOICE", "OWED", "DUE"),
            [(i.number or i.id, _money(house, i.remaining), str(i.due_at or "")) for i in facts.invoices],
        )
        print()
        table(("NOTICE", "TO", "STATE", "ACCEPTED"), [(n.step, n.address, n.state, str(n.accepted_at or "")) for n in written])


@click.command()
@click.argument("account")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def why(config: Path | None, *, account: str, json_wanted: bool) -> None:
    """Why an account stands as it does, what happens next and when, and what would change it."""
    from gatekeeper.policy.decide import decide
    from gatekeeper.policy.explain import REMEDIES
    from gatekeeper.policy.withhold import withhold

    with opened(config) as house:
        row = _required(house, account)
        facts = house.reader.facts([account])[0]
        held_back = house.withheld()
        verdict = decide(facts, house.rules, house.clock())
        verdict = verdict if held_back is None else withhold(verdict, facts, held_back)
        sentences = [_sentence(house, reason) for reason in verdict.reasons]
        if json_wanted:
            as_json(
                _summary(house, row)
                | {"reasons": sentences, "next_look_at": verdict.review_at, "remedies": REMEDIES[row.standing]}
            )
            return
        print(f"{row.id}{f' ({row.name})' if row.name else ''} is {row.standing.replace('_', ' ')}.")
        for text in sentences:
            print(f"  - {text}")
        if verdict.review_at is not None:
            print(f"Next look: {verdict.review_at:%Y-%m-%d %H:%M} UTC, or as soon as something changes.")
        for text in REMEDIES[row.standing]:
            print(f"  > {text}")


@click.command()
@click.argument("account")
@click.option("--until", type=_DAY, help="Last day of the exemption.")
@click.option("--reason", help="Why.")
@click.option("--end", is_flag=True, help="End the exemption now.")
@click.pass_obj
def exempt(config: Path | None, *, account: str, until: datetime | None, reason: str | None, end: bool) -> None:
    """Whitelist an account until a day; or end that."""
    from gatekeeper.policy.terms import check_exemption

    if end == (until is not None) or (until is not None and not reason):
        raise click.UsageError("Give --until and --reason, or --end.")
    with opened(config) as house:
        if until is None:
            house.writer.desk.end_exemption(account, author=author(), now=house.clock())
            print(f"{account} is no longer exempt; a fresh warning goes out before anything is suspended.")
            return
        check_exemption(until.date(), _today(house))
        house.writer.desk.exempt(account, until_on=until.date(), reason=reason or "", author=author(), now=house.clock())
    print(f"{account} is exempt until {until.date()}.")


@click.command()
@click.argument("account")
@click.option("--on", "due_on", type=_DAY, required=True, help="The day by which payment is promised.")
@click.option("--amount", help="The amount that was promised, as 120.00.")
@click.option("--currency", help="Its currency, as EUR.")
@click.option("--by", required=True, help="Who promised.")
@click.pass_obj
def promise(config: Path | None, *, account: str, due_on: datetime, amount: str | None, currency: str | None, by: str) -> None:
    """Note a promise to pay: it opens access and holds the ladder to the end of that day."""
    from gatekeeper.policy.terms import check_promise

    if (amount is None) != (currency is None):
        raise click.UsageError("Give --amount and --currency together.")
    promised = None if amount is None or currency is None else _amount(amount, currency)
    with opened(config) as house:
        check_promise(due_on.date(), _today(house))
        house.writer.desk.promise(account, due_on=due_on.date(), by=by, author=author(), now=house.clock(), amount=promised)
    print(f"{account}: {by} promised to pay by {due_on.date()}.")


def _amount(amount: str, currency: str) -> "Money":
    from gatekeeper.model import Money
    from gatekeeper.wording.formats import exponent

    try:
        minor = Decimal(amount).scaleb(exponent(currency))
    except InvalidOperation as fault:
        raise click.UsageError(f"--amount {amount!r} is not an amount; write it as 120.00.") from fault
    if minor != minor.to_integral_value() or minor <= 0 or not re.fullmatch("[A-Za-z]{3}", currency):
        raise click.UsageError(f"{amount} {currency} is not an amount of money.")
    return Money(minor=int(minor), currency=currency.lower())


def _required(house: "House", account: str) -> "AccountRow":
    from gatekeeper.ledger.writer.desk import NoSuchAccount

    row = house.reader.account(account)
    if row is None:
        raise NoSuchAccount(account)
    return row


def _today(house: "House") -> date:
    return house.clock().astimezone(house.rules.time_zone).date()


def _summary(house: "House", row: "AccountRow") -> dict[str, Any]:
    return {
        "account": row.id,
        "name": row.name,
        "standing": row.standing,
        "standing_since_at": row.standing_since_at,
        "reasons": _sentences(house, row),
        "review_at": row.review_at,
    }


def _sentences(house: "House", row: "AccountRow") -> list[str]:
    return [_sentence(house, reason) for reason in row.reasons]


def _sentence(house: "House", reason: Any) -> str:
    return house.wording.sentence(reason, house.settings.product.locale)


def _money(house: "House", amount: "Money") -> str:
    from babel import Locale

    from gatekeeper.wording.formats import spelled

    return spelled(amount, Locale.parse(house.settings.product.locale))


def _unreachable(house: "House", contacts: Any) -> None:
    reached = {contact.audience for contact in contacts}
    for audience in house.rules.audiences:
        if audience not in reached:
            print(
                f"! The {audience} has no address: unreachable, so access cannot be suspended. Add one in the billing system.\n"
            )


COMMANDS = (accounts, why, exempt, promise)
