"""What one source says of an account and of its people."""

from dataclasses import dataclass

from gatekeeper.model.account import Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the product says of one account, over the API or in its directory; None where it says nothing.

    It goes before what Stripe says, field by field, and the API goes before the directory. `country`: ISO 3166-1 alpha-2;
    `time_zone`: an IANA name; `segment`: of the policy.
    """

    contacts: tuple[Contact, ...] = ()
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    country: str | None = None
    plan: str | None = None
    tags: tuple[str, ...] | None = None
    segment: str | None = None
    phone: str | None = None
