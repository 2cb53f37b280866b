"""The section that says how letters leave, and how what comes back of them comes in."""

from typing import Annotated

from pydantic import Field, SecretStr

from gatekeeper.config.kinds import (
    FILLED,
    Allowed,
    BouncesUrl,
    Count,
    Domain,
    EmailAddress,
    Mailbox,
    MailUrl,
    MailWebhookSecret,
    Path,
    check,
)
from gatekeeper.config.section import Section
from gatekeeper.perform.mail.address import ascii_address, mailbox
from gatekeeper.perform.mail.dkim import is_selector
from gatekeeper.returns.providers import ALLOWED as MAIL_WEBHOOK_SECRETS


def _selector(text: str) -> None:
    if not is_selector(text):
        raise ValueError("it is no part of a DNS name")


class Mail(Section):
    """How letters leave."""

    url: MailUrl = Field(
        SecretStr("file:var/mail"), description="The mail server, the provider (docs/mail.md), or a folder that letters go to."
    )
    per_minute: Count = Field(
        120,
        description="At most so many letters a minute leave this machine. A mail server on it is given them as they come.",
    )
    from_: Annotated[Mailbox, FILLED] = Field(alias="from", description="Sender of every letter.")
    reply_to: Mailbox = Field("", description="Where answers go; empty: `product.support_email`.")
    bounce_address: EmailAddress = Field(
        "", description="Envelope sender, where bounces go, as `bounces+TOKEN@…`; empty: the address of `mail.from`, as it is."
    )
    bounces_url: BouncesUrl = Field(SecretStr(""), description="The mailbox where bounces arrive; empty: none is read.")
    webhook_secrets: Annotated[tuple[MailWebhookSecret, ...], Allowed(MAIL_WEBHOOK_SECRETS, secret=True)] = Field(
        (), description="What vouches for bounces and complaints that a mail provider tells; see `docs/returns.md`."
    )
    allowed_domains: Annotated[tuple[Domain, ...], Allowed("list of domains")] = Field(
        (), description="When not empty, only addresses at these domains are written to. For every place but production."
    )
    dkim_selector: Annotated[str, check(_selector), Allowed("name such as `gk2026`")] = Field(
        "", description="DKIM selector to sign as, for the domain of `mail.from`; empty: letters leave unsigned. Only by SMTP."
    )
    dkim_key_file: Path = Field("", description="File with the private RSA key of that selector, in PEM form.")

    @property
    def domain(self) -> str:
        """Domain of the sender, in ASCII: Message-IDs end with it."""
        return mailbox(self.from_)[1].rpartition("@")[2]

    @property
    def envelope_domain(self) -> str:
        """Domain of the address that bounces go to, in ASCII."""
        return ascii_address(self.bounce_address).rpartition("@")[2] if self.bounce_address else self.domain
