"""Which version of the policy an account is judged by: a running case keeps the one that it began with.

Where that one is gone, the case goes on under another, which takes the letters that were written for what they said.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from gatekeeper.model import Facts, Notice
from gatekeeper.policy.rules import LETTERS, Rules
from gatekeeper.policy.segments import Policy

RulesOf = Callable[[Facts], Rules]

_NONE_YET: Final = ""


class Policies:
    """`earlier` finds a version by its id; None: nobody has kept it, or this program cannot follow it any more.

    Then the current version takes the case over.
    """

    def __init__(self, current: Policy, earlier: Callable[[str], Policy | None]) -> None:
        self.current = current
        self._earlier = earlier
        self._known: dict[str, Policy] = {_NONE_YET: current, current.id: current}

    def rules_for(self, facts: Facts) -> Rules:
        found = self._known.get(facts.policy)
        if found is None:
            found = self._known[facts.policy] = self._earlier(facts.policy) or self.current
        return found.rules_for(facts)


def retold(notices: Sequence[Notice], rules: Rules) -> Sequence[Notice]:
    """The notices under the names of this ladder.

    One whose name it does not know takes the place that it had: the second reminder, whatever its name was, is the second.
    """
    strange = [one for one in notices if one.name and one.step in LETTERS and not rules.knows(one)]
    if not strange:
        return notices
    return tuple(replace(one, name=_name_here(one, notices, rules)) if one in strange else one for one in notices)


def _name_here(strange: Notice, notices: Sequence[Notice], rules: Rules) -> str:
    first_at: dict[str, datetime] = {}
    for one in notices:
        if (one.step, one.closes) == (strange.step, strange.closes):
            first_at[one.name] = min(one.planned_at, first_at.get(one.name, one.planned_at))
    place = sum(at < first_at[strange.name] for at in first_at.values())
    names = rules.names_like(strange)
    return names[min(place, len(names) - 1)] if names else strange.name
