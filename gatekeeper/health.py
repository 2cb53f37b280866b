"""/livez: this process answers. /readyz: it can do its work, and if not, what is in the way. Stripe's health is in neither."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Reason

_NO_STORE = {"Cache-Control": "no-store"}


def routes(
    *, reader: Reader, withheld: Callable[[], Reason | None], clock: Callable[[], datetime], reconcile_every: timedelta
) -> list[Route]:
    def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_NO_STORE)

    def readyz(_request: Request) -> Response:
        try:
            report = _report(reader, withheld, clock(), reconcile_every)
        except Exception as fault:  # noqa: BLE001 - whatever the database raises, the answer is that it does not answer
            report = {"ready": False, "why": [f"the ledger does not answer ({type(fault).__name__})"]}
        return JSONResponse(report, 200 if report["ready"] else 503, headers=_NO_STORE)

    return [Route("/livez", livez), Route("/readyz", readyz)]


def _report(reader: Reader, withheld: Callable[[], Reason | None], now: datetime, reconcile_every: timedelta) -> dict[str, Any]:
    state, held_back = reader.state(), withheld()
    why = []
    if state.watched_since_at is None:
        why.append("the billing system's books have not been read whole yet")
    elif state.reconciled_at is None or now - state.reconciled_at > 3 * reconcile_every:
        why.append("the billing system's books have not been read for three intervals")
    return {
        "ready": not why,
        "why": why,
        "distrust": state.distrust,
        "withheld": held_back.code if held_back else "",
        "revision": state.revision,
        "reconciled_at": state.reconciled_at.isoformat() if state.reconciled_at else None,
    }
