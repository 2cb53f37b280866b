"""The ways to tell nginx who is asking that the shipped configuration gives in comments, put in and run."""

from pathlib import Path

import pytest

from tests.kit.edges.nginx import alternative
from tests.kit.street import built_street

pytestmark = pytest.mark.peer("nginx")


@pytest.mark.parametrize(("trusted", "expected"), [("127.0.0.1", 402), ("192.0.2.10", 200)])
def test_a_proxy_in_front_is_believed_at_its_own_address_only(tmp_path: Path, trusted: str, expected: int) -> None:
    with built_street(tmp_path, alternative(2).replace("192.0.2.10", trusted)) as street:
        assert street.visit("any", X_Account_Id="late").status_code == expected
        street.product.requests.clear()
        assert street.visit("any", X_Account_Id="good").status_code == 200
        assert street.product.requests[0].header("X-Account-Id") == (["good"] if expected == 402 else [])


def test_of_two_accounts_named_by_a_proxy_in_front_the_product_sees_none_or_the_judged_one(tmp_path: Path) -> None:
    """Version 1.22 takes the first of a repeated header; 1.23 and later join them, and the gate refuses the two."""
    with built_street(tmp_path, alternative(2).replace("192.0.2.10", "127.0.0.1")) as street:
        street.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Account-Id: good\r\nX-Account-Id: late\r\n\r\n")
        assert [seen.header("X-Account-Id") for seen in street.product.requests] in ([], [["good"]])
        street.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Account-Id: late\r\nX-Account-Id: good\r\n\r\n")
        assert len(street.product.requests) <= 1


def test_the_products_own_session_says_who_is_asking(tmp_path: Path) -> None:
    config = alternative(3)
    gated = config.rindex("listen 80 default_server;")
    config = config[:gated] + "listen unix:/run/nginx-gated.sock;" + config[gated + len("listen 80 default_server;") :]
    with built_street(tmp_path, config) as street:
        assert street.visit("any", Cookie="session=late", X_Account_Id="good").status_code == 402
        assert street.visit("any", Cookie="session=good", X_Account_Id="late").status_code == 200
        assert street.product.requests[-1].header("X-Account-Id") == ["good"]
        assert street.visit("any", X_Account_Id="late").status_code == 200
        assert street.product.requests[-1].header("X-Account-Id") == []
        assert street.visit("any", "/form", method="POST", body=b"x" * 100_000, Cookie="session=good").status_code == 200
        assert street.product.requests[-1].body == b"x" * 100_000
