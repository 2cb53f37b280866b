"""What the webhooks of all providers have in common: a signed body, and JSON of which little is believed."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from gatekeeper.model import Report, Returned, ReturnKind
from gatekeeper.returns.said import address_of, message_ids, words

# Under this name the transports hand a provider our Message-ID, without brackets
METADATA: Final = "gatekeeper-notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A request as it came. `headers` in lower case; `now` by the real clock: providers do not live in simulated time.

    `fetch`: the bytes behind an address.
    """

    headers: Mapping[str, str]
    body: bytes
    now: datetime
    fetch: Callable[[str], bytes]


class Provider(NamedTuple):
    """`check` says whether this secret vouches for the delivery; `read` what a document that is vouched for says.

    `secret`: what that looks like, for people; `is_secret`: whether this may be one. `needs_keys`: it signs with public keys.
    `to_confirm`: the address that a person has to open before anything comes; empty: none.
    """

    check: Callable[[Delivery, str], bool]
    read: Callable[[Any], Iterator[Returned]]
    secret: str
    is_secret: Callable[[str], bool]
    needs_keys: bool = False
    to_confirm: Callable[[Any], str] = lambda _said: ""


def document(body: bytes | str) -> Any:
    """The JSON of a body. Raises ValueError."""
    try:
        return json.loads(body)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault


def dig(said: Any, *names: str) -> Any:
    """What stands below these names, one within the other; None where one is missing."""
    for name in names:
        said = said.get(name) if isinstance(said, dict) else None
    return said


def items(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []


def header_named(headers: Any, name: str) -> Any:
    """The value of a header in a list of `{"name": …, "value": …}`."""
    return next((dig(one, "value") for one in items(headers) if str(dig(one, "name")).lower() == name), None)


def one(kind: ReturnKind | None, names: tuple[Any, ...], detail: Any = "", address: Any = "") -> Iterator[Returned]:
    """What came back, if it is of a kind and names a letter."""
    ids = message_ids(*names)
    if kind is not None and ids:
        yield Returned(message_ids=ids, reports=(Report(kind, words(detail), address_of(address)),))


def bounced(kind: Any, sub_kind: Any) -> ReturnKind:
    """What Amazon's words for a bounce mean, which Resend uses too.

    What is full or too large has not arrived either. But among `Transient`, `General` are automatic replies (case 51).
    """
    return ReturnKind.DELAYED if (kind, sub_kind) == ("Transient", "General") else ReturnKind.BOUNCED


def is_fresh(seconds: Any, now: datetime, within: timedelta) -> bool:
    """Whether this Unix time, as text or number, is so near."""
    try:
        at = datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return abs(now - at) <= within
