"""The OpenAPI 3.1 document, made from the documents that the API takes and shows."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gatekeeper import __version__
from gatekeeper.api.documents import AccountDocument, AccountState, InvoiceState
from gatekeeper.api.problems import Problem
from gatekeeper.billing.statements import INVOICE_ID
from gatekeeper.documents import ACCOUNT, Statement
from gatekeeper.perform.hooks import StandingChanged

_REFERENCE: Final = "#/components/schemas/{model}"
_PROBLEMS: Final = {
    "400": "The document did not arrive whole.",
    "401": "No token, or an unknown one.",
    "403": "The token lacks the scope.",
    "404": "There is none.",
    "409": "The invoice is settled, Stripe's, or another account's.",
    "413": "The document is too large.",
    "422": "Something in the request is not allowed; `errors` lists everything.",
    "503": "The ledger does not answer, or too many follow the feed; send it again.",
}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_OF_GET: Final = ("401", "403", "404", "422", "503")
_OF_PUT: Final = ("400", "401", "403", "413", "422", "503")


def openapi() -> dict[str, Any]:
    """The whole document."""
    taken: list[type[BaseModel]] = [AccountDocument, Statement]
    shown: list[type[BaseModel]] = [AccountState, InvoiceState, Problem, StandingChanged]
    modes = [(model, "validation") for model in taken] + [(model, "serialization") for model in shown]
    names, schemas = models_json_schema(modes, ref_template=_REFERENCE)  # type: ignore[arg-type]  # the words are literals
    schema_of = {model: schema for (model, _), schema in names.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gatekeeper",
            "version": __version__,
            "description": "What the product tells gatekeeper, and hears of it.",
        },
        "security": [{"token": []}],
        "paths": {
            "/api/v1/accounts/{id}": _resource(
                "account", ACCOUNT, schema_of[AccountDocument], schema_of[AccountState], schema_of[Problem], _OF_PUT
            ),
            "/api/v1/invoices/{id}": _resource(
                "invoice", INVOICE_ID, schema_of[Statement], schema_of[InvoiceState], schema_of[Problem], (*_OF_PUT, "409")
            ),
            "/api/v1/access/stream": {"get": _stream(schema_of[Problem])},
            "/api/v1/access/snapshot": {"get": _snapshot(schema_of[Problem])},
            "/api/v1/openapi.json": {
                "get": {
                    "operationId": "getOpenapi",
                    "summary": "This document.",
                    "responses": {"200": {"description": "It."}} | _problems(("401", "403"), schema_of[Problem]),
                }
            },
        },
        "webhooks": {"account.standing_changed": {"post": _hook(schema_of[StandingChanged])}},
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token of `api.tokens`."}},
        },
    }


def _resource(noun: str, allowed: str, taken: Any, shown: Any, problem: Any, refusals: tuple[str, ...]) -> dict[str, Any]:
    state = {"200": {"description": f"The {noun} as it is now.", "content": {"application/json": {"schema": shown}}}}
    return {
        "parameters": [
            {"name": "id", "in": "path", "required": True, "description": allowed, "schema": {"type": "string"}},
        ],
        "get": {
            "operationId": f"get{noun.capitalize()}",
            "summary": f"One {noun}.",
            "responses": state | _problems(_OF_GET, problem),
        },
        "put": {
            "operationId": f"put{noun.capitalize()}",
            "summary": f"Say all that is to be said of one {noun}; twice the same changes nothing.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": taken}}},
            "responses": state | _problems(refusals, problem),
        },
    }


def _stream(problem: Any) -> dict[str, Any]:
    known = "the revision that you know; without it the first event is a snapshot"
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    return {
        "operationId": "streamAccess",
        "summary": "Who is let in: what has changed, as it changes. docs/feed.md describes the events.",
        "parameters": [
            {"name": "since", "in": "query", "description": known, "schema": _COUNT},
            {"name": "Last-Event-ID", "in": "header", "description": "Goes before `since`.", "schema": _COUNT},
        ],
        "responses": {"200": {"description": "Events until either side ends it.", "content": content}}
        | _problems(("401", "403", "422", "503"), problem),
    }


def _snapshot(problem: Any) -> dict[str, Any]:
    words = {"type": "array", "items": {"type": "string"}}
    group = {"type": "object", "properties": {"paths": words, "accounts": words}, "required": ["paths", "accounts"]}
    fields = {
        "ledger": {"type": "string", "description": "Of which ledger; revisions of two cannot be compared."},
        "revision": _COUNT,
        "published_at": {"type": "string", "format": "date-time"},
        "accounts": _COUNT | {"description": "How many accounts the ledger knows in all."},
        "past_due": words,
        "restricted": words | {"description": "They may read everything."},
        "suspended": words,
        "leaves_open": {"type": "array", "items": group, "description": "Restricted accounts that are left these paths only."},
    }
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {
        "operationId": "getAccess",
        "summary": "Who is not let in freely, as one document.",
        "parameters": [{"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "All of it, with an ETag.", "content": {"application/json": {"schema": schema}}},
            "304": {"description": "Nothing has changed."},
        }
        | _problems(("401", "403", "503"), problem),
    }


def _hook(schema: Any) -> dict[str, Any]:
    headers = {
        "webhook-id": "The same in every attempt.",
        "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
        "webhook-signature": "Parted by spaces, one by each secret: `v1,` and HMAC-SHA256 of `ID.TIMESTAMP.BODY` in Base64.",
    }
    return {
        "operationId": "standingChanged",
        "summary": "The standing of one account has changed; in order per account, repeated until it is taken.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "No more hooks are wanted."},
            "default": {"description": "Not taken: it comes again later. `Retry-After` is heard."},
        },
    }


def _problems(statuses: tuple[str, ...], schema: Any) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": schema}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in sorted(statuses)}
