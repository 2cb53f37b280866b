"""/metrics of the web part: the state of the house as Prometheus reads it (text format 0.0.4).

All of it is read from the ledger at the moment of asking, so any process with a web part tells the same, and nothing is lost
when one ends. No account, person or amount is named. What each name means stands in docs/operations.md.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.exposition import CONTENT_TYPE, Series, exposed
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Reason
from gatekeeper.policy.brake import Caps, Cause

_HEADERS: Final = {"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE}
_NOTHING: Final = timedelta()


def routes(
    *,
    reader: Reader,
    brake: BrakeReader,
    hooks: HookReader,
    caps: Caps,
    withheld: Callable[[], Reason | None],
    clock: Callable[[], datetime],
) -> list[Route]:
    def metrics(_request: Request) -> Response:
        try:
            gauges = [*_of_the_brake(brake, caps, clock()), *_of_the_house(reader, brake, withheld, clock())]
            gauges += _of_the_hooks(hooks, clock())
        except Exception as fault:  # noqa: BLE001 - whatever the database raises, there are no numbers without it
            said = f"the ledger does not answer ({type(fault).__name__})\n"
            return PlainTextResponse(said, 503, headers={"Cache-Control": "no-store"})
        return Response(exposed(gauges), headers=_HEADERS)

    return [Route("/metrics", metrics)]


def _of_the_brake(brake: BrakeReader, caps: Caps, now: datetime) -> list[Series]:
    engaged, used = {one.cause for one in brake.engaged()}, brake.usage(now)
    return [
        Series(
            "brake_engaged", "1 while the brake holds every closing.", {cause: cause in engaged for cause in Cause}, "cause"
        ),
        Series("brake_waiting_accounts", "Accounts that the brake holds back.", {"": brake.waiting()}),
        Series("brake_allowance", "Closings that a release still allows beyond the caps.", {"": used.allowance}),
        Series(
            "closings",
            "Restrictions and suspensions that count against the caps.",
            {"hour": used.last_hour, "day": used.last_day},
            "window",
        ),
        Series("closings_cap", "As many may count.", {"hour": caps.per_hour, "day": caps.per_day}, "window"),
    ]


def _of_the_house(reader: Reader, brake: BrakeReader, withheld: Callable[[], Reason | None], now: datetime) -> Iterator[Series]:
    state, queues, why = reader.state(), brake.queues(), withheld()
    yield Series("accounts", "Accounts by standing.", brake.standings(), "standing")
    if state.reconciled_at is not None:
        age = max(now - state.reconciled_at, _NOTHING).total_seconds()
        yield Series("reconcile_age_seconds", "Since the billing system's books were last read whole.", {"": age})
    yield Series("distrust", "1 while the billing system cannot be believed.", {"": bool(state.distrust)})
    yield Series("withheld", "1 while nothing is sent or closed: dry run, halt, clock set back.", {"": bool(why)})
    lag = max(now - (queues.due_since_at or now), _NOTHING).total_seconds()
    yield Series("review_lag_seconds", "How late the account is that has waited longest for a look.", {"": lag})
    yield Series("events_waiting", "Events of the billing system that wait to be looked at.", {"": queues.events})
    yield Series("snapshot_revision", "Revision of the standings; it never goes back.", {"": state.revision})


def _of_the_hooks(hooks: HookReader, now: datetime) -> list[Series]:
    telling = hooks.telling()
    lag = max(now - (telling.waiting_since_at or now), _NOTHING).total_seconds()
    return [
        Series("hooks_waiting", "Changes of standing that the product has not been told of yet.", {"": telling.waiting}),
        Series("hooks_lag_seconds", "How long ago the oldest of them was.", {"": lag}),
        Series("hooks_given_up_accounts", "Accounts of whose standing the product could not be told.", {"": telling.given_up}),
        Series("hooks_gone", "1 since the product answered 410: it is told nothing more.", {"": telling.gone}),
    ]
