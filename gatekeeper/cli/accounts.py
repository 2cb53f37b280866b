"""`accounts`, `exempt`, `hold`, `promise`."""

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatekeeper.cli.opening import as_json, author, carry_out, money, opened, table
from gatekeeper.model import Facts, Money, Notice, Reason

if TYPE_CHECKING:
    from gatekeeper.ledger.reader import AccountRow
    from gatekeeper.wiring.house import House

_DAY = click.DateTime(["%Y-%m-%d"])
_ENDED = "no longer exempt; a fresh warning goes out before anything is closed"


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
        row, facts = _known(house, account)
        written = house.reader.notices_of(account)
        unreachable = _unreachable(house, row, facts)
        complaints = house.reader.complaints_of(account)
        if json_wanted:
            called = {"unreachable": unreachable, "complaints": complaints}
            as_json(_summary(house, row) | _details(facts, written) | called)
            return
        print(f"{row.id}  {row.name}  {row.standing}\n")
        for audience in unreachable:
            print(f"! {_sentence(house, Reason(code='unreachable', params=(('audience', audience),)))}\n")
        if complaints:
            print(f"! A letter of ours was called spam, last on {_minute(complaints[0])}. A person has to call.\n")
        people = [(c.audience, c.address, c.origin, _minute(c.set_at)) for c in facts.contacts]
        table(("AUDIENCE", "ADDRESS", "FROM", "SINCE"), people)
        owed = [(i.number or i.id, money(house, i.remaining), _minute(i.due_at)) for i in facts.invoices]
        print()
        table(("INVOICE", "OWED", "DUE"), owed)
        print()
        table(
            ("NOTICE", "TO", "STATE", "ACCEPTED", "DETAIL"),
            [(n.step, n.address, n.state, _minute(n.accepted_at), n.detail) for n in written],
        )


@click.command()
@click.argument("account")
@click.option("--until", type=_DAY, help="Last day of the exemption.")
@click.option("--reason", help="Why.")
@click.option("--only-suspension", is_flag=True, help="Reminders go on; nothing is warned of, and nothing closed.")
@click.option("--end", is_flag=True, help="End the exemption now.")
@click.pass_obj
def exempt(
    config: Path | None, *, account: str, until: datetime | None, reason: str | None, only_suspension: bool, end: bool
) -> None:
    """Whitelist an account until a day; or end that."""
    from gatekeeper.model import Scope
    from gatekeeper.policy.terms import check_exemption

    if end == (until is not None) or (until is not None and not (reason or "").strip()):
        raise click.UsageError("Give --until and --reason, or --end.")
    with opened(config) as house:
        if until is None:
            ended = house.writer.desk.end_exemption(account, author=author(), now=house.clock())
            said = _ENDED if ended else "not exempt"
        else:
            check_exemption(until.date(), _today(house))
            scope = Scope.SUSPENSION if only_suspension else Scope.CONTACT
            house.writer.desk.exempt(
                account, until_on=until.date(), reason=reason or "", author=author(), now=house.clock(), scope=scope
            )
            said = f"exempt{' from suspension' if only_suspension else ''} until {until.date()}"
        carry_out(house, [account])
    print(f"{account} is {said}.")


@click.command()
@click.argument("account")
@click.option("--until", type=_DAY, help="Last day of the hold.")
@click.option("--reason", help="What is being looked into.")
@click.option("--end", is_flag=True, help="End the hold now.")
@click.pass_obj
def hold(config: Path | None, *, account: str, until: datetime | None, reason: str | None, end: bool) -> None:
    """Hold an account while staff looks into something; or end that. Access is open meanwhile, and nobody is written to."""
    from gatekeeper.policy.terms import check_hold

    if end == (until is not None) or (until is not None and not (reason or "").strip()):
        raise click.UsageError("Give --until and --reason, or --end.")
    with opened(config) as house:
        if until is None:
            ended = house.writer.desk.end_hold(account, author=author(), now=house.clock())
            said = _ENDED.replace("exempt", "held") if ended else "not held"
        else:
            check_hold(until.date(), _today(house))
            house.writer.desk.hold(account, until_on=until.date(), reason=reason or "", author=author(), now=house.clock())
            said = f"held until {until.date()}"
        carry_out(house, [account])
    print(f"{account} is {said}.")


@click.command()
@click.argument("account")
@click.option("--on", "due_on", type=_DAY, required=True, help="The day by which payment is promised.")
@click.option("--amount", help="The amount that was promised, as 120.00.")
@click.option("--currency", help="Its currency, as EUR.")
@click.option("--by", required=True, help="Who promised.")
@click.pass_obj
def promise(config: Path | None, *, account: str, due_on: datetime, amount: str | None, currency: str | None, by: str) -> None:
    """Note a promise to pay: it opens access and holds the ladder to the end of that day."""
    from gatekeeper.policy.terms import check_promise, promises_of_case

    if (amount is None) != (currency is None):
        raise click.UsageError("Give --amount and --currency together.")
    promised = None if amount is None or currency is None else _amount(amount, currency)
    with opened(config) as house:
        _, facts = _known(house, account)
        check_promise(due_on.date(), _today(house), promises_of_case(facts))
        house.writer.desk.promise(account, due_on=due_on.date(), by=by, author=author(), now=house.clock(), amount=promised)
        carry_out(house, [account])
    print(f"{account}: {by} promised to pay by {due_on.date()}.")


def _amount(amount: str, currency: str) -> Money:
    from gatekeeper.wording.formats import exponent

    wrong = click.UsageError(f"{amount} {currency} is not an amount of money; write it as --amount 120.00 --currency EUR.")
    if not re.fullmatch(r"\d{1,12}(\.\d{1,3})?", amount) or not re.fullmatch("[A-Za-z]{3}", currency):
        raise wrong
    minor = Decimal(amount).scaleb(exponent(currency))
    if minor != int(minor) or minor == 0:
        raise wrong
    return Money(minor=int(minor), currency=currency.lower())


def _known(house: "House", account: str) -> tuple["AccountRow", Facts]:
    from gatekeeper.ledger.writer.desk import NoSuchAccount

    row = house.reader.account(account)
    if row is None:
        raise NoSuchAccount(account)
    (facts,) = house.reader.facts([account])
    return row, facts


def _today(house: "House") -> date:
    return house.clock().astimezone(house.policies.current.surroundings.time_zone).date()


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


def _unreachable(house: "House", row: "AccountRow", facts: Facts) -> list[str]:
    """The audiences that cannot be told anything: they have no address, or the last look found that each refuses."""
    reached = {contact.audience for contact in facts.contacts}
    refused = {dict(reason.params)["audience"] for reason in row.reasons if reason.code == "unreachable"}
    required = house.policies.rules_for(facts).audiences
    return [audience.value for audience in required if audience not in reached or audience in refused]


def _details(facts: Facts, written: list[Notice]) -> dict[str, Any]:
    return {
        "contacts": [_fields(contact, "audience", "address", "origin", "set_at") for contact in facts.contacts],
        "invoices": [_fields(one, "id", "number", "remaining_minor", "currency", "due_at") for one in facts.invoices],
        "notices": [_fields(one, "id", "step", "address", "state", "accepted_at", "detail") for one in written],
    }


def _fields(value: object, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


COMMANDS = (accounts, exempt, hold, promise)
