"""`notices list|preview|resend|send-test|evidence`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatekeeper.cli.letters import KINDS
from gatekeeper.cli.opening import FAILED, as_json, opened, settings_of, table

if TYPE_CHECKING:
    from gatekeeper.model import Notice
    from gatekeeper.wording import Written

_SHOWN = (
    *("id", "account_id", "step", "occasion", "audiences", "address"),
    *("state", "planned_at", "accepted_at", "suspend_on", "detail"),
)
_STEPS, _AUDIENCES = click.Choice(KINDS), click.Choice(["accountant", "user"])


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
@click.option("--account", help="A real account, as it is now; else an invented customer. Nothing is sent.")
@click.option("--audience", type=_AUDIENCES, default="accountant", show_default=True, help="Who of the account reads it.")
@click.option("--locale", help="Its language, as es or pt-BR; else the reader's, or the product's.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file to write, .html or .eml.")
@click.option("--open", "show", is_flag=True, help="Show it in a browser.")
@click.pass_obj
def preview(
    config: Path | None, *, step: str, account: str | None, audience: str, locale: str | None, out: Path | None, show: bool
) -> None:
    """One message as its reader would get it: on the terminal, in a file, or in a browser."""
    from gatekeeper.cli import letters
    from gatekeeper.model import Audience
    from gatekeeper.perform.mail.letter import compose
    from gatekeeper.wiring.house import House

    if out is not None and out.suffix not in {".html", ".eml"}:
        raise click.UsageError("--out names a file that ends in .html or .eml.")
    if account is None:
        house = House(settings_of(config))
        view, address = letters.invented(house, step, Audience(audience)), "somebody@customer.example"
        written = letters.written(house, step, view, locale)
    else:
        with opened(config) as house:
            view, address, is_due = letters.of_account(house, account, step, Audience(audience))
            written = letters.written(house, step, view, locale)
        if not is_due:
            print(f"Such a letter would not go out now; `gatekeeper why {account}` says what comes next.", file=sys.stderr)
    if out is not None and out.suffix == ".eml":
        message_id = f"<gk-preview-{step}@{house.settings.mail.domain}>"
        out.write_bytes(compose(letters.letter_of(house, written, address, message_id)))
    elif out is not None:
        out.write_text(written.html, encoding="utf-8")
    if out is not None:
        print(f"{out}: {written.subject}")
    if show:
        _open(written)
    elif out is None:
        print(f"Subject: {written.subject}\n\n{written.text}", end="")


def _open(written: "Written") -> None:
    """The browser reads the file after we have ended: it stays, in the folder for temporary files, readable by its owner."""
    import webbrowser
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile("w", encoding="utf-8", prefix="gatekeeper-", suffix=".html", delete=False) as file:
        file.write(written.html)
    if not webbrowser.open(Path(file.name).as_uri()):
        print(f"No browser could be started; the letter is in {file.name}.")


@notices.command()
@click.argument("notice", type=int)
@click.pass_obj
def resend(config: Path | None, *, notice: int) -> None:
    """Try a notice once more that was refused, came back, or is in doubt; its id is in `notices list`."""
    with opened(config) as house:
        if not house.writer.outbox.resend(notice, house.clock()):
            print(_why_not(notice, house.reader.notice(notice)))
            raise click.exceptions.Exit(FAILED)
    print(f"Notice {notice} is sent again with the worker's next turn.")


def _why_not(number: int, notice: "Notice | None") -> str:
    from gatekeeper.model import NoticeState

    if notice is None:
        return f"There is no notice {number}; `gatekeeper notices list` shows those that there are."
    match notice.state:
        case NoticeState.ACCEPTED:
            why = "the mail server has accepted it. `gatekeeper notices send-test` tries the way there"
        case NoticeState.WITHDRAWN:
            why = "it was no longer true, and was never sent. What is true now is planned by itself"
        case _:
            why = "it is on its way by itself"
    return f"Notice {number} is {notice.state}, neither refused nor in doubt nor bounced: {why}."


@notices.command("send-test")
@click.argument("address")
@click.option("--step", type=_STEPS, default="reminder", show_default=True, help="Which message.")
@click.option("--audience", type=_AUDIENCES, default="accountant", show_default=True, help="To whom it is written.")
@click.option("--locale", help="Its language, as es or pt-BR; else the product's.")
@click.pass_obj
def send_test(config: Path | None, *, address: str, step: str, audience: str, locale: str | None) -> None:
    """Send one invented message to an address of yours, now, through the configured transport."""
    from uuid import uuid4

    from gatekeeper.cli import letters
    from gatekeeper.model import Audience, NoticeState
    from gatekeeper.perform.mail.letter import LetterRefused
    from gatekeeper.wiring.house import House

    house = House(settings_of(config))
    written = letters.written(house, step, letters.invented(house, step, Audience(audience)), locale)
    letter = letters.letter_of(house, written, address, f"<gk-test-{uuid4().hex}@{house.settings.mail.domain}>")
    try:
        outcome = house.transport.deliver(letter)
    except LetterRefused as fault:
        print(fault)
        raise click.exceptions.Exit(FAILED) from fault
    finally:
        house.close()
    print(f"{outcome.state}{f': {outcome.detail}' if outcome.detail else ''}")
    if outcome.state is not NoticeState.ACCEPTED:
        raise click.exceptions.Exit(FAILED)


@notices.command()
@click.argument("account")
@click.option("--full", is_flag=True, help="With whole addresses; else `a•••@example.com`.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="An HTML file to write, to be printed or filed.")
@click.pass_obj
def evidence(config: Path | None, *, account: str, full: bool, json_wanted: bool, out: Path | None) -> None:
    """Who of an account was told what and when, what the mail server answered, and why access was closed and opened."""
    from gatekeeper.cli.sheet import evidence_of, show

    with opened(config) as house:
        sheet = evidence_of(house, account, full=full)
        html = house.wording.report(sheet, house.settings.product.locale, "evidence")
    if out is not None:
        out.write_text(html, encoding="utf-8")
        print(f"{out}: what was said to {sheet.name or sheet.account}")
    if json_wanted:
        as_json(asdict(sheet))
    elif out is None:
        show(sheet)


COMMANDS = (notices,)
