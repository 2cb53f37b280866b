"""The cap on suspensions: all of a batch or none of it, by the hour and by the day."""

import pytest

from gatekeeper.policy.brake import Caps, permits

CAPS = Caps(per_hour=10, per_day=30)


@pytest.mark.parametrize(
    ("wanted", "last_hour", "last_day", "permitted"),
    [
        pytest.param(10, 0, 0, True, id="as many as an hour may see"),
        pytest.param(11, 0, 0, False, id="one more: none at all"),
        pytest.param(4, 6, 6, True, id="together with those of the last hour"),
        pytest.param(5, 6, 6, False, id="one more than that"),
        pytest.param(5, 0, 25, True, id="together with those of the last day"),
        pytest.param(6, 0, 25, False, id="one more than that day may see"),
    ],
)
def test_a_batch_begins_only_if_all_of_it_may(wanted: int, last_hour: int, last_day: int, permitted: bool) -> None:
    assert permits(CAPS, wanted=wanted, last_hour=last_hour, last_day=last_day) is permitted
