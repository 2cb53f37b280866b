"""DKIM (RFC 6376): the sender's domain signs each letter, so that its reader can tell it from a forgery.

Only where nobody behind us signs: most mail services and many mail servers do. Needs `gatekeeper[dkim]`.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final

# What a reader sees or acts on, and how it is read (RFC 6376 5.4.1). These may not be added on the way either: each is named
# once more than it occurs, absent ones too (8.15)
_SEALED: Final = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "Content-Type", "MIME-Version")
_SIGNED: Final = ("In-Reply-To", "References", "Auto-Submitted", "Content-Language")
_FEWEST_BITS: Final = 1024  # RFC 8301 3.2
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_SELECTOR: Final = re.compile(rf"(?=.{{1,63}}$){_LABEL}(?:\.{_LABEL})*")
_MAKE_ONE: Final = "make one with `openssl genrsa -out FILE 2048`"
_RSA: Final = bytes.fromhex("300d06092a864886f70d0101010500")  # AlgorithmIdentifier of rsaEncryption, RFC 8017 A.1
_INTEGER, _BIT_STRING, _SEQUENCE = 0x02, 0x03, 0x30

Sign = Callable[[bytes], bytes]
"""Takes a message and returns it signed."""


class DkimRefused(ValueError):
    """Nothing can be signed with this key; the text says what to do."""


def is_selector(text: str) -> bool:
    """Whether this can be the part of a DNS name before `._domainkey` (RFC 6376 3.1)."""
    return bool(_SELECTOR.fullmatch(text))


def unsigned(message: bytes) -> bytes:
    """Where somebody behind us signs, or nobody."""
    return message


class Signer:
    """Signs for one domain with the key of one selector: rsa-sha256, relaxed/relaxed. `t=` is the signing machine's time.

    `name` and `record`: what DNS has to say, and where.
    """

    def __init__(self, *, domain: str, selector: str, key_file: Path) -> None:
        """Raises DkimRefused: the key or dkimpy cannot be used."""
        try:
            import dkim  # noqa: PLC0415 - an optional extra
        except ImportError as fault:
            raise DkimRefused("signing needs dkimpy: `pip install 'gatekeeper[dkim]'`, or empty mail.dkim_selector") from fault
        self._sign = dkim.sign
        self._domain, self._selector, self._key = domain.encode(), selector.encode(), _key_of(key_file)
        self.name = f"{selector}._domainkey.{domain}"
        self.record = f"v=DKIM1; k=rsa; p={_public_half(self._key)}"

    def __call__(self, message: bytes) -> bytes:
        present = {line.partition(b":")[0].decode() for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")}
        fields = [name for name in (*_SEALED, *_SIGNED) if name in present] + list(_SEALED)
        signature: bytes = self._sign(
            message,
            self._selector,
            self._domain,
            self._key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in fields],
        )
        return signature + message


def _key_of(file: Path) -> bytes:
    try:
        key = file.read_bytes().replace(b"\r\n", b"\n")
    except OSError as fault:
        raise DkimRefused(f"the key cannot be read: {fault.strerror}") from fault
    if b"ENCRYPTED" in key:
        raise DkimRefused("the key has a passphrase, and nobody to type it: `openssl rsa -in FILE -out FILE` takes it off")
    if not re.search(rb"-----BEGIN (?:RSA )?PRIVATE KEY-----", key):
        raise DkimRefused(f"the file holds no private key in PEM form (`-----BEGIN PRIVATE KEY-----`): {_MAKE_ONE}")
    return key


def _public_half(key: bytes) -> str:
    """The public key as a DNS record has it: SubjectPublicKeyInfo (RFC 5280 4.1) in Base64."""
    from dkim.crypto import UnparsableKeyError, parse_pem_private_key  # noqa: PLC0415 - an optional extra

    try:
        numbers = parse_pem_private_key(key)
        modulus, exponent = numbers["modulus"], numbers["publicExponent"]
        if pow(pow(2, exponent, modulus), numbers["privateExponent"], modulus) != 2:  # noqa: PLR2004 - any number will do
            raise DkimRefused(f"the key is damaged, its halves do not fit together: {_MAKE_ONE}")
    # What dkimpy's parser meets in a key that is none of RSA's, or is cut short
    except (UnparsableKeyError, ValueError, TypeError, LookupError, AssertionError) as fault:
        if isinstance(fault, DkimRefused):
            raise
        raise DkimRefused(f"the key is no RSA key, or not whole: {_MAKE_ONE}") from fault
    if modulus.bit_length() < _FEWEST_BITS:
        raise DkimRefused(f"the key has {modulus.bit_length()} bits, and readers take none below {_FEWEST_BITS}: {_MAKE_ONE}")
    key_itself = _der(_SEQUENCE, _integer(modulus) + _integer(exponent))
    return b64encode(_der(_SEQUENCE, _RSA + _der(_BIT_STRING, b"\0" + key_itself))).decode()


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _der(kind: int, content: bytes) -> bytes:
    """One element of DER (X.690 8.1)."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form of a length
        return bytes((kind, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((kind, 0x80 | len(length))) + length + content
