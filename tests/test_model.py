"""What the words themselves promise."""

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate.fields import HeaderNames
from gatekeeper.gate.readers import Asked, Identifier
from gatekeeper.gate.sources import HeaderSource
from gatekeeper.model import Money, is_account_id, sums
from gatekeeper.wiring.clock import system_clock


@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), min_size=1, max_size=140))
def test_an_account_id_is_exactly_what_the_gate_can_be_asked_about(text: str) -> None:
    fields = HeaderNames((b"x-account-id",)).read([(b"X-Account-Id", text.encode("latin-1"))])
    named = Identifier([HeaderSource("X-Account-Id")], system_clock).identify(fields, Asked(b"GET", b"/"))
    assert is_account_id(text) == (named == text.encode("latin-1"))


def test_what_an_edge_says_of_nobody_is_no_account() -> None:
    assert not is_account_id("-")


def test_currencies_are_never_added_together() -> None:
    amounts = [Money(minor=100, currency="eur"), Money(minor=5, currency="clp"), Money(minor=20, currency="eur")]
    assert sums(amounts) == (Money(minor=5, currency="clp"), Money(minor=120, currency="eur"))
