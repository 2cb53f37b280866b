"""The return path of each letter names its notice, signed: nobody can have bounced what he was not sent (case 49).

`bounces@acme.example` becomes `bounces+TOKEN@acme.example`: the unique part of the Message-ID and a signature, in Base32, which
survives servers that write addresses in lower case. Mail servers deliver such addresses to `bounces`.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator
from typing import Final

_UNIQUE: Final = re.compile(r"<gk-([0-9a-f]{32})@([^<>@\s]+)>")
_SIGNED_BYTES: Final = 8
_TOKEN: Final = re.compile(rb"\+([a-z2-7]{39})@", re.IGNORECASE)
_LOCAL_LIMIT: Final = 64  # RFC 5321 4.5.3.1.1
_TOKENS_READ: Final = 100


def verp_address(bounce_address: str, message_id: str, secret: bytes) -> str:
    """The envelope's sender for the letter of this Message-ID; `bounce_address` itself where there is no room for a token."""
    unique = _UNIQUE.fullmatch(message_id)
    local, at, domain = bounce_address.rpartition("@")
    if not (at and unique and secret):
        return bounce_address
    named = bytes.fromhex(unique[1])
    token = base64.b32encode(named + _signature(named, secret)).decode().rstrip("=").lower()
    signed = f"{local}+{token}"
    return f"{signed}@{domain}" if len(signed) <= _LOCAL_LIMIT else bounce_address


def message_ids_in(message: bytes, domain: str, secret: bytes) -> Iterator[str]:
    """The Message-IDs, in angle brackets and at `domain`, that signed return paths anywhere in these bytes name."""
    for _, token in zip(range(_TOKENS_READ), _TOKEN.finditer(message), strict=False):
        try:
            decoded = base64.b32decode(token[1].upper() + b"=")
        except binascii.Error:
            continue
        named, signature = decoded[:-_SIGNED_BYTES], decoded[-_SIGNED_BYTES:]
        if hmac.compare_digest(signature, _signature(named, secret)):
            yield f"<gk-{named.hex()}@{domain}>"


def _signature(named: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"gatekeeper.verp " + named, "sha256")[:_SIGNED_BYTES]
