"""/metrics of the web part: the state of the house as Prometheus reads it (text format 0.0.4).

All of it is read from the ledger at the moment of asking, so any process with a web part tells the same, and nothing is lost
when one ends. No account, person or amount is named. What each name means stands in docs/operations.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Reason
from gatekeeper.policy.brake import Caps, Cause

_HEADERS: Final = {"Cache-Control": "no-store", "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
_NOTHING: Final = timedelta()


@dataclass(frozen=True, slots=True)
class _Gauge:
    """One value for each value of the label, or, without a label, one value under the empty text."""

    name: str
    text: str
    values: Mapping[Any, float]
    label: str = ""

    def lines(self) -> Iterator[str]:
        yield f"# HELP gatekeeper_{self.name} {self.text}"
        yield f"# TYPE gatekeeper_{self.name} gauge"
        for value, number in self.values.items():
            shown = f'{{{self.label}="{value}"}}' if self.label else ""
            yield f"gatekeeper_{self.name}{shown} {number:.15g}"


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
        return Response("".join(f"{line}\n" for gauge in gauges for line in gauge.lines()), headers=_HEADERS)

    return [Route("/metrics", metrics)]


def _of_the_brake(brake: BrakeReader, caps: Caps, now: datetime) -> list[_Gauge]:
    engaged, used = {one.cause for one in brake.engaged()}, brake.usage(now)
    return [
        _Gauge(
            "brake_engaged", "1 while the brake holds every closing.", {cause: cause in engaged for cause in Cause}, "cause"
        ),
        _Gauge("brake_waiting_accounts", "Accounts that the brake holds back.", {"": brake.waiting()}),
        _Gauge("brake_allowance", "Closings that a release still allows beyond the caps.", {"": used.allowance}),
        _Gauge(
            "closings",
            "Restrictions and suspensions that count against the caps.",
            {"hour": used.last_hour, "day": used.last_day},
            "window",
        ),
        _Gauge("closings_cap", "As many may count.", {"hour": caps.per_hour, "day": caps.per_day}, "window"),
    ]


def _of_the_house(reader: Reader, brake: BrakeReader, withheld: Callable[[], Reason | None], now: datetime) -> Iterator[_Gauge]:
    state, queues, why = reader.state(), brake.queues(), withheld()
    yield _Gauge("accounts", "Accounts by standing.", brake.standings(), "standing")
    if state.reconciled_at is not None:
        age = max(now - state.reconciled_at, _NOTHING).total_seconds()
        yield _Gauge("reconcile_age_seconds", "Since the billing system's books were last read whole.", {"": age})
    yield _Gauge("distrust", "1 while the billing system cannot be believed.", {"": bool(state.distrust)})
    yield _Gauge("withheld", "1 while nothing is sent or closed: dry run, halt, clock set back.", {"": bool(why)})
    lag = max(now - (queues.due_since_at or now), _NOTHING).total_seconds()
    yield _Gauge("review_lag_seconds", "How late the account is that has waited longest for a look.", {"": lag})
    yield _Gauge("events_waiting", "Events of the billing system that wait to be looked at.", {"": queues.events})
    yield _Gauge("snapshot_revision", "Revision of the standings; it never goes back.", {"": state.revision})


def _of_the_hooks(hooks: HookReader, now: datetime) -> list[_Gauge]:
    telling = hooks.telling()
    lag = max(now - (telling.waiting_since_at or now), _NOTHING).total_seconds()
    return [
        _Gauge("hooks_waiting", "Changes of standing that the product has not been told of yet.", {"": telling.waiting}),
        _Gauge("hooks_lag_seconds", "How long ago the oldest of them was.", {"": lag}),
        _Gauge("hooks_given_up_accounts", "Accounts of whose standing the product could not be told.", {"": telling.given_up}),
        _Gauge("hooks_gone", "1 since the product answered 410: it is told nothing more.", {"": telling.gone}),
    ]
