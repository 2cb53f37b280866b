from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.wording import mask
from gatekeeper.wording.views import oldest_first, plain
from tests.wording.samples import NEWER, OLDER, PRODUCT, REMINDER


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("ana@example.com", "a•••@example.com"),
        ("Ünal@example.com", "Ü•••@example.com"),
        ('"a b"@example.com', "•••@example.com"),
        ("a@b@example.com", "a•••@example.com"),
        ("@example.com", "•••@example.com"),
        ("ana@", "a•••@"),
        ("nobody", "•••"),
        ("", "•••"),
        ("a\r\nBcc: x@example.com", "a•••@example.com"),
    ],
)
def test_a_masked_address_shows_one_letter_and_the_domain(address: str, masked: str) -> None:
    assert mask(address) == masked


@given(local=st.text(min_size=2), domain=st.from_regex(r"[a-z]{1,8}\.[a-z]{2,4}", fullmatch=True))
def test_masking_never_shows_more_than_one_character_of_the_local_part(local: str, domain: str) -> None:
    shown, _, _ = mask(f"{local}@{domain}").partition("•••")
    assert len(shown) <= 1
    assert mask(f"{local}@{domain}").endswith(f"•••@{domain}")


@pytest.mark.parametrize(
    "hostile",
    ["a\r\nBcc: b", "a\u2028b", "a\x00b", "a\u202eb", "a\u2066b\u2069c", "a\x1b[31mb", "a\u200fb", "a\ud800b", " a\tb "],
)
def test_names_become_one_line_without_controls_and_direction_marks(hostile: str) -> None:
    name = replace(REMINDER, account_name=hostile).account_name
    assert name == plain(hostile)
    assert name.startswith("a ")
    assert name.isprintable()


def test_joiners_stay_because_persian_names_need_them() -> None:
    assert plain("نمی\u200cخور") == "نمی\u200cخور"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "ftp://x.example",
        "https://",
        "https://a;script-src *",
        "/pay/x",
    ],
)
def test_a_view_refuses_addresses_that_are_not_on_the_web(address: str) -> None:
    with pytest.raises(ValueError, match=r"Owed\.pay_url must be http"):
        replace(OLDER, pay_url=address)
    with pytest.raises(ValueError, match=r"Product\.logo_url must be http"):
        replace(PRODUCT, logo_url=address)


@pytest.mark.parametrize("address", ["https://a.example", "http://127.0.0.1:8402/pay/x", "http://[::1]:8402/pay/x?a=1"])
def test_a_view_takes_web_addresses(address: str) -> None:
    assert replace(OLDER, pay_url=address).pay_url == address


def test_invoices_come_in_the_order_in_which_they_fell_due() -> None:
    undated = replace(NEWER, due_on=None, number="A")
    same_day = replace(OLDER, number="ACME-0001")
    assert oldest_first([undated, NEWER, OLDER, same_day]) == (same_day, OLDER, NEWER, undated)
    assert OLDER.due_on == date(2026, 12, 1)
