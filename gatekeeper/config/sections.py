"""The sections of gatekeeper.toml and their keys. `docs/settings.md` is made from this file."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gatekeeper.config.gate import Gate
from gatekeeper.config.hooks import Hooks
from gatekeeper.config.kinds import (
    FILLED,
    Allowed,
    Cap,
    Count,
    DatabaseUrl,
    EmailAddress,
    Listen,
    LocaleName,
    Path,
    StripeAccount,
    StripeKey,
    Text,
    WebhookSecret,
    WebUrl,
    ZoneName,
    check,
    listen_address,
)
from gatekeeper.config.mail import Mail
from gatekeeper.config.section import Section
from gatekeeper.config.told import Api, Directory
from gatekeeper.model import Mode
from gatekeeper.policy.calendar import Hours
from gatekeeper.policy.faults import Faults
from gatekeeper.policy.hours import hours


def _country(text: str) -> None:
    if text and not re.fullmatch("[A-Z]{2}", text):
        raise ValueError("it is no country")


def _colour(text: str) -> None:
    if text and not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError("it is no colour")


def _hours(lines: tuple[str, ...]) -> None:
    faults = Faults()
    if lines:
        hours(list(lines), (), faults)
    faults.raise_if_any()


class Product(Section):
    """Who writes to the customers, as letters and pages show it."""

    name: Annotated[Text, FILLED] = Field(description="Name of the product.")
    url: Annotated[WebUrl, FILLED] = Field(description="Where customers use it.")
    support_email: Annotated[EmailAddress, FILLED] = Field(description="Where customers ask for help; replies go here too.")
    support_phone: Text = Field("", description="Shown beside the address, when not empty.")
    postal_address: Text = Field("", description="Of the company that bills; some countries want it in every letter.")
    tax_id: Text = Field("", description="Of the company that bills; some countries want it in every letter.")
    logo_url: WebUrl = Field("", description="Picture at the head of pages and letters.")
    colour: Annotated[str, check(_colour), Allowed("`#` and six hexadecimal digits, such as `#0f766e`")] = Field(
        "", description="Of the buttons in letters; their text is black or white, whichever is easier to read. Empty: blue."
    )
    locale: LocaleName = Field("en", description="Language for customers whose own is unknown or has no translation.")
    time_zone: ZoneName = Field("UTC", description="Whose midnight ends a day, for accounts whose own is unknown.")
    country: Annotated[str, check(_country), Allowed("ISO 3166-1 code of two capital letters")] = Field(
        "", description="Whose public holidays are kept by support, and by accounts whose own country is unknown."
    )
    support_hours: Annotated[
        tuple[str, ...], check(_hours), Allowed('list of hours, as in `["mon-thu 09:00-17:00", "fri 09:00-13:00"]`')
    ] = Field((), description="When somebody is there to help, in `time_zone`: only then is access closed. Empty: at any hour.")

    @property
    def support_office_hours(self) -> Hours | None:
        return hours(list(self.support_hours), (), Faults()) if self.support_hours else None


class Database(Section):
    """The ledger."""

    url: DatabaseUrl = Field(SecretStr("sqlite:///var/gatekeeper.db"), description="Where the ledger is.")


class State(Section):
    """Files that are not the ledger."""

    folder: Annotated[Path, FILLED] = Field("var", description="For the snapshot, the halt flag and the keys of page tokens.")


class Clock(Section):
    """What time it is."""

    source: Annotated[Literal["system", "simulated"], Allowed("`system` or `simulated`")] = Field(
        "system", description="`simulated` follows `clock.file`, for trying things out; refused with a live Stripe key."
    )
    file: Path = Field("", description="File with one instant (ISO 8601), followed while the program runs.")


def _field_of_customer(text: str) -> None:
    if not re.fullmatch(r"id|customer\.id|(customer\.)?metadata\.\S+", text):
        raise ValueError("it names no such field of a Stripe customer")


def _address_of_customer(text: str) -> None:
    if not re.fullmatch(r"email|metadata\.\S+", text):
        raise ValueError("it names no such field of a Stripe customer")


class ContactsFrom(Section):
    """Where a Stripe customer keeps the addresses of its people, by audience."""

    accountant: Annotated[str, FILLED, check(_address_of_customer)] = "email"
    user: Annotated[str, FILLED, check(_address_of_customer)] = "metadata.user_email"


def _attribute_of_customer(text: str) -> None:
    if not re.fullmatch(r"metadata\.\S+", text):
        raise ValueError("it names no such field of a Stripe customer")


class AttributesFrom(Section):
    """Where a Stripe customer keeps what a policy may go by, besides its country."""

    plan: Annotated[str, FILLED, check(_attribute_of_customer)] = "metadata.plan"
    time_zone: Annotated[str, FILLED, check(_attribute_of_customer)] = "metadata.time_zone"
    tags: Annotated[str, FILLED, check(_attribute_of_customer)] = "metadata.tags"


class Stripe(Section):
    """The billing system, which is only ever read."""

    api_key: StripeKey = Field(description="Restricted key that can read customers, invoices and payments; no more is needed.")
    account: StripeAccount = Field("", description="The account that the key must belong to; empty: pinned at the first start.")
    api_base: Annotated[WebUrl, FILLED] = Field("https://api.stripe.com", description="Where Stripe's API is.")
    webhook_secrets: Annotated[tuple[WebhookSecret, ...], Allowed("list of secrets that start with `whsec_`", secret=True)] = (
        Field((), description="Signing secrets of the webhook endpoint; two while one is being replaced.")
    )
    account_id_from: Annotated[
        str,
        FILLED,
        check(_field_of_customer),
        Allowed("`id`, `customer.id`, `metadata.KEY` or `customer.metadata.KEY`"),
    ] = Field("id", description="Which field of a Stripe customer holds the product's own account id.")
    contacts_from: Annotated[ContactsFrom, Allowed("table of `accountant` and `user`, each `email` or `metadata.KEY`")] = Field(
        ContactsFrom(), description="Which fields of a Stripe customer hold the addresses of its people, parted by commas."
    )
    attributes_from: Annotated[AttributesFrom, Allowed("table of `plan`, `time_zone` and `tags`, each `metadata.KEY`")] = Field(
        AttributesFrom(), description="Which fields of a Stripe customer hold its plan, time zone and tags, parted by commas."
    )
    reconcile_every_seconds: Count = Field(600, description="How often everything is read again, in case an event was lost.")


class Policy(Section):
    """Who is reminded, warned and suspended when."""

    file: Annotated[Path, FILLED] = Field("config/policies/default.toml", description="The policy.")


class Safety(Section):
    """Dry run and brake: what keeps a fault from closing many accounts at once."""

    mode: Annotated[Mode, Allowed("`dry_run` or `armed`")] = Field(
        Mode.DRY_RUN, description="Until `gatekeeper arm` or `disarm` is used: `dry_run` only says what it would do."
    )
    suspensions_per_hour: Cap = Field(10, description="With more suspensions or restrictions in an hour the brake holds all.")
    suspensions_per_day: Cap = Field(30, description="With more suspensions or restrictions in a day the brake holds all.")
    anomaly_above: Cap = Field(10, description="Up to so many accounts may be past due before the brake calls a jump unusual.")
    blind_hours: Annotated[int, Field(strict=True, ge=1, le=720), Allowed("whole number from 1 to 720")] = Field(
        24, description="The brake holds when the books of the billing system were not read whole for longer."
    )
    first_run_age_limit_days: Count = Field(120, description="Invoices older than this at the first start are left alone.")


class Web(Section):
    """Lockout page, pay links, webhooks, API and console."""

    listen: Listen = Field("127.0.0.1:8402", description="Where the web part listens.")
    public_url: Annotated[WebUrl, FILLED] = Field(
        "http://127.0.0.1:8402", description="How customers reach it; links in letters."
    )

    @property
    def address(self) -> tuple[str, int]:
        return listen_address(self.listen)


class Pages(Section):
    """What customers see."""

    templates: Path = Field("", description="Folder whose files replace single templates of `templates/`.")
    promise_days: Annotated[int, Field(strict=True, ge=0, le=31), Allowed("whole number from 0 to 31")] = Field(
        7, description="How many days ahead people may promise to pay on the lockout page, once in a case; 0: they may not."
    )


class Console(Section):
    """Pages for staff."""

    sign_in: Annotated[Literal["password", "oidc", "trusted_header"], Allowed("`password`, `oidc` or `trusted_header`")] = (
        Field("password", description="How staff prove who they are.")
    )


class Log(Section):
    """Lines on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Allowed("`debug`, `info`, `warning` or `error`")] = Field(
        "info", description="The least that is said."
    )
    format: Annotated[Literal["auto", "json", "console"], Allowed("`auto`, `json` or `console`")] = Field(
        "auto", description="`auto`: for people on a terminal, else JSON."
    )


class Settings(BaseModel):
    """All of gatekeeper.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    product: Product
    database: Database
    state: State
    clock: Clock
    stripe: Stripe
    directory: Directory
    mail: Mail
    policy: Policy
    safety: Safety
    web: Web
    gate: Gate
    pages: Pages
    api: Api
    hooks: Hooks
    console: Console
    log: Log


class GateAlone(BaseModel):
    """What a gate that runs alone is told of it: nothing of Stripe, the ledger or letters, whatever the file holds.

    Of `product` it has `support_email`; name and address may be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    product: Product
    state: State
    web: Web
    gate: Gate
    log: Log
