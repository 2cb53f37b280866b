"""The mail providers whose webhooks are understood, by the name that stands in the address `/webhooks/mail/NAME`."""

from collections.abc import Mapping
from typing import Final

from gatekeeper.returns.providers import mailgun, postmark, resend, sendgrid, ses
from gatekeeper.returns.providers.keys import NEEDED, are_there
from gatekeeper.returns.providers.shapes import Delivery, Provider

__all__ = ["ALLOWED", "PROVIDERS", "Delivery", "Provider", "SecretInvalid", "parse_secret"]

PROVIDERS: Final[Mapping[str, Provider]] = {
    "postmark": postmark.PROVIDER,
    "ses": ses.PROVIDER,
    "sendgrid": sendgrid.PROVIDER,
    "mailgun": mailgun.PROVIDER,
    "resend": resend.PROVIDER,
}
ALLOWED: Final = "list of `PROVIDER:SECRET`; PROVIDER is one of " + ", ".join(f"`{name}`" for name in PROVIDERS)


class SecretInvalid(ValueError):
    """Nothing can be verified with it; the text says why, and never shows it."""


def parse_secret(text: str) -> tuple[str, str]:
    """The provider and its secret. Raises SecretInvalid."""
    name, _, secret = text.partition(":")
    provider = PROVIDERS.get(name)
    if provider is None:
        raise SecretInvalid("it does not begin with a known provider and a colon")
    if not provider.is_secret(secret):
        raise SecretInvalid(f"after `{name}:` stands {provider.secret}")
    if provider.needs_keys and not are_there():
        raise SecretInvalid(NEEDED)
    return name, secret
