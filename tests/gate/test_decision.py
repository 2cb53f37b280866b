"""Who is let in: the whole table."""

import itertools

import pytest

from gatekeeper.gate.decision import LET_IN, OVERDUE, UNIDENTIFIED, Rules
from gatekeeper.gate.paths import OpenPaths
from gatekeeper.model import Standing

_RULES = Rules(OpenPaths(["/login"]), nobody_comes_in=True)
_STRICT = Rules(OpenPaths(["/login"]), nobody_comes_in=False)
_METHODS = [b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"get", b"GET, POST", b""]


@pytest.mark.parametrize("standing", [Standing.CURRENT, Standing.PAST_DUE])
@pytest.mark.parametrize("method", _METHODS)
def test_an_account_that_is_current_or_past_due_is_let_in_with_any_method(standing: Standing, method: bytes) -> None:
    assert _RULES.decide(b"acme", standing, method, b"/x") is LET_IN


@pytest.mark.parametrize("method", _METHODS)
def test_a_suspended_account_is_not_let_in_with_any_method(method: bytes) -> None:
    assert _RULES.decide(b"acme", Standing.SUSPENDED, method, b"/x") is OVERDUE


@pytest.mark.parametrize("method", _METHODS)
def test_a_restricted_account_may_read_and_not_write(method: bytes) -> None:
    expected = LET_IN if method in {b"GET", b"HEAD", b"OPTIONS"} else OVERDUE
    assert _RULES.decide(b"acme", Standing.RESTRICTED, method, b"/x") is expected


@pytest.mark.parametrize("standing", list(Standing))
def test_an_open_path_is_open_to_every_standing(standing: Standing) -> None:
    assert _RULES.decide(b"acme", standing, b"POST", b"/login") is LET_IN


def test_nobody_is_let_in_or_refused_as_the_settings_say_and_may_always_sign_in() -> None:
    assert _RULES.decide(b"", Standing.CURRENT, b"GET", b"/x") is LET_IN
    assert _STRICT.decide(b"", Standing.CURRENT, b"GET", b"/x") is UNIDENTIFIED
    assert _STRICT.decide(b"", Standing.CURRENT, b"GET", b"/login") is LET_IN


def test_a_malformed_identity_is_refused_whatever_else_the_request_is() -> None:
    for rules, method, uri in itertools.product([_RULES, _STRICT], _METHODS, [b"/x", b"/login", b""]):
        assert rules.decide(None, None, method, uri) is UNIDENTIFIED
