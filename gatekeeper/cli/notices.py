"""`notices list|preview|resend|send-test`."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatekeeper.cli.opening import FAILED, as_json, opened, settings_of, table

if TYPE_CHECKING:
    from gatekeeper.wiring.house import House
    from gatekeeper.wording import Written

_SHOWN = (
    *("id", "account_id", "step", "occasion", "audiences", "address"),
    *("state", "planned_at", "accepted_at", "suspend_on", "detail"),
)
_STEPS = click.Choice(["courtesy", "reminder", "warning", "restored"])


@click.group()
def notices() -> None:
    """The messages to customers."""


@notices.command("list")
@click.option("--account", help="Of one account only.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def list_notices(config: Path | None, *, account: str | None, json_wanted: bool) -> None:
    """The latest notices, newest first."""
    with opened(config) as house:
        found = house.reader.notices_of(account)
    if json_wanted:
        as_json([{name: getattr(notice, name) for name in _SHOWN} for notice in found])
        return
    table(
        ("ID", "ACCOUNT", "STEP", "TO", "STATE", "DETAIL"),
        [(str(n.id), n.account_id, n.step, n.address, n.state, n.detail) for n in found],
    )


@notices.command()
@click.argument("step", type=_STEPS)
@click.option("--locale", help="Its language, as es or pt-BR; else the product's.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="An HTML file to write; else the text is printed.")
@click.pass_obj
def preview(config: Path | None, *, step: str, locale: str | None, out: Path | None) -> None:
    """One message as an invented customer would get it."""
    from gatekeeper.wiring.house import House

    written = _sample(House(settings_of(config)), step, locale)
    if out is None:
        print(f"Subject: {written.subject}\n\n{written.text}", end="")
    else:
        out.write_text(written.html, encoding="utf-8")
        print(f"{out}: {written.subject}")


@notices.command()
@click.argument("notice", type=int)
@click.pass_obj
def resend(config: Path | None, *, notice: int) -> None:
    """Try a notice once more that was refused, or that is in doubt; its id is in `notices list`."""
    with opened(config) as house:
        if not house.writer.outbox.resend(notice, house.clock()):
            print(f"Notice {notice} is not there, or is neither refused nor in doubt.")
            raise click.exceptions.Exit(FAILED)
    print(f"Notice {notice} is sent again with the worker's next turn.")


@notices.command("send-test")
@click.argument("address")
@click.option("--step", type=_STEPS, default="reminder", show_default=True, help="Which message.")
@click.pass_obj
def send_test(config: Path | None, *, address: str, step: str) -> None:
    """Send one invented message to an address of yours, now, through the configured transport."""
    from uuid import uuid4

    from gatekeeper.model import NoticeState
    from gatekeeper.perform.mail.letter import Letter
    from gatekeeper.wiring.house import House

    house = House(settings_of(config))
    written, mail = _sample(house, step, None), house.settings.mail
    letter = Letter(
        message_id=f"<gk-test-{uuid4().hex}@{mail.domain}>",
        sender=mail.from_,
        to_address=address,
        to_name="",
        reply_to=mail.reply_to,
        bounce_address=mail.bounce_address,
        subject=written.subject,
        text=written.text,
        html=written.html,
        language=written.language,
        dated_at=house.clock(),
    )
    try:
        outcome = house.transport.deliver(letter)
    finally:
        house.close()
    print(f"{outcome.state}{f': {outcome.detail}' if outcome.detail else ''}")
    if outcome.state is not NoticeState.ACCEPTED:
        raise click.exceptions.Exit(FAILED)


def _sample(house: "House", step: str, locale: str | None) -> "Written":
    from gatekeeper.model import Money, Step, sums
    from gatekeeper.wording import LetterView, Owed, Told

    owed = tuple(
        Owed(
            number=f"INV-00{42 + which}",
            remaining=Money(minor=minor, currency="eur"),
            due_on=date(2026, 12, due),
            days_overdue=0 if step == "courtesy" else 19 - due,
            pay_url=f"{house.settings.web.public_url}/pay/an-invented-link",
        )
        for which, (minor, due) in enumerate([(123450, 5), (9900, 12)])
        if step != "restored"
    )
    warns, first_on = step == "warning", date(2026, 12, 5)
    told = Told(on=first_on, addresses=("a•••@customer.example", "u•••@customer.example"))
    view = LetterView(
        product=house.product,
        account_name="Invented Ltd.",
        person_name="",
        owed=owed,
        totals=sums(line.remaining for line in owed),
        suspend_on=date(2026, 12, 24) if warns else None,
        first_written_on=first_on if warns else None,
        locale=locale,
        told=(told,) if warns else (),
    )
    return house.wording.letter(Step(step), view)


COMMANDS = (notices,)
