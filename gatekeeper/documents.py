"""What the product says to us in JSON: over the API, in its directory, and, line by line, in a file of invoices.

Each field says in `description` what may stand there; a fault repeats that, and never the value: it may be somebody's address.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from babel.core import get_global
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from gatekeeper.model import Audience, Contact, Origin, Profile, is_account_id

_MOST_MINOR: Final = 10**15
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Fault:
    """`path`: names and numbers that lead to what is wrong, none: the document itself; `what` says what is allowed."""

    path: tuple[str | int, ...]
    what: str


class DocumentRefused(ValueError):
    """A document that cannot be taken; `faults` are all that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{'.'.join(map(str, fault.path)) or 'document'} {fault.what}" for fault in faults))


def _storable(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError
    return text


def _none_if_empty(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _account_id(text: str) -> str:
    if not is_account_id(text):
        raise ValueError
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as fault:
        raise ValueError from fault
    return text


def _country(text: str) -> str:
    if text.upper() not in countries():
        raise ValueError
    return text.upper()


def _currency(text: str) -> str:
    if text.upper() not in currencies():
        raise ValueError
    return text.lower()


def _day(value: object) -> date:
    """Only `2026-11-30`: of 03/04/2026 nobody can say which day is meant."""
    day = date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-11-30") else None
    if day is None or not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError
    return day


@cache
def countries() -> frozenset[str]:
    """The ISO 3166-1 codes, in upper case, of the countries that there are or were (CLDR)."""
    return frozenset(get_global("territory_currencies"))


@cache
def currencies() -> frozenset[str]:
    """The ISO 4217 codes, in upper case, of what is legal tender somewhere now (CLDR)."""
    return frozenset(
        code for used in get_global("territory_currencies").values() for code, _, until, tender in used if tender and not until
    )


def _text(longest: int, *, least: int = 0) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=longest)


_Storable = AfterValidator(_storable)
# An empty text says as little as null
OR_NOTHING: Final = BeforeValidator(_none_if_empty)
_Line = Annotated[str, _text(200), _Storable]
_Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$")]
_Day = Annotated[date, BeforeValidator(_day)]
_Minor = Annotated[int, Field(ge=0, le=_MOST_MINOR)]
_WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9\[][!-~]{0,2000}$")]

ACCOUNT: Final = "1 to 128 printable ASCII characters, but space, comma and quotes"
_SHORT: Final = "text of at most 200 characters on one line"
_LANGUAGE: Final = "language as `es` or `pt-BR`"
_DAY: Final = "day as `2026-11-30`, from 2000 to 2199"
_AMOUNT: Final = "whole number of minor units (cents), from 0"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Person(_Document):
    """Somebody who can be written to."""

    audience: Annotated[Audience, Field(strict=False)] = Field(description="`accountant` or `user`")
    address: Annotated[str, _text(254, least=3), _Storable] = Field(description="e-mail address, as `name@company.example`")
    name: _Line = Field("", description=_SHORT)
    locale: Annotated[_Locale | None, OR_NOTHING] = Field(None, description=_LANGUAGE)


class Described(_Document):
    """What may be said of an account. What is left out, null or empty text is not said."""

    contacts: tuple[Person, ...] = Field((), strict=False, max_length=50, description="list of at most 50 people")
    name: Annotated[_Line | None, OR_NOTHING] = Field(None, description=_SHORT)
    locale: Annotated[_Locale | None, OR_NOTHING] = Field(None, description=_LANGUAGE)
    time_zone: Annotated[Annotated[str, AfterValidator(_zone)] | None, OR_NOTHING] = Field(
        None, description="name of a time zone, as `America/Bogota`"
    )
    country: Annotated[Annotated[str, AfterValidator(_country)] | None, OR_NOTHING] = Field(
        None, description="two letters of ISO 3166-1, as `CO`"
    )
    plan: Annotated[_Line | None, OR_NOTHING] = Field(None, description=_SHORT)
    tags: tuple[Annotated[str, _text(100, least=1), _Storable], ...] | None = Field(
        None, strict=False, max_length=50, description="list of at most 50 texts of at most 100 characters"
    )
    phone: Annotated[_Line | None, OR_NOTHING] = Field(None, description=_SHORT)

    def profile(self, origin: Origin) -> Profile:
        """As a value of the model, said by `origin`."""
        people = [
            Contact(audience=one.audience, address=one.address, name=one.name, locale=one.locale, origin=origin)
            for one in self.contacts
        ]
        tags = None if self.tags is None else tuple(sorted(set(self.tags)))
        said = {name: getattr(self, name, None) for name in ("name", "locale", "time_zone", "country", "plan", "phone")}
        return Profile(contacts=tuple(people), tags=tags, segment=getattr(self, "segment", None), **said)


class Statement(_Document):
    """One invoice that is billed elsewhere."""

    account: Annotated[str, AfterValidator(_account_id)] = Field(description=ACCOUNT)
    number: Annotated[str, _text(100), _Storable] = Field(
        "", description="text of at most 100 characters, as it stands on the invoice; empty: its id"
    )
    currency: Annotated[str, AfterValidator(_currency)] = Field(description="code of ISO 4217, as `EUR`")
    total_minor: _Minor = Field(description=_AMOUNT)
    remaining_minor: _Minor = Field(description=_AMOUNT)
    status: Literal["open", "paid", "void", "uncollectible"] = Field(description="`open`, `paid`, `void` or `uncollectible`")
    issued_on: _Day = Field(description=_DAY)
    due_on: _Day = Field(description=_DAY)
    pay_url: Annotated[_WebAddress | None, OR_NOTHING] = Field(None, description="address with `http://` or `https://`")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.remaining_minor > self.total_minor:
            raise ValueError("more remains to be paid than the total")
        if self.status == "paid" and self.remaining_minor:
            raise ValueError("something remains to be paid of a paid invoice: it must be 0, or the status `open`")
        if self.due_on < self.issued_on:
            raise ValueError("it is due before it was issued")
        return self


def faults_of(refusal: ValidationError, kind: type[BaseModel]) -> list[Fault]:
    """Everything that pydantic refuses, in words that say what is allowed."""
    errors = refusal.errors(include_url=False, include_input=False)
    return list(dict.fromkeys(_fault(error, kind) for error in errors))


def _fault(error: ErrorDetails, kind: type[BaseModel]) -> Fault:
    if error["type"] == "json_invalid":
        return Fault((), "is not JSON")
    path, allowed, known = _place(error["loc"], kind)
    if error["type"] == "extra_forbidden":
        return Fault(path, f"is no field; known are {', '.join(known)}")
    if not path:
        return Fault((), str(error["ctx"]["error"]) if error["type"] == "value_error" else "must be an object")
    return Fault(path, f"is missing; must be: {allowed}" if error["type"] == "missing" else f"must be: {allowed}")


def _place(location: Sequence[str | int], kind: type[BaseModel]) -> tuple[tuple[str | int, ...], str, list[str]]:
    """Where that is, without the steps that only pydantic sees; what is allowed there, and which fields are known there."""
    path: list[str | int] = []
    allowed, known, fields = "an object", list(kind.model_fields), kind.model_fields
    for step in location:
        if isinstance(step, int):
            path.append(step)
            if path == ["contacts", step]:
                allowed, known, fields = "an object", list(Person.model_fields), Person.model_fields
        elif step in fields:
            path.append(step)
            allowed = fields[step].description or allowed
        elif path in ([], ["contacts", path[-1] if path else None]):
            path.append(step)
    return tuple(path), allowed, known
