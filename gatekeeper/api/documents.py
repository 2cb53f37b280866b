"""The documents of the API, as it takes and as it shows them. The OpenAPI document is made from these."""

from datetime import date, datetime, tzinfo
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from gatekeeper.documents import OR_NOTHING, Described, Person
from gatekeeper.ledger.profiles import KnownAccount
from gatekeeper.model import Contact, Invoice, Origin, Profile, Standing
from gatekeeper.perform.mail.address import ascii_address
from gatekeeper.policy.calendar import day_of

_Segment = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]


def _mailable(text: str) -> str:
    ascii_address(text)
    return text


class AccountPerson(Person):
    """Somebody who can be written to."""

    address: Annotated[str, AfterValidator(_mailable)] = Field(description="e-mail address, as `name@company.example`")


class AccountDocument(Described):
    """What the product says of an account, in place of all that it said before. Left out, null or empty text: not said."""

    contacts: tuple[AccountPerson, ...] = Field((), strict=False, max_length=50, description="list of at most 50 people")
    segment: Annotated[_Segment | None, OR_NOTHING] = Field(None, description="name of a segment of the policy")


class KnownContact(BaseModel):
    """Somebody who can be written to: who said so, and since when."""

    audience: str
    address: str
    name: str
    locale: str | None
    origin: Origin
    set_at: AwareDatetime | None


class Known(BaseModel):
    """What is known of an account from all sources: the API goes before the directory, and that before Stripe."""

    contacts: list[KnownContact]
    name: str | None
    locale: str | None
    time_zone: str | None
    country: str | None
    plan: str | None
    tags: list[str]
    segment: str | None
    phone: str | None


class AccountState(BaseModel):
    """An account: its standing, what the API said of it, and what is known of it in all."""

    id: str
    standing: Standing
    told: AccountDocument
    known: Known

    @classmethod
    def of(cls, account: KnownAccount) -> "AccountState":
        # What was told is shown as it was taken, and not judged a second time
        people = tuple(AccountPerson.model_construct(**_fields(one, Person)) for one in account.told.contacts)
        told = AccountDocument.model_construct(**_fields(account.told, AccountDocument) | {"contacts": people})
        contacts = [KnownContact(**_fields(one, KnownContact)) for one in account.known.contacts]
        known = _fields(account.known, Known) | {"contacts": contacts, "tags": list(account.known.tags or ())}
        return cls.model_construct(id=account.id, standing=account.standing, told=told, known=Known(**known))


class InvoiceState(BaseModel):
    """An invoice that is billed elsewhere. `said_at`: when it was last stated; `settled_at`: when it was said to be settled."""

    id: str
    account: str
    number: str
    currency: str
    total_minor: int
    remaining_minor: int
    status: str
    issued_on: date
    due_on: date
    pay_url: str | None
    said_at: AwareDatetime
    settled_at: AwareDatetime | None

    @classmethod
    def of(cls, invoice: Invoice, zone: tzinfo) -> "InvoiceState":
        """Days are those of the product's time zone."""
        return cls(
            id=invoice.id,
            account=invoice.account_id,
            number=invoice.number,
            currency=invoice.currency,
            total_minor=invoice.total_minor,
            remaining_minor=invoice.remaining_minor,
            status=invoice.status,
            issued_on=day_of(invoice.created_at, zone),
            due_on=day_of(_said(invoice.due_at), zone),
            pay_url=invoice.pay_url or None,
            said_at=invoice.read_at,
            settled_at=invoice.settled_at,
        )


def _said(at: datetime | None) -> datetime:
    assert at is not None, "a statement has a due date"
    return at


def _fields(value: Contact | Profile, kind: type[BaseModel]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in kind.model_fields}
