"""How an object of Stripe's is read: strict where we read it, blind to the rest (case 26)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gatekeeper.billing.source import SourceUnavailable

API_VERSION: Final = "2026-10-28.endive"
Document = Mapping[str, Any]

_YEAR_5: Final = -62_000_000_000
_YEAR_10000: Final = 253_402_300_800
_FAULTS_SAID: Final = 3


class Unreadable(SourceUnavailable):
    """An object that is not shaped as the pinned API version promises; it is no evidence of anything."""


def _instant(seconds: object) -> datetime:
    if type(seconds) is not int or not _YEAR_5 <= seconds < _YEAR_10000:
        raise ValueError("should be whole seconds since 1970")
    return datetime.fromtimestamp(seconds, tz=UTC)


def _storable(text: object) -> object:
    """Without what JSON can say and PostgreSQL cannot keep. Customers write these texts; they must not stop the others."""
    return text.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(text, str) else text


Instant = Annotated[datetime, BeforeValidator(_instant)]
Text = Annotated[str, BeforeValidator(_storable)]
Word = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Shown(BaseModel):
    """What we read of an object: every field must be there, and of its type. Stripe shows what is empty as null."""

    model_config = ConfigDict(strict=True, frozen=True)


class Named(Shown):
    id: Word


class _List(Shown):
    data: list[dict[str, Any]]
    has_more: bool


_S = TypeVar("_S", bound=Shown)


def read(kind: type[_S], document: object, noun: str) -> _S:
    """The object as `kind` has it.

    Raises:
        Unreadable: a field that we rely on is missing or of another kind.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as fault:
        # Never the value: it may be somebody's name or address
        told = fault.errors(include_url=False, include_context=False, include_input=False)[:_FAULTS_SAID]
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or noun}: {one['msg']}" for one in told)
        raise unreadable(document, noun, faults) from None


def read_list(document: Document) -> tuple[list[dict[str, Any]], str]:
    """The objects of one page of a list, and the id behind which the next page begins; empty: this is the last.

    Raises:
        Unreadable: not a page, or one that has no last object and still says that there are more.
    """
    shown = read(_List, document, "list")
    if not shown.has_more:
        return shown.data, ""
    if not shown.data:
        raise unreadable(document, "list", "data: empty, and has_more: true")
    return shown.data, read(Named, shown.data[-1], "object").id


def unreadable(document: object, noun: str, faults: str) -> Unreadable:
    try:
        name = Named.model_validate(document).id
    except ValidationError:
        name = "without an id"
    return Unreadable(
        f"Stripe showed the {noun} {name} in another shape than its API {API_VERSION} promises ({faults}); "
        "nothing follows from it. Look for a newer gatekeeper, or report this."
    )
