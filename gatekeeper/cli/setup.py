"""`check-config`, `doctor` and `migrate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatekeeper.cli.opening import BAD_CONFIGURATION, FAILED, as_json, author, settings_of, table

if TYPE_CHECKING:
    from gatekeeper.config import Settings
    from gatekeeper.perform.mail.sender_dns import Finding
    from gatekeeper.wiring.house import House

_SHOWN = 10


@click.command("check-config")
@click.option("--accept", is_flag=True, help="Put the policy in force, whatever it changes at once.")
@click.option("--reason", help="Why, for the audit row.")
@click.pass_obj
def check_config(config: Path | None, *, accept: bool, reason: str | None) -> None:
    """Validate settings, policy and templates; every fault of the first two at once, exit code 78.

    So does a changed policy that would at once write to, or close, more accounts than a day may see suspended.
    """
    from gatekeeper.wiring.gate import gate_settings
    from gatekeeper.wiring.house import House

    if accept and not (reason or "").strip():
        raise click.UsageError("Say why with --reason.")
    settings = settings_of(config)
    gate_settings(settings)
    house = House(settings)
    try:
        unsound = house.template_faults()
        _ = house.transport  # reads the DKIM key
        refused = None if accept else _refused(house)
        if accept:
            _accept(house, reason or "")
    finally:
        house.close()
    for fault in unsound:
        print(fault, file=sys.stderr)
    if unsound:
        raise click.exceptions.Exit(BAD_CONFIGURATION)
    if refused is not None:
        print(refused, file=sys.stderr)
        raise click.exceptions.Exit(BAD_CONFIGURATION)
    print("Settings, policy and templates are sound.")


def _accept(house: "House", reason: str) -> None:
    from gatekeeper.ledger.migrate import require_current

    require_current(house.engine)
    house.versions.accept(author=author(), reason=reason, now=house.clock())


def _refused(house: "House") -> str | None:
    """What the policy would change at once, where that is too much; nothing is asked of a ledger that is not there yet."""
    from gatekeeper.ledger.migrate import is_current

    if not is_current(house.engine):
        return None
    change = house.adoption.refused
    if change is None:
        return None
    some = ", ".join(change.accounts[:_SHOWN])
    return (
        f"gatekeeper: {house.settings.policy.file} is not put in force: at once it would write to {len(change.written)} "
        f"accounts and close {len(change.closed)} that the policy in force leaves alone ({some}, ...), and "
        f"safety.suspensions_per_day is {house.settings.safety.suspensions_per_day}. Look at it with "
        "`gatekeeper simulate --policy FILE`; put it in force with `gatekeeper check-config --accept --reason TEXT`."
    )


@click.command()
@click.option("--dns", metavar="ADDRESS[:PORT]", help="A name server to ask, as 9.9.9.9; else this machine's.")
@click.option("--edge", metavar="URL", help="The product behind its edge, to ask as a suspended test account.")
@click.option(
    "--as", "known_by", metavar="HEADER", multiple=True, help="With --edge, by what it is known: 'Cookie: session=...'."
)
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def doctor(config: Path | None, *, dns: str | None, edge: str | None, known_by: tuple[str, ...], json_wanted: bool) -> None:
    """Look whether letters have what large mail providers ask for: SPF, DKIM and DMARC of the sender's domain.

    And whether the product takes its hooks: it is sent a signed one that tells of nothing. With --edge also whether a
    suspended account is refused there, in the right way, and can pay. Exit code 1 if something is missing. What could not be
    looked up is said, and is no failure.
    """
    from gatekeeper.model import Answered
    from gatekeeper.perform.mail.sender_dns import DnsSilent, Finding, Sign, examine, open_dns
    from gatekeeper.wiring.hooks import try_hooks
    from gatekeeper.wiring.mail import open_signer

    settings = settings_of(config)
    mail = settings.mail
    signer = open_signer(mail)
    try:
        ask = open_dns(None if dns is None else _name_server(dns))
        found = examine(domain=mail.domain, envelope_domain=mail.envelope_domain, signer=signer, ask=ask)
    except DnsSilent as fault:
        found = [Finding("mail.from", Sign.UNKNOWN, f"SPF, DKIM and DMARC were not looked up: {fault}")]
    tried = try_hooks(settings)
    if tried is not None:
        sign = Sign.FOUND if tried.answered is Answered.TAKEN else Sign.MISSING
        found.append(Finding("hooks.url", sign, f"a signed test of the product: {tried.detail}"))
    found += _of_edge(edge, known_by, settings)
    if json_wanted:
        as_json([one._asdict() for one in found])
    else:
        table(("ABOUT", "", "WHAT"), [(one.about, one.sign, one.what) for one in found])
    if any(one.sign is Sign.MISSING for one in found):
        raise click.exceptions.Exit(FAILED)


def _of_edge(url: str | None, known_by: tuple[str, ...], settings: "Settings") -> "list[Finding]":
    from gatekeeper.wiring.edge import address, examine_edge, header
    from gatekeeper.wiring.gate import gate_settings

    if url is None:
        if known_by:
            raise click.UsageError("--as goes with --edge.")
        return []
    try:
        place, headers = address(url), [header(text) for text in known_by]
    except ValueError as fault:
        raise click.BadParameter(f"{fault}.") from None
    return examine_edge(place, headers, gate_settings(settings))


def _name_server(text: str) -> tuple[str, int]:
    from ipaddress import ip_address

    host, colon, port = text.rpartition(":") if text.count(":") == 1 or "]" in text else (text, "", "")
    try:
        return str(ip_address(host.strip("[]"))), int(port) if colon else 53
    except ValueError as fault:
        raise click.BadParameter(f"{text!r} is no IP address with a port; write it as 9.9.9.9 or [::1]:53.") from fault


@click.command()
@click.pass_obj
def migrate(config: Path | None) -> None:
    """Bring the ledger's schema to this version."""
    from gatekeeper.ledger import migrate as schema
    from gatekeeper.wiring.house import House

    house = House(settings_of(config, with_policy=False))
    try:
        schema.migrate(house.engine)
    finally:
        house.close()
    print("The ledger's schema is this version's.")


COMMANDS = (check_config, doctor, migrate)
