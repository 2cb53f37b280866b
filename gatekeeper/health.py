"""/livez: this process answers. /readyz: it can do its work, and if not, what is in the way.

Stripe's health is in neither: with Stripe or the worker gone, the lockout page and the webhooks are needed most, and whoever
takes an unready part out of service would take them away. What does not stop this part is said beside
`ready`: the brake, for one, holds closings and no page.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.hook_reader import HookReader, Telling
from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Reason

_NO_STORE: Final = {"Cache-Control": "no-store"}
_STALE_AFTER: Final = 3


def routes(
    *,
    reader: Reader,
    brake: BrakeReader,
    hooks: HookReader,
    withheld: Callable[[], Reason | None],
    clock: Callable[[], datetime],
    reconcile_every: timedelta,
) -> list[Route]:
    async def livez(_request: Request) -> Response:
        """On the event loop: it must not wait for a thread behind questions to a database that hangs."""
        return PlainTextResponse("ok\n", headers=_NO_STORE)

    def readyz(_request: Request) -> Response:
        try:
            report = _report(reader, withheld, clock(), reconcile_every)
            report |= {"brake": [one.cause for one in brake.engaged()], "hooks": _hooks(hooks.telling())}
        except Exception as fault:  # noqa: BLE001 - whatever the database raises, the answer is that it does not answer
            report = {"ready": False, "why": [f"the ledger does not answer ({type(fault).__name__})"]}
        return JSONResponse(report, 200 if report["ready"] else 503, headers=_NO_STORE)

    return [Route("/livez", livez), Route("/readyz", readyz)]


def _report(reader: Reader, withheld: Callable[[], Reason | None], now: datetime, reconcile_every: timedelta) -> dict[str, Any]:
    """`stale`: the books have not been read whole for three intervals. `withheld`: `halted`, `dry_run`, or empty."""
    state, held_back = reader.state(), withheld()
    read_at = state.reconciled_at
    why = [] if read_at is not None else ["the billing system's books have not been read whole yet"]
    return {
        "ready": not why,
        "why": why,
        "stale": read_at is None or now - read_at > _STALE_AFTER * reconcile_every,
        "unheard_since_at": state.unheard_since_at.isoformat() if state.unheard_since_at else None,
        "distrust": state.distrust,
        "withheld": held_back.code if held_back else "",
        "revision": state.revision,
        "reconciled_at": read_at.isoformat() if read_at else None,
    }


def _hooks(telling: Telling) -> dict[str, Any]:
    """`given_up`: accounts of whose standing the product was not told in three days. `gone`: it wants to hear nothing more."""
    return {"waiting": telling.waiting, "given_up": telling.given_up, "gone": telling.gone}
