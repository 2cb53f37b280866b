"""Signatures by public keys, which need the package `cryptography`: the optional part `signatures` of the installation."""

import base64
import binascii
from datetime import datetime
from importlib.util import find_spec
from typing import Final

NEEDED: Final = "it needs the package cryptography: install `gatekeeper[signatures]`"


def are_there() -> bool:
    return find_spec("cryptography") is not None


def is_public_key(text: str) -> bool:
    """Whether this is Base64, as a DER key is shown in. Nothing more can be said without the package."""
    return bool(_decoded(text))


def is_signed_by_curve(signed: bytes, signature: str, public_key: str) -> bool:
    """ECDSA with SHA-256; the signature and the key (SubjectPublicKeyInfo) in DER and Base64."""
    # Late, here and below: it may not be installed, and whoever does not need it does not wait for it
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415 - see above

    try:
        key = load_der_public_key(_decoded(public_key))
        assert isinstance(key, EllipticCurvePublicKey)
        key.verify(_decoded(signature), signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError, AssertionError):
        return False
    return True


def is_signed_by_certificate(signed: bytes, signature: str, certificate: bytes, *, sha256: bool, now: datetime) -> bool:
    """RSA (PKCS #1 v1.5) by the key of an X.509 certificate in PEM that is valid now; the signature in Base64."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256  # noqa: PLC0415 - see above
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - see above

    try:
        shown = load_pem_x509_certificate(certificate)
        key = shown.public_key()
        assert isinstance(key, RSAPublicKey)
        # SignatureVersion 1 of SNS, which is what it signs with if nobody asks for 2, is made with SHA-1
        key.verify(_decoded(signature), signed, PKCS1v15(), SHA256() if sha256 else SHA1())  # noqa: S303 - see above
    except (InvalidSignature, ValueError, AssertionError):
        return False
    return shown.not_valid_before_utc <= now <= shown.not_valid_after_utc


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
