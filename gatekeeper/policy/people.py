"""Whom to write to: for each audience the people whom the source that goes first still can name."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from gatekeeper.model import Audience, Contact, Origin

# The product knows its people better than the billing system does, and what it told us itself goes before what it answers
ORDER: Final = (Origin.API, Origin.DIRECTORY, Origin.STRIPE)


def reachable(contacts: Iterable[Contact], failed: Collection[str]) -> Mapping[Audience, tuple[str, ...]]:
    """The addresses, in lower case and in order, at which each audience is to be written to; none: it is unreachable.

    They are those of the first origin (`ORDER`) that has one which is not among `failed`: addresses in lower case that refused
    or bounced (case 46). Every audience is a key. Origins are not mixed: who was taken out of the first must not come back
    through another.
    """
    known: dict[tuple[Audience, Origin], set[str]] = {}
    for contact in contacts:
        address = contact.address.strip().lower()
        if address and address not in failed:
            known.setdefault((contact.audience, contact.origin), set()).add(address)
    return {
        audience: next((tuple(sorted(found)) for origin in ORDER if (found := known.get((audience, origin)))), ())
        for audience in Audience
    }
