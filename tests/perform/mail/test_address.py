"""Which addresses can be written to."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.perform.mail.address import AddressInvalid, ascii_address, ascii_domain, mailbox


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("ana@customer.example", "ana@customer.example", id="a plain one stays as it is"),
        pytest.param(" ana@customer.example\n", "ana@customer.example", id="space around it is dropped"),
        pytest.param("Ana.O'Neil+x@Customer.Example", "Ana.O'Neil+x@customer.example", id="only the domain loses its case"),
        pytest.param("pagos@ñandú.example", "pagos@xn--and-6ma2c.example", id="a domain beyond ASCII is written in ASCII"),
        pytest.param("x@straße.example", "x@xn--strae-oqa.example", id="ß is not ss: that is another company's domain"),
        pytest.param("a" * 64 + "@b.example", "a" * 64 + "@b.example", id="64 characters before the @ are the most"),
    ],
)
def test_an_address_is_put_into_ascii(text: str, address: str) -> None:
    assert ascii_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@customer.example",
        "ana@",
        "ana@customer",
        "ana@.example",
        "ana@customer.example.",
        "ana@customer..example",
        "ana@1.2.3.4",
        "ana@[127.0.0.1]",
        "ana@-customer.example",
        "ana@cust_omer.example",
        "a na@customer.example",
        "a..na@customer.example",
        ".ana@customer.example",
        "ana.@customer.example",
        '"ana"@customer.example',
        "ana@evil.example@customer.example",
        "ana,eve@customer.example",
        "<ana@customer.example>",
        "ñandú@customer.example",
        "ana\r\nRCPT TO:<eve@customer.example>",
        "ana@customer.example\r\nBcc: eve",
        "ana@customer.exa\x00mple",
        "ana@\ud800.example",
        "a" * 65 + "@customer.example",
        "ana@" + "a" * 64 + ".example",
        "ana@" + ".".join(["a" * 60] * 5),
        "a" * 64 + "@" + ".".join(["a" * 61] * 4),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        ascii_address(text)

    assert "customer" not in str(refused.value)


@given(st.text())
def test_whatever_is_taken_is_safe_in_a_command_line(text: str) -> None:
    try:
        address = ascii_address(text + "@customer.example")
    except AddressInvalid:
        return
    assert address.isascii()
    assert not set(address) & set(' \t\r\n<>,;:"\\()[]')
    assert address.count("@") == 1


@pytest.mark.parametrize("text", ["@" * 1_000_000, "a" * 1_000_000, "a." * 500_000 + "@b.example", "a@" + "b." * 500_000])
def test_a_megabyte_is_refused_at_once(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(AddressInvalid):
        ascii_address(text)
    assert time.monotonic() - started < 5


def test_a_domain_needs_two_labels() -> None:
    with pytest.raises(AddressInvalid, match="incomplete"):
        ascii_domain("localhost")


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("Acme Billing <billing@acme.example>", "Acme Billing", "billing@acme.example"),
        ('"Acme, Inc." <billing@acme.example>', "Acme, Inc.", "billing@acme.example"),
        ("billing@acme.example", "", "billing@acme.example"),
        ("<billing@acme.example>", "", "billing@acme.example"),
    ],
)
def test_a_mailbox_is_a_name_and_an_address(text: str, name: str, address: str) -> None:
    assert mailbox(text) == (name, address)


@pytest.mark.parametrize("text", ["Acme billing@acme.example", "Acme billing@acme.example>", "Acme <billing>", "Acme", "<>"])
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(AddressInvalid):
        mailbox(text)
