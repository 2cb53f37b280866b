"""Which version of the policy an account is judged by: a running case keeps the one that it began with."""

from collections.abc import Callable
from typing import Final

from gatekeeper.model import Facts
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.segments import Policy

RulesOf = Callable[[Facts], Rules]

_NONE_YET: Final = ""


class Policies:
    """`earlier` finds a version by its id; None: nobody has kept it, or this program cannot follow it any more.

    Then the current version takes the case over: names of steps that it does not know count as the first of their kind.
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
