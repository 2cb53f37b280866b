"""What is said beside the ladder: access was closed or is back, a promise is confirmed, somebody cannot be reached.

Such a word is no step, and evidence of nothing. Each goes once to every person whom it is for.
"""

from collections.abc import Iterable
from datetime import datetime

from gatekeeper.model import Audience, Facts, NoticeState, PlannedNotice, Standing, Step
from gatekeeper.policy import holds
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.people import reachable
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.withhold import closes
from gatekeeper.policy.writing import failed, people


def word_of_access(facts: Facts, after: Standing) -> tuple[PlannedNotice, ...]:
    """To everybody of the account: access was closed, or more of it, or it is back."""
    if closes(facts.standing, after):
        step = Step.SUSPEND if after is Standing.SUSPENDED else Step.RESTRICT
    elif facts.standing in CLOSED and after not in CLOSED:
        step = Step.RESTORED
    else:
        return ()
    occasion = 1 + max([notice.occasion for notice in facts.notices if notice.step is step], default=0)
    return tuple([PlannedNotice(step, occasion, audiences, address, ()) for address, audiences in people(facts).items()])


def word_of_promise(facts: Facts, rules: Rules, now: datetime) -> tuple[PlannedNotice, ...]:
    """To everybody of the account: what was promised is written down the same day (practice P14).

    `occasion`: which of the account's promises it is. Before that is confirmed nothing must be in question.
    """
    promised = holds.promised(facts, rules, now)
    if promised is None or facts.distrust or holds.dispute(facts) is not None:
        return ()
    occasion, _ = promised
    told = {notice.address for notice in facts.notices if notice.step is Step.PROMISED and notice.occasion == occasion}
    return tuple(
        PlannedNotice(step=Step.PROMISED, occasion=occasion, audiences=audiences, address=address, named=())
        for address, audiences in people(facts).items()
        if address not in told
    )


def word_of_the_unreachable(facts: Facts, missing: Iterable[Audience]) -> tuple[PlannedNotice, ...]:
    """To those who can be reached: nobody of this audience, which is the notice's `name`, could be (case 46)."""
    planned = []
    for audience in missing:
        for address in _others(facts, audience):
            said = [one for one in facts.notices if (one.step, one.name, one.address) == (Step.UNREACHABLE, audience, address)]
            if all(one.state is NoticeState.WITHDRAWN for one in said):
                occasion = 1 + max((one.occasion for one in said), default=0)
                others = people(facts)[address]
                planned.append(PlannedNotice(Step.UNREACHABLE, occasion, others, address, (), name=audience.value))
    return tuple(planned)


def is_unreachable(facts: Facts, audience: Audience) -> bool:
    """Whether no address of this audience is known, or each of them failed."""
    return not reachable(facts.contacts, failed(facts))[audience]


def unreached(facts: Facts, audience: Audience) -> tuple[str, ...]:
    """The addresses of this audience that failed, in order."""
    known = {one.address.strip().lower() for one in facts.contacts if one.audience is audience}
    return tuple(sorted(known & failed(facts)))


def _others(facts: Facts, audience: Audience) -> list[str]:
    """The addresses that work, of people who are not of this audience."""
    lost = failed(facts)
    return [address for address, audiences in people(facts).items() if audience not in audiences and address not in lost]
