"""The API over a ledger of a test, without the rest of the house."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from starlette.applications import Starlette

from gatekeeper import api
from tests.kit.builders import DUE_AT
from tests.kit.ledger import Ledger
from tests.kit.standin import MovableClock


def app_of(
    ledger: Ledger,
    *tokens: api.Token,
    clock: MovableClock | None = None,
    wake: Callable[[], None] = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Starlette:
    """In Bogotá, five hours behind UTC; without `clock` at the moment when the invoices of `builders` are due."""
    parts = api.Api(
        reader=ledger.reader,
        profiles=ledger.writer.profiles,
        statements=ledger.writer.statements,
        zone=ZoneInfo("America/Bogota"),
        clock=clock or MovableClock(DUE_AT),
        wake=wake,
        stopping=stopping,
    )
    return Starlette(routes=api.routes(parts, tokens))
