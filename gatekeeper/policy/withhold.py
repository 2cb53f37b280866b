"""What is left of a verdict while nothing may climb: in a dry run, or after `halt`. Opening is never withheld (rule 3)."""

from typing import Final

from gatekeeper.model import Facts, Reason, Standing, Step, Verdict
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.rules import CLOSING

# Word of what becomes of access: goes with that, and needs no mention beside it
_OF_ACCESS: Final = (*CLOSING, Step.RESTORED)
_HEIGHT: Final = {standing: height for height, standing in enumerate(Standing)}


def closes(before: Standing, after: Standing) -> bool:
    """Whether this change takes access away, or more of it."""
    return after in CLOSED and _HEIGHT[after] > _HEIGHT[before]


def withhold(verdict: Verdict, facts: Facts, why: Reason) -> Verdict:
    """The verdict without its climb, and with what it would have done among the reasons."""
    climbs = _HEIGHT[verdict.standing] > _HEIGHT[facts.standing]
    held_back = [
        f"{notice.step} to {'/'.join(notice.audiences)}" for notice in verdict.notices if notice.step not in _OF_ACCESS
    ]
    if climbs:
        held_back.append(f"standing {verdict.standing}")
    if not held_back:
        return verdict
    would = Reason(code="would", params=(("what", ", ".join(held_back)),))
    return verdict._replace(
        standing=facts.standing if climbs else verdict.standing,
        notices=tuple(notice for notice in verdict.notices if notice.step is Step.RESTORED),
        read_first=(),
        reasons=(*verdict.reasons, would, why),
    )
