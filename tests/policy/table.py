"""Rows of the policy tables: a sentence, an account at a moment, and what the policy says of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gatekeeper.model import Audience, Facts, Standing, Step
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from tests.kit.builders import facts, invoice, reminded, warned

RULES = Rules()
CURRENT, PAST_DUE, SUSPENDED = Standing.CURRENT, Standing.PAST_DUE, Standing.SUSPENDED
REMIND = {"reminder to accountant", "reminder to user"}
WARN = {"warning to accountant", "warning to user"}
SUSPEND = {"suspend to accountant", "suspend to user"}
RESTORE = {"restored to accountant", "restored to user"}
CONFIRM = {"promised to accountant", "promised to user"}


@dataclass(frozen=True, kw_only=True)
class Row:
    now: datetime
    known: Facts
    standing: Standing
    asks: set[str] = field(default_factory=set)
    says: set[str] = field(default_factory=set)
    rules: Rules = RULES

    def check(self) -> None:
        verdict = decide(self.known, self.rules, self.now)

        assert verdict.standing is self.standing
        assert {f"{notice.step} to {'+'.join(notice.audiences)}" for notice in verdict.notices} == self.asks | self._word
        assert self.says <= {reason.code for reason in verdict.reasons}

    @property
    def _word(self) -> set[str]:
        """What goes without saying: whoever is suspended is told."""
        return SUSPEND if self.standing is SUSPENDED is not self.known.standing else set()


def row(sentence: str, now: datetime, known: Facts, standing: Standing, **expected: Any) -> Any:
    """`asks`: the notices that are asked for, none unless given. `says`: codes that must be among the reasons."""
    return pytest.param(Row(now=now, known=known, standing=standing, **expected), id=sentence)


def told(now: datetime, *, read: float = 0, **changes: Any) -> Facts:
    """Both were reminded on day 0 and warned on day 14; the invoice was read `read` seconds before `now`."""
    read_at = now - timedelta(seconds=read)
    return facts(**({"invoices": (invoice(read=read_at),), "notices": reminded() + warned()} | changes))


def half_told(now: datetime, step: Step, audience: Audience, **changes: Any) -> Facts:
    """As `told`, but for one notice of one audience."""
    notices = tuple(
        replace(notice, **changes) if (notice.step, *notice.audiences) == (step, audience) else notice
        for notice in reminded() + warned()
    )
    return told(now, notices=notices)
