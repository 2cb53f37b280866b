"""Reasons are kept as JSON and come back as they were."""

import json
from datetime import UTC, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.ledger.rows import reasons_in, reasons_out
from gatekeeper.model import Money, Reason

ZONES = st.just(UTC) | st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
VALUES = st.one_of(
    st.text(),
    st.integers(),
    st.dates(),
    st.datetimes(timezones=ZONES),
    st.builds(Money, minor=st.integers(), currency=st.sampled_from(["eur", "jpy", "kwd"])),
)
PARAMS = st.dictionaries(st.text(min_size=1), VALUES, max_size=4).map(lambda params: tuple(params.items()))
REASONS = st.lists(st.builds(Reason, code=st.text(), params=PARAMS), max_size=4).map(tuple)


@given(reasons=REASONS)
def test_reasons_come_back_as_they_were(reasons: tuple[Reason, ...]) -> None:
    kept = reasons_in(json.loads(json.dumps(reasons_out(reasons))))

    assert kept == reasons
    assert [[type(value) for _, value in reason.params] for reason in kept] == [
        [type(value) for _, value in reason.params] for reason in reasons
    ]
