"""Who reads the answer: a person in a browser, or a program, and which kind of program?"""

from collections.abc import Mapping

from gatekeeper.gate.fields import ACCEPT, CONTENT_TYPE, FETCH_MODE


def speaks_grpc(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a gRPC client asks: it reads status and message from headers of its own, and no document."""
    return fields.get(CONTENT_TYPE, b"").startswith(b"application/grpc")


def wants_page(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a page answers this request better than a problem document.

    A browser says what it will do with the answer (Fetch Metadata, `Sec-Fetch-Mode`), but on secure origins only. Elsewhere a
    browser is known by naming HTML in `Accept`, which programs do not: `*/*` asks for nothing in particular.
    """
    mode = fields.get(FETCH_MODE)
    if mode:
        return mode.strip().lower() == b"navigate"
    accept = fields.get(ACCEPT, b"").lower()
    html = max(_quality(accept, b"text/html"), _quality(accept, b"application/xhtml+xml"))
    return html > 0 and html >= _quality(accept, b"application/json")


def _quality(accept: bytes, media_type: bytes) -> float:
    """The weight of a media type that is named outright (RFC 9110, section 12.4.2); 0 where it is not."""
    for part in accept.split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        if name == media_type:
            return next((_number(each[2:]) for each in parameters if each.startswith(b"q=")), 1.0)
    return 0.0


def _number(weight: bytes) -> float:
    try:
        return float(weight)
    except ValueError:
        return 0.0
