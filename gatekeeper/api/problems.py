"""Answers of the API: one place sets the headers, and every error is a problem document (RFC 9457)."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from gatekeeper.documents import Fault

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Wrong(BaseModel):
    """One thing that is wrong, and where."""

    pointer: str | None = Field(None, description="JSON Pointer into the document (RFC 6901); empty: the document itself")
    parameter: Literal["id", "since"] | None = Field(None, description="the part of the address that is wrong")
    detail: str = Field(description="what is allowed there")


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Wrong] = Field([], description="everything that is wrong with the request")


class Refused(Exception):
    """The request ends here, with this answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


def answer(document: BaseModel) -> Response:
    return Response(document.model_dump_json(), headers=_HEADERS, media_type="application/json")


def problem(
    status: int,
    name: str,
    title: str,
    detail: str,
    *,
    wrong: Iterable[Wrong] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. `name` ends its type, `urn:gatekeeper:problem:NAME`."""
    document = Problem(type=f"urn:gatekeeper:problem:{name}", title=title, status=status, detail=detail, errors=list(wrong))
    body = document.model_dump_json(exclude_none=True, exclude_defaults=True)
    return Response(body, status, headers=_HEADERS | dict(headers or {}), media_type="application/problem+json")


def invalid(wrong: Iterable[Wrong]) -> Response:
    return problem(
        422, "invalid", "The request cannot be taken", "Nothing was changed; `errors` says what is wrong.", wrong=wrong
    )


def wrong(fault: Fault) -> Wrong:
    """A fault of a document, with the place as RFC 6901 writes it."""
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in fault.path]
    return Wrong(pointer="".join(f"/{step}" for step in steps), detail=fault.what)
