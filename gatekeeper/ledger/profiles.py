"""What is told of an account: by whom, and what comes of it. The API goes before the directory, and that before Stripe.

`accounts.told` keeps what the product said, as `{"api": {...}, "directory": {...}}`; the account's columns hold the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from gatekeeper.ledger import rows
from gatekeeper.ledger.tables import accounts, contacts
from gatekeeper.model import Contact, Origin, Profile, Standing

# What the product may say of an account, and what is known where nobody says anything
NOTHING_TOLD: Final[Mapping[str, Any]] = {
    "name": "",
    "locale": None,
    "time_zone": "",
    "country": "",
    "plan": "",
    "tags": [],
    "segment": "",
    "phone": "",
}
TELLERS: Final = (Origin.API, Origin.DIRECTORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """`told`: what the API said of it; `known`: what comes of that and of all other sources."""

    id: str
    standing: Standing
    told: Profile
    known: Profile


def find_account(connection: Connection, account_id: str) -> KnownAccount | None:
    """What is known of this account; None where there is none."""
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
    if row is None:
        return None
    theirs = select(contacts).where(contacts.c.account_id == account_id)
    in_order = theirs.order_by(contacts.c.audience, contacts.c.address, contacts.c.source)
    people = [rows.contact(one) for one in connection.execute(in_order)]
    known = {name: getattr(row, name) or None for name in NOTHING_TOLD}
    return KnownAccount(
        id=row.id,
        standing=Standing(row.standing),
        told=_profile(row.told.get(Origin.API, {}), [one for one in people if one.origin is Origin.API]),
        known=_profile(known, people),
    )


def told_out(profile: Profile) -> dict[str, Any]:
    """What a profile says beside its contacts, as JSON."""
    said = {name: getattr(profile, name) for name in NOTHING_TOLD}
    return {name: list(value) if name == "tags" else value for name, value in said.items() if value is not None}


def settled(told: Mapping[str, Mapping[str, Any]], of_stripe: Mapping[str, Any]) -> dict[str, Any]:
    """For each field the word of the first source that says anything of it."""
    sources = [*(told.get(teller, {}) for teller in TELLERS), of_stripe, NOTHING_TOLD]
    return {name: next(source[name] for source in sources if name in source) for name in NOTHING_TOLD}


def _profile(fields: Mapping[str, Any], people: Sequence[Contact]) -> Profile:
    tags = fields.get("tags")
    texts = {name: fields.get(name) for name in NOTHING_TOLD if name != "tags"}
    return Profile(contacts=tuple(people), tags=None if tags is None else tuple(tags), **texts)
