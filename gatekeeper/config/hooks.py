"""The section by which the product is told of changes of standing."""

import base64
import binascii
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from gatekeeper.config.kinds import FILLED, Allowed, check
from gatekeeper.config.section import Section

_PREFIX: Final = "whsec_"
# Standard Webhooks, "Signature scheme": 192 to 512 bits
_SHORTEST, _LONGEST = 24, 64


def _hook_url(text: str) -> None:
    parts = urlsplit(text)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or not (text.isascii() and text.isprintable())
        or " " in text
    ):
        raise ValueError("the scheme or the host is missing, or it holds what an address may not")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("it names a user or a fragment: hooks prove themselves by their signature")


def hook_key(secret: str) -> bytes:
    """The key in a secret, whose Base64 may go without its `=`. Raises ValueError: it is none."""
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"it is not `{_PREFIX}` and Base64 of {_SHORTEST} to {_LONGEST} bytes")
    return key


class Hooks(Section):
    """Signed webhooks to the product on every change of standing (`docs/hooks.md`)."""

    url: Annotated[str, check(_hook_url), Allowed("address with `http://` or `https://`, without user, password and `#`")] = (
        Field("", description="Where the product hears of every change of standing; empty: nobody is told.")
    )
    secrets: Annotated[
        tuple[Annotated[SecretStr, FILLED, check(hook_key)], ...],
        Allowed(f"list of `{_PREFIX}…`, Base64 of {_SHORTEST} to {_LONGEST} random bytes, the newest first", secret=True),
    ] = Field((), description="Each signs every hook: two while one is being replaced.")
