"""`brake show`, `brake release`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatekeeper.cli.opening import FAILED, as_json, author, opened, table

if TYPE_CHECKING:
    from gatekeeper.policy.brake import Engaged
    from gatekeeper.wiring.house import House

_CAUSES = ("cap", "anomaly", "blind", "clock")


@click.group()
def brake() -> None:
    """What holds every suspension and restriction, until a person lets go."""


@brake.command()
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def show(config: Path | None, *, json_wanted: bool) -> None:
    """Whether the brake holds, why, since when, how many accounts wait, and what to do."""
    with opened(config) as house:
        held, said = house.brake_reader.engaged(), _state(house)
        if json_wanted:
            as_json({"engaged": [_fields(house, one) for one in held]} | said)
            return
        if not held:
            print("The brake does not hold.\n")
        for one in held:
            print(f"{_sentence(house, one.why)}\n  since {one.set_at:%Y-%m-%d %H:%M} UTC\n  > {_advice(house, one)}\n")
        if held:
            waiting = "1 account waits" if said["waiting"] == 1 else f"{said['waiting']} accounts wait"
            print(f"{waiting}. To let them go on: gatekeeper brake release --reason TEXT\n")
    hour, day, level = said["last_hour"], said["last_day"], said["past_due"]
    limit = "too few days to compare with" if level["limit"] is None else str(level["limit"])
    table(
        ("", "NOW", "LIMIT"),
        [
            ("closings in the last hour", str(hour["used"]), str(hour["cap"])),
            ("closings in the last day", str(day["used"]), str(day["cap"])),
            ("still allowed beyond these", str(said["allowance"]), ""),
            ("accounts past due", str(level["now"]), limit),
        ],
    )


@brake.command()
@click.option("--reason", required=True, help="Why it is right to go on, for the audit row.")
@click.option("--cause", type=click.Choice(_CAUSES), help="Only this one; else everything that holds.")
@click.pass_obj
def release(config: Path | None, *, reason: str, cause: str | None) -> None:
    """Let go: what was held is looked at again, and may go on."""
    from gatekeeper.policy.brake import Cause

    if not reason.strip():
        raise click.UsageError("Say why with --reason.")
    with opened(config) as house:
        released = house.writer.brakes.release(
            [Cause(cause)] if cause else list(Cause), reason=reason, author=author(), now=house.clock()
        )
    if not released:
        print("Nothing to release: the brake does not hold" + (f" for the cause {cause}." if cause else "."))
        raise click.exceptions.Exit(FAILED)
    for one in released:
        wanted = dict(one.why.params).get("wanted")
        print(f"Released: {one.cause}." + (f" Within 24 hours {wanted} closings may pass beyond the caps." if wanted else ""))


def _state(house: "House") -> dict[str, Any]:
    from gatekeeper.policy.brake import unusual_above

    now, limits = house.clock(), house.limits
    used, level = house.brake_reader.usage(now), house.brake_reader.level(now)
    return {
        "waiting": house.brake_reader.waiting(),
        "last_hour": {"used": used.last_hour, "cap": limits.caps.per_hour},
        "last_day": {"used": used.last_day, "cap": limits.caps.per_day},
        "allowance": used.allowance,
        "past_due": {
            "now": level.past_due,
            "baseline": list(level.baseline),
            "limit": unusual_above(level.baseline, few=limits.few, accepted=level.accepted),
        },
    }


def _fields(house: "House", one: "Engaged") -> dict[str, Any]:
    params = dict(one.why.params)
    return {
        "cause": one.cause,
        "since_at": one.set_at,
        "why": _sentence(house, one.why),
        "what_to_do": _advice(house, one),
        "params": params,
    }


def _advice(house: "House", one: "Engaged") -> str:
    from gatekeeper.model import Reason

    return _sentence(house, Reason(code=f"check_{one.cause}"))


def _sentence(house: "House", reason: Any) -> str:
    return house.wording.sentence(reason, house.settings.product.locale)


COMMANDS = (brake,)
