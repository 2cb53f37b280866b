"""Mail URLs that name a provider: `SCHEME:SECRET@WHERE?api=ADDRESS`, with or without `//` before the secret."""

import ipaddress
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from gatekeeper.perform.mail.address import ascii_domain
from gatekeeper.perform.mail.providers.http import Provider
from gatekeeper.perform.mail.providers.mailgun import Mailgun
from gatekeeper.perform.mail.providers.postmark import Postmark
from gatekeeper.perform.mail.providers.resend import Resend
from gatekeeper.perform.mail.providers.sendgrid import SendGrid
from gatekeeper.perform.mail.providers.ses import SesAccount

FORMS: Final = (
    "`postmark:TOKEN`, `sendgrid:KEY`, `resend:KEY`, `mailgun:KEY@DOMAIN` or `ses:KEY_ID:SECRET_KEY@REGION`, each with "
    "`?api=https://HOST` where another address than the provider's first is asked"
)
_PLAIN: Final[dict[str, Callable[..., Provider]]] = {"postmark": Postmark, "sendgrid": SendGrid, "resend": Resend}
SCHEMES: Final = frozenset({*_PLAIN, "mailgun", "ses"})
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def parse_provider(url: str) -> Provider | SesAccount:
    """What the URL names; its scheme is one of SCHEMES.

    Raises:
        ValueError: what is wrong with it, without any of its words.
    """
    scheme, _, rest = url.partition(":")
    named, _, query = rest.removeprefix("//").partition("?")
    before, at, after = named.rpartition("@")
    secret, where = (unquote(before), after) if at else (unquote(named), "")
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("its key is missing, or has characters that no key has")
    api = _api(query)
    if scheme == "mailgun":
        return Mailgun(key=secret, domain=ascii_domain(where), **api)
    if scheme == "ses":
        return _ses(secret, where, api)
    if where:
        raise ValueError("after this provider's key stands nothing, or `?api=https://HOST`")
    return _PLAIN[scheme](secret, **api)


def _ses(secret: str, region: str, api: dict[str, str]) -> SesAccount:
    key_id, _, secret_key = secret.partition(":")
    if not key_id or not secret_key or not _REGION.fullmatch(region):
        raise ValueError("Amazon SES is named by `KEY_ID:SECRET_KEY@REGION`, as in `@eu-central-1`")
    return SesAccount(key_id=key_id, secret_key=secret_key, region=region, **api)


def _api(query: str) -> dict[str, str]:
    if not query:
        return {}
    match parse_qsl(query, keep_blank_values=True):
        case [("api", address)] if _is_safe(address):
            return {"api": address.rstrip("/")}
        case _:
            raise ValueError("after the `?` may stand `api=https://HOST` and nothing else; http:// only on this machine")


def _is_safe(address: str) -> bool:
    """Whether a key may go there: never in the clear across a network."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.query or parts.fragment) and address.isascii() and address.isprintable()
    return bool(host) and plain and (parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host)))


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
