"""Who is let in: the whole table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate.decision import LET_IN, OVERDUE, Outcome, Passage, Rules
from gatekeeper.gate.identity import AMBIGUOUS, MISSING, NOBODY
from gatekeeper.model import Standing, plain_path

_RULES = Rules(["/login"], nobody_comes_in=True)
_STRICT = Rules(["/login"], nobody_comes_in=False)
_METHODS = [b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"get", b"GET, POST", b""]
_LEFT = ("/reports", "/data/export/")
_CURRENT, _SUSPENDED, _READING = map(_RULES.passage, (Standing.CURRENT, Standing.SUSPENDED, Standing.RESTRICTED))
_PARTS = _RULES.passage(Standing.RESTRICTED, _LEFT)

TARGETS = st.text("/.%25eEfF;\\#?@reports-logindata\x00", max_size=40).map(str.encode) | st.binary(max_size=40)


@pytest.mark.parametrize("standing", [Standing.CURRENT, Standing.PAST_DUE])
@pytest.mark.parametrize("method", _METHODS)
def test_an_account_that_is_current_or_past_due_is_let_in_with_any_method(standing: Standing, method: bytes) -> None:
    assert _RULES.decide(b"acme", _RULES.passage(standing), method, b"/x") is LET_IN


@pytest.mark.parametrize("method", _METHODS)
def test_a_suspended_account_is_not_let_in_with_any_method_but_to_ask_which_it_may_use(method: bytes) -> None:
    expected = LET_IN if method == b"OPTIONS" else OVERDUE
    assert _RULES.decide(b"acme", _SUSPENDED, method, b"/x") is expected


@pytest.mark.parametrize("method", _METHODS)
def test_a_restricted_account_may_read_and_not_write(method: bytes) -> None:
    expected = LET_IN if method in {b"GET", b"HEAD", b"OPTIONS"} else OVERDUE
    assert _RULES.decide(b"acme", _READING, method, b"/x") is expected


@pytest.mark.parametrize("method", _METHODS)
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (b"/reports", LET_IN),
        (b"/reports/2026?page=2", LET_IN),
        (b"/data/export", LET_IN),
        (b"/data/export/all.csv", LET_IN),
        (b"/login", LET_IN),
        (b"/", OVERDUE),
        (b"", OVERDUE),
        (b"/data", OVERDUE),
        (b"/reportsx", OVERDUE),
        (b"/x/reports", OVERDUE),
        (b"/reports/../admin", OVERDUE),
        (b"/reports/%2e%2e/admin", OVERDUE),
        (b"/admin?/reports", OVERDUE),
        (b"//reports", OVERDUE),
        (b"/REPORTS", OVERDUE),
    ],
)
def test_a_restriction_to_paths_leaves_those_with_any_method_and_no_other_even_to_read(
    method: bytes, uri: bytes, expected: object
) -> None:
    assert _RULES.decide(b"acme", _PARTS, method, uri) is (LET_IN if method == b"OPTIONS" else expected)


@given(st.sampled_from(_METHODS), st.sampled_from([b"", b"/reports", b"/data/export", b"/login"]), TARGETS)
def test_whatever_is_let_in_is_below_an_open_path_for_every_reader(method: bytes, start: bytes, tail: bytes) -> None:
    if _RULES.decide(b"acme", _PARTS, method, start + tail) is LET_IN and method != b"OPTIONS":
        path = plain_path(start + tail)
        assert path is not None
        assert any(f"{path.decode()}/".startswith(one) for one in ("/reports/", "/data/export/", "/login/"))
        assert not {b".", b".."} & set(path.split(b"/"))


@given(st.sampled_from(_METHODS), TARGETS)
def test_no_standing_is_let_in_where_a_better_one_is_not(method: bytes, uri: bytes) -> None:
    def let_in(passage: Passage) -> bool:
        return _RULES.decide(b"acme", passage, method, uri) is LET_IN

    assert let_in(_SUSPENDED) <= let_in(_READING) <= let_in(_CURRENT)
    assert let_in(_SUSPENDED) <= let_in(_PARTS) <= let_in(_CURRENT)


def test_paths_that_no_request_can_match_open_nothing_not_even_reading() -> None:
    for left in [("",), ("/",), ("reports",), ("/a%20b",), ("//",), ("/a/../b",), ("\ud800",)]:
        passage = _RULES.passage(Standing.RESTRICTED, left)
        for uri in (b"/", b"/x", b"/reports", b"/a b", b"/a%20b", b"/b", b""):
            assert _RULES.decide(b"acme", passage, b"GET", uri) is OVERDUE
        assert _RULES.decide(b"acme", passage, b"GET", b"/login") is LET_IN


def test_what_a_restriction_left_counts_for_no_other_standing() -> None:
    assert _RULES.decide(b"acme", _RULES.passage(Standing.SUSPENDED, _LEFT), b"GET", b"/reports") is OVERDUE


@pytest.mark.parametrize("standing", list(Standing))
def test_an_open_path_is_open_to_every_standing(standing: Standing) -> None:
    assert _RULES.decide(b"acme", _RULES.passage(standing), b"POST", b"/login") is LET_IN


def test_nobody_is_let_in_or_refused_as_the_settings_say_and_may_always_sign_in() -> None:
    assert _RULES.decide(NOBODY, _CURRENT, b"GET", b"/x") is LET_IN
    assert _STRICT.decide(NOBODY, _CURRENT, b"GET", b"/x") is Outcome.ANONYMOUS
    assert _STRICT.decide(NOBODY, _CURRENT, b"GET", b"/login") is LET_IN


def test_where_the_edge_does_not_say_who_asks_only_what_is_open_to_everybody_is_open() -> None:
    for rules in (_RULES, _STRICT):
        assert rules.decide(MISSING, _CURRENT, b"GET", b"/x") is Outcome.MISSING
        assert rules.decide(MISSING, _CURRENT, b"POST", b"/login") is LET_IN
        assert rules.decide(MISSING, _CURRENT, b"OPTIONS", b"/x") is LET_IN


def test_an_ambiguous_identity_is_refused_whatever_else_the_request_is() -> None:
    for rules, method, uri in itertools.product([_RULES, _STRICT], _METHODS, [b"/x", b"/login", b""]):
        assert rules.decide(AMBIGUOUS, _CURRENT, method, uri) is Outcome.AMBIGUOUS
