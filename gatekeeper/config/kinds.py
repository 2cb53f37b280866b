"""Kinds of values: what is allowed, in words for people and as a check.

A check raises `ValueError` with what is wrong, and never repeats the value: it may be a secret. Whether a value may be empty
is a matter of its own: `FILLED`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, Field, SecretStr

from gatekeeper.perform.mail.address import ascii_address, ascii_domain, mailbox
from gatekeeper.perform.mail.transport import ALLOWED as MAIL_URLS
from gatekeeper.perform.mail.transport import MailUrlInvalid, parse_mail_url
from gatekeeper.returns import box, providers

_LAST_PORT = 65_535
_LEAST_OF_A_SECRET = 32


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may stand there, in words. `secret`: may also be read from a file, and is shown nowhere."""

    text: str
    secret: bool = False


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, the brackets of `[::1]:8402` removed."""
    host, _, port = text.rpartition(":")
    if not host or any(c.isspace() for c in host) or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError("there is no host, or no brackets around an IPv6 address")
    if not (port.isascii() and port.isdigit()) or int(port) > _LAST_PORT:
        raise ValueError("the port is no number from 0 to 65535")
    return host.strip("[]"), int(port)


def check(what: Callable[[str], object]) -> AfterValidator:
    """Runs the check on the text, be it secret or not, unless it is empty; the value stays as it is."""

    def checked(value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text:
            what(text)
        return value

    return AfterValidator(checked)


def _filled(value: Any) -> Any:
    inside = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not (inside.strip() if isinstance(inside, str) else inside):
        raise ValueError("it is empty")
    return value


def _long(text: str) -> None:
    if len(text) < _LEAST_OF_A_SECRET:
        raise ValueError("it could be guessed: write 32 characters or more")


def _web_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in text):
        raise ValueError("the scheme or the host is missing")


def _account_url(text: str) -> None:
    _web_url(text.replace("{account}", "x"))
    if "{account}" in text.partition("://")[2].partition("/")[0] or "#" in text:
        raise ValueError("`{account}` belongs into the path or the query, and `#` nowhere")


def _locale(text: str) -> None:
    try:
        Locale.parse(text, sep="-" if "-" in text else "_")
    except UnknownLocaleError as fault:
        raise ValueError("no such language is known") from fault


def _time_zone(text: str) -> None:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as fault:
        raise ValueError("no such zone is known") from fault


def _mail_url(text: str) -> None:
    try:
        parse_mail_url(text)
    except MailUrlInvalid as fault:
        raise ValueError(fault.wrong) from None


def _database_url(text: str) -> None:
    scheme, _, rest = text.partition("://")
    if scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise ValueError("its scheme is unknown")
    if scheme == "sqlite" and not rest.removeprefix("/"):
        raise ValueError("it names no file")


def _starts_with(*prefixes: str) -> AfterValidator:
    def starts(text: str) -> None:
        if not any(text.startswith(prefix) and len(text) > len(prefix) for prefix in prefixes):
            raise ValueError(f"it does not start with {' or '.join(prefixes)}")

    return check(starts)


FILLED = AfterValidator(_filled)

Text = Annotated[str, Allowed("text")]
Path = Annotated[str, Allowed("path")]
Cap = Annotated[int, Field(strict=True, ge=0), Allowed("whole number; 0: none at all")]
Count = Annotated[int, Field(strict=True, ge=1), Allowed("whole number, at least 1")]
EmailAddress = Annotated[str, check(ascii_address), Allowed("`name@domain`")]
Mailbox = Annotated[str, check(mailbox), Allowed("`Name <name@domain>`, or the address alone")]
WebUrl = Annotated[
    str, check(_web_url), AfterValidator(lambda text: text.rstrip("/")), Allowed("address with `http://` or `https://`")
]
AccountUrl = Annotated[
    str,
    check(_account_url),
    Allowed("address with `http://` or `https://`, with `{account}` where the account's id belongs, else as `?account=`"),
]
Listen = Annotated[str, FILLED, check(listen_address), Allowed("`HOST:PORT`, IPv6 as `[::1]:PORT`; port 0: any free one")]
LocaleName = Annotated[str, FILLED, check(_locale), Allowed("language, such as `en`, `es` or `pt-BR`")]
ZoneName = Annotated[str, FILLED, check(_time_zone), Allowed("name of a time zone, such as `America/Bogota`")]
Domain = Annotated[str, FILLED, check(ascii_domain)]
Secret = Annotated[SecretStr, Allowed("text", secret=True)]
StripeAccount = Annotated[str, _starts_with("acct_"), Allowed("`acct_…`, or empty")]
BouncesUrl = Annotated[SecretStr, check(box.open_box), Allowed(box.ALLOWED, secret=True)]
MailWebhookSecret = Annotated[SecretStr, FILLED, check(providers.parse_secret)]
IdentitySecret = Annotated[SecretStr, FILLED, check(_long)]
WebhookSecret = Annotated[SecretStr, FILLED, _starts_with("whsec_")]
StripeKey = Annotated[
    SecretStr,
    FILLED,
    _starts_with("rk_test_", "rk_live_", "sk_test_", "sk_live_"),
    Allowed("key that starts with `rk_test_`, `rk_live_`, `sk_test_` or `sk_live_`", secret=True),
]
MailUrl = Annotated[SecretStr, FILLED, check(_mail_url), Allowed(MAIL_URLS, secret=True)]
DatabaseUrl = Annotated[
    SecretStr,
    FILLED,
    check(_database_url),
    Allowed(
        "`sqlite:///FILE` (an absolute path makes it four slashes) or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`",
        secret=True,
    ),
]
