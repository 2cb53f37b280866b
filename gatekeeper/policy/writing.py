"""Who of an account is written to next, and who cannot be told at all. One letter a person, whatever the person belongs to."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Final

from gatekeeper.model import Audience, Facts, Notice, NoticeState, PlannedNotice, Reason
from gatekeeper.policy.evidence import LONG_AGO
from gatekeeper.policy.people import AUDIENCES, reachable
from gatekeeper.policy.rules import LadderStep, Rules

_UNDER_WAY: Final = (NoticeState.PLANNED, NoticeState.SENDING, NoticeState.DEFERRED)
_FAILED: Final = (NoticeState.REFUSED, NoticeState.BOUNCED)
_LOST: Final = (*_FAILED, NoticeState.UNCERTAIN)


def people(facts: Facts) -> dict[str, tuple[Audience, ...]]:
    """Every person to be written to once, by address, with all audiences that the person belongs to (case 61).

    Whom this case's letters could not reach gives way to the next who is known, if there is one (case 46).
    """
    lost = failed(facts)
    reached = reachable(facts.contacts, lost)
    anybody = reachable(facts.contacts, ()) if lost else reached
    found: dict[str, list[Audience]] = {}
    for audience in AUDIENCES:
        for address in reached[audience] or anybody[audience]:
            found.setdefault(address, []).append(audience)
    return {address: tuple(found[address]) for address in sorted(found)}


def failed(facts: Facts) -> set[str]:
    """The addresses that refused one of this case's letters, or sent it back."""
    return {notice.address for notice in facts.notices if notice.state in _FAILED}


class Mailing:
    """The letters of one step: which people it still has to go to. `lineage`: of the lead, whom the step is about."""

    def __init__(self, facts: Facts, rules: Rules, place: int, lineage: str, since: datetime = LONG_AGO) -> None:
        self._facts = facts
        self._rules = rules
        self._place = place
        self._step: LadderStep = rules.steps[place]
        self._lineage = lineage
        self._since = since
        self._people = people(facts)

    def letters(
        self, lacking: Collection[Audience], named: tuple[str, ...], suspend_on: date | None = None
    ) -> tuple[PlannedNotice, ...]:
        """The notices for the audiences that lack this step: none to whom one is under way, or has failed."""
        planned = []
        for address, audiences in self._people.items():
            if not any(audience in lacking for audience in audiences) or self._tries(address):
                continue
            said = [n.occasion for n in self._facts.notices if n.address == address and self._is_like(n)]
            notice = PlannedNotice(
                step=self._step.kind,
                name=self._step.name,
                occasion=1 + max(said, default=0),
                audiences=audiences,
                address=address,
                named=named,
                suspend_on=suspend_on,
                closes=self._rules.announced(self._place) if suspend_on else None,
            )
            planned.append(notice)
        return tuple(planned)

    def _is_like(self, notice: Notice) -> bool:
        """Whether the ledger could take both for one: it knows no version, and a name may have meant another step before."""
        return notice.step is self._step.kind or notice.name == self._step.name

    def reason(self, audience: Audience, planned: Collection[PlannedNotice]) -> Reason:
        """How it stands with the letter to this audience."""
        if any(audience in notice.audiences for notice in planned):
            code = f"{self._step.kind}_now"
        else:
            code = self._not_arrived(audience)
        return Reason(code=code, params=(("audience", audience.value),))

    def _not_arrived(self, audience: Audience) -> str:
        """`unreachable`: no address, or each of them refused (case 46); `in_doubt`: nobody knows, and nobody tries any more."""
        tries = [self._tries(address) for address, audiences in self._people.items() if audience in audiences]
        if all(notices and all(notice.state in _FAILED for notice in notices) for notices in tries):
            return "unreachable"
        ended = [notices and all(n.state in _LOST and n.next_try_at is None for n in notices) for notices in tries]
        return "in_doubt" if all(ended) else f"{self._step.kind}_under_way"

    def _tries(self, address: str) -> list[Notice]:
        """What stands against writing again: a letter that is under way, whatever it names, or one of the lead that got lost.

        An accepted one that counts leaves nothing lacking; an accepted one that does not count must not be in the way.
        """
        return [
            notice
            for notice in self._facts.notices
            if notice.address == address
            and notice.planned_at >= self._since
            and (notice.state in _UNDER_WAY or (notice.state in _LOST and self._lineage in notice.named))
            and self._rules.place_of(notice) == self._place
        ]


def unreachable(facts: Facts, rules: Rules) -> tuple[Audience, ...]:
    """The required audiences without a single address: seen at once, not on the day when the warning is due."""
    reached = {contact.audience for contact in facts.contacts if contact.address.strip()}
    return tuple(audience for audience in rules.audiences if audience not in reached)
