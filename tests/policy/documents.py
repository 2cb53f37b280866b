"""Policy documents as a parser of TOML gives them, and what is wrong with them."""

from datetime import timedelta
from typing import Any

import pytest

from gatekeeper.policy.reading import PolicyInvalid, policy_from
from gatekeeper.policy.segments import Policy, Surroundings

COURTESY = {"kind": "courtesy", "before": "3 days"}
REMINDER = {"kind": "reminder", "after": "0 days"}
WARNING = {"kind": "warning", "after": "14 days"}
RESTRICT = {"kind": "restrict", "after": "5 days"}
SUSPEND = {"kind": "suspend", "after": "5 days"}
LADDER = [REMINDER, WARNING, SUSPEND]
WORLD = Surroundings(currencies={"eur", "jpy", "mxn"}, countries={"MX", "PL", "SA"})


def read(document: dict[str, Any], surroundings: Surroundings = WORLD) -> Policy:
    return policy_from(document, surroundings, first_run_age_limit=timedelta(days=120))


def faults_of(document: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as refused:
        read(document)
    assert str(refused.value) == "\n".join(refused.value.faults)
    assert len(refused.value.places) == len(refused.value.faults)
    return refused.value.faults


def places_of(document: dict[str, Any]) -> list[str]:
    return [fault.partition(": ")[0] for fault in faults_of(document)]
