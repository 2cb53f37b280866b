"""What the words themselves promise."""

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate.fields import HeaderNames
from gatekeeper.gate.identity import identify
from gatekeeper.model import Money, is_account_id, sums


@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), min_size=1, max_size=140))
def test_an_account_id_is_exactly_what_the_gate_can_be_asked_about(text: str) -> None:
    fields = HeaderNames((b"x-account-id",)).read([(b"X-Account-Id", text.encode("latin-1"))])
    assert is_account_id(text) == (identify(fields, [b"x-account-id"]) == text.encode("latin-1"))


def test_currencies_are_never_added_together() -> None:
    amounts = [Money(minor=100, currency="eur"), Money(minor=5, currency="clp"), Money(minor=20, currency="eur")]
    assert sums(amounts) == (Money(minor=5, currency="clp"), Money(minor=120, currency="eur"))
