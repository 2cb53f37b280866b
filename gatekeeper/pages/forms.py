"""What the forms of the lockout page send: read, bounded, and either a value of ours or a fault beside the field."""

from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers

from gatekeeper.model import WishKind
from gatekeeper.wording import Form, LockoutView
from gatekeeper.wording.views import plain

MOST_BYTES: Final = 16_384
REFERENCE_MOST: Final = 140  # as many as a bank transfer carries (ISO 20022, unstructured remittance information)
WORDS_MOST: Final = 1000
_MOST_FIELDS: Final = 10
_OF_OURS: Final = ("same-origin", "none")


def is_ours(headers: Headers) -> bool:
    """Whether a page of this very host sent it, as the browser says; a program that says nothing is no browser.

    W3C Fetch Metadata, else RFC 6454. Ports are not compared: many a proxy leaves them out of `Host`.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OF_OURS
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        theirs, ours = urlsplit(origin).hostname, urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
    return theirs is not None and theirs == ours


def fields_of(body: bytes) -> Mapping[str, str]:
    """The fields; none where it is no form."""
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        return {}


def filled(kind: WishKind, fields: Mapping[str, str], view: LockoutView) -> Form:
    """The form as it was filled in, its texts each on one line, with its faults."""
    form = Form(
        kind=kind,
        faults=(),
        on=plain(fields.get("on", "")),
        reference=plain(fields.get("reference", "")),
        words=plain(fields.get("words", "")),
    )
    faults: list[str] = []
    day = day_of(form)
    match kind:
        case WishKind.PROMISE:
            first, last = view.promise_from, view.promise_until
            if day is None or first is None or last is None or not first <= day <= last:
                faults.append("on")
        case WishKind.TRANSFER:
            if day is None or (view.today is not None and day > view.today):
                faults.append("on")
            if not 0 < len(form.reference) <= REFERENCE_MOST:
                faults.append("reference")
        case WishKind.REVIEW:
            if not 0 < len(form.words) <= WORDS_MOST:
                faults.append("words")
    return Form(kind=kind, faults=tuple(faults), on=form.on, reference=form.reference, words=form.words)


def day_of(form: Form) -> date | None:
    """The day that was entered, in ISO 8601 as browsers send it; None: it is none."""
    try:
        return date.fromisoformat(form.on)
    except ValueError:
        return None
