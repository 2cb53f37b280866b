"""Whom to write to: for each audience the people whom the source that goes first still can name."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from gatekeeper.model import Audience, Contact, Origin

# The product knows its people better than the billing system does, and what it told us itself goes before what it answers
ORDER: Final = (Origin.API, Origin.DIRECTORY, Origin.STRIPE)
AUDIENCES: Final = tuple(Audience)


def reachable(contacts: Iterable[Contact], failed: Collection[str]) -> Mapping[Audience, tuple[str, ...]]:
    """The addresses, in lower case and in order, at which each audience is to be written to; none: it is unreachable.

    They are those of the first origin (`ORDER`) that has one which is not among `failed`: addresses in lower case that refused
    or bounced (case 46). Every audience is a key. Origins are not mixed: who was taken out of the first must not come back
    through another.
    """
    known = [(one.audience, one.origin, one.address.strip().lower()) for one in contacts]
    named = [one for one in known if one[2] and one[2] not in failed]
    return {audience: _of_the_first(audience, named) for audience in AUDIENCES}


def _of_the_first(audience: Audience, named: Iterable[tuple[Audience, Origin, str]]) -> tuple[str, ...]:
    theirs = [(said_by, address) for whose, said_by, address in named if whose is audience]
    if len(theirs) == 1:
        return (theirs[0][1],)
    for origin in ORDER:
        found = {address for said_by, address in theirs if said_by is origin}
        if found:
            return tuple(sorted(found))
    return ()
