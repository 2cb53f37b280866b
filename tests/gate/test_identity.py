"""Which account asks (case 83): one value, or none, or a refusal."""

import pytest

from gatekeeper.gate.fields import HeaderNames
from gatekeeper.gate.identity import AMBIGUOUS, MISSING, NOBODY, identify

_NAMES = (b"x-account-id", b"x-tenant")


def _identify(*headers: tuple[bytes, bytes]) -> bytes:
    return identify(HeaderNames([b"X-Account-Id", b"X-Tenant"]).read(headers), _NAMES)


def _one(*headers: tuple[bytes, bytes]) -> bytes:
    return identify(HeaderNames([b"X-Account-Id"]).read(headers), _NAMES[:1])


@pytest.mark.parametrize(
    "account", [b"acme", b"a", b"A" * 128, b"acct_000000000001", b"5b0c-11", b"a.b:c/d@e", b"{a}~", b"42", b"a;b", b"a\\b"]
)
@pytest.mark.parametrize("name", [b"X-Account-Id", b"x-account-id", b"X-ACCOUNT-ID"])
def test_one_plain_value_is_the_account(name: bytes, account: bytes) -> None:
    assert _identify((b"Host", b"x"), (name, account)) == account


def test_nobody_is_what_the_edge_says_and_no_header_is_not_saying_it() -> None:
    assert _one((b"X-Account-Id", b"")) == _one((b"X-Account-Id", b"-")) == NOBODY
    assert _one((b"Host", b"x"), (b"Cookie", b"account=acme")) == MISSING
    assert _one() == MISSING
    assert _identify((b"X-Account-Id", b"-")) == _identify((b"X-Tenant", b"")) == MISSING
    assert _identify((b"X-Account-Id", b"-"), (b"X-Tenant", b"")) == NOBODY
    assert _identify((b"X-Account-Id", b"-"), (b"X-Tenant", b"acme")) == b"acme"


@pytest.mark.parametrize(
    "value",
    [
        b"a,b",
        b"a, b",
        b"a b",
        b" a",
        b"a ",
        b"a\t",
        b'"a"',
        b"'a'",
        b"a\x00",
        b"a\x7f",
        b"a\x80",
        "é".encode(),
        b"A" * 129,
        b",",
    ],
)
def test_a_value_that_is_no_account_id_is_ambiguous(value: bytes) -> None:
    assert _identify((b"X-Account-Id", value)) == AMBIGUOUS


@pytest.mark.parametrize(
    "values", [(b"good", b"late"), (b"late", b"good"), (b"same", b"same"), (b"", b"good"), (b"good", b""), (b"", b"")]
)
def test_a_repeated_header_is_ambiguous(values: tuple[bytes, bytes]) -> None:
    assert _identify(*((b"X-Account-Id", value) for value in values)) == AMBIGUOUS
    assert _identify((b"X-Account-Id", values[0]), (b"Host", b"x"), (b"x-account-id", values[1])) == AMBIGUOUS


@pytest.mark.parametrize(
    "alias",
    [
        b"X_Account_Id",
        b"X.Account.Id",
        b"x_account-id",
        b"X-Account_Id",
        b"X!Account!Id",
        b"X#Account$Id",
        b"X%Account&Id",
        b"X'Account*Id",
        b"X+Account^Id",
        b"X`Account|Id",
        b"X~Account~Id",
        b"X_TENANT",
    ],
)
def test_a_header_that_some_servers_take_for_the_identity_is_ambiguous(alias: bytes) -> None:
    assert _identify((alias, b"good")) == AMBIGUOUS
    assert _identify((b"X-Account-Id", b"good"), (alias, b"good")) == AMBIGUOUS


@pytest.mark.parametrize("name", [b"X-Account", b"X-Account-Id2", b"XAccountId", b"X-Forwarded-User", b"Account-Id"])
def test_other_headers_say_nothing(name: bytes) -> None:
    assert _identify((name, b"late")) == MISSING


def test_two_identity_headers_must_agree() -> None:
    assert _identify((b"X-Account-Id", b"a"), (b"X-Tenant", b"a")) == b"a"
    assert _identify((b"X-Account-Id", b"a"), (b"X-Tenant", b"b")) == AMBIGUOUS
    assert _identify((b"X-Tenant", b"b")) == b"b"
    assert _identify((b"X-Account-Id", b""), (b"X-Tenant", b"b")) == b"b"


def test_names_are_remembered_up_to_a_bound() -> None:
    names = HeaderNames([b"X-Account-Id"])
    for number in range(3000):
        names.read([(b"X-%d-%s" % (number, b"x" * (number % 100)), b"x")])
    assert len(names) <= 1000
    assert max(map(len, names)) <= 64
    assert names.read([(b"X-Account-Id", b"a"), (b"X_Account_Id", b"b")]) == {b"x-account-id": b"a", b"(alias)": b"b"}
