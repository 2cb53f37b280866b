"""`why`, as a colleague would answer: what is owed, what was said to whom, what holds or comes next, what would change it."""

from collections.abc import Iterable, Sequence
from typing import Final

from gatekeeper.model import Audience, Reason, Standing
from gatekeeper.policy.explain import N_

OPENINGS: Final = {
    Standing.CURRENT: N_("%(account)s is in good standing."),
    Standing.PAST_DUE: N_("%(account)s is past due; access is open."),
    Standing.RESTRICTED: N_("%(account)s is restricted since %(since)s: only part of the product is open to it."),
    Standing.SUSPENDED: N_("%(account)s is suspended since %(since)s: access is closed until the payment arrives."),
}
NEXT_LOOK: Final = N_("The next look is on %(on)s at %(time)s (%(zone)s), or as soon as something changes.")
NO_NEXT_LOOK: Final = N_("Time alone changes nothing here; gatekeeper looks again as soon as something changes.")

_OWED: Final = frozenset({"owes", "small", "too_old", "processing", "doubtful", "uncollectible", "nothing_overdue"})
_SAID: Final = frozenset({"reminded", "warned", "warned_of_restriction", "promise_broken"})
# Said once for several audiences, where nothing but the audience differs
_SHARED: Final = _SAID | {"reminder_now", "warning_now", "reminder_under_way", "warning_under_way"}


def paragraphs(reasons: Iterable[Reason]) -> tuple[tuple[Reason, ...], ...]:
    """The reasons in the order in which one would tell them: what is owed, what was said, and how it stands now."""
    told = shared(tuple(reasons))
    groups = (
        tuple(reason for reason in told if reason.code in _OWED),
        tuple(reason for reason in told if reason.code in _SAID),
        tuple(reason for reason in told if reason.code not in _OWED | _SAID),
    )
    return tuple(group for group in groups if group)


def shared(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The same reasons, those that differ only in their audience told in one."""
    told: dict[Reason, list[str]] = {}
    for reason in reasons:
        if reason.code in _SHARED:
            rest = tuple((name, value) for name, value in reason.params if name != "audience")
            told.setdefault(Reason(code=reason.code, params=rest), []).append(str(dict(reason.params).get("audience", "")))
        else:
            told.setdefault(reason, [])
    return tuple(_with_audiences(reason, audiences) for reason, audiences in told.items())


def _with_audiences(reason: Reason, audiences: Sequence[str]) -> Reason:
    named = [audience.value for audience in Audience if audience.value in audiences]
    return reason._replace(params=(("audience", "+".join(named)), *reason.params)) if named else reason
