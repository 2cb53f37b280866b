"""Return paths that name their letter: read back, and by nobody to be made up (case 49)."""

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.perform.mail.address import ascii_address
from gatekeeper.returns.verp import message_ids_in, verp_address
from tests.returns.samples import DOMAIN, MESSAGE_ID, SECRET

unique = st.binary(min_size=16, max_size=16).map(lambda name: f"<gk-{name.hex()}@{DOMAIN}>")


def read(text: bytes, secret: bytes = SECRET) -> list[str]:
    return list(message_ids_in(text, DOMAIN, secret))


@given(unique, st.sampled_from(["bounces", "b", "re.turn+s", "x" * 24]), st.binary(max_size=50), st.binary(max_size=50))
def test_a_return_path_is_an_address_that_names_its_letter(message_id: str, local: str, before: bytes, behind: bytes) -> None:
    path = verp_address(f"{local}@{DOMAIN}", message_id, SECRET)
    assert ascii_address(path) == path
    assert path.startswith(f"{local}+")
    assert message_id in read(b"%s <%s> %s" % (before, path.encode(), behind))
    assert message_id in read(path.upper().encode())


@given(unique, st.integers(0, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_return_path_that_was_tampered_with_names_nothing_else(message_id: str, place: int, letter: str) -> None:
    path = verp_address(f"b@{DOMAIN}", message_id, SECRET)
    forged = f"{path[: 2 + place]}{letter}{path[3 + place :]}"
    assert read(forged.encode()) in ([], [message_id])
    assert read(path.encode(), b"another secret") == []


def test_where_a_letter_cannot_be_named_the_plain_address_is_used() -> None:
    assert verp_address("", MESSAGE_ID, SECRET) == ""
    assert verp_address("b@acme.example", MESSAGE_ID, b"") == "b@acme.example"
    assert verp_address("b@acme.example", "<another@acme.example>", SECRET) == "b@acme.example"
    assert verp_address("x" * 25 + "@acme.example", MESSAGE_ID, SECRET) == "x" * 25 + "@acme.example"


@given(st.binary(max_size=400))
def test_no_bytes_name_a_letter_by_chance(text: bytes) -> None:
    assert read(text) == []
