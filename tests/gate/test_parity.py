"""One verdict, whichever address of the gate is asked, and for every standing (rule 8)."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate.answering import Gate
from gatekeeper.gate.book import Book
from gatekeeper.gate.refusing import Fields, PageWanted
from gatekeeper.gate.settings import GateSettings
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot
from gatekeeper.wiring.clock import steady_seconds, system_clock
from tests.kit.gates import settings_in

STANDINGS = {
    "slow": Standing.PAST_DUE,
    "late": Standing.SUSPENDED,
    "half": Standing.RESTRICTED,
    "part": Standing.RESTRICTED,
    "same": Standing.RESTRICTED,
    "other": Standing.RESTRICTED,
}
LEAVES_OPEN = {"part": ("/reports", "/export"), "same": ("/reports", "/export"), "other": ("/help",)}
ACCOUNTS = st.sampled_from([b"good", *(name.encode() for name in STANDINGS), b"", b"a,b"])
METHODS = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"POST", b"DELETE", b"get", b""]) | st.binary(max_size=8)
STARTS = st.sampled_from([b"", b"/", b"/reports", b"/export/", b"/help", b"/login", b"/reports/../", b"//reports"])
URIS = st.builds(bytes.__add__, STARTS, st.binary(max_size=12) | st.text("/.%2ex?;").map(str.encode))
FREE = st.dictionaries(
    st.sampled_from([b"accept", b"accept-language", b"sec-fetch-mode", b"x-gatekeeper-edge"]), st.binary(max_size=20)
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    folder: Path = tmp_path_factory.mktemp("gate")
    return _gate(settings_in(folder, always_allow=("/login",)), STANDINGS, LEAVES_OPEN)


def _gate(settings: GateSettings, standings: dict[str, Standing], leaves_open: dict[str, tuple[str, ...]]) -> Gate:
    book = Book(steady_seconds)
    made = Gate(settings, book, system_clock)
    book.take(Snapshot(7, datetime(2026, 3, 2, 9, tzinfo=UTC), standings, leaves_open))
    made.renew()
    return made


def status(gate: Gate, target: bytes, fields: Fields) -> int:
    answer = gate.answer(target, b"GET", fields)
    return 402 if isinstance(answer, PageWanted) else int(answer[0].split(b" ")[1])


def asking(account: bytes, method: bytes, uri: bytes) -> dict[bytes, bytes]:
    return {b"x-account-id": account, b"x-original-method": method, b"x-original-uri": uri}


@given(ACCOUNTS, METHODS, URIS, FREE)
def test_every_edge_hears_the_same_verdict(gate: Gate, account: bytes, method: bytes, uri: bytes, free: Fields) -> None:
    fields = free | asking(account, method, uri)
    plain, nginx = status(gate, b"/gate", fields), status(gate, b"/gate/nginx", fields)
    assert (plain, nginx) in {(200, 200), (402, 403), (403, 403)}
    # A page is asked for after a refusal; whoever is let in by then gets it with 402 as well, and loads the address again
    assert status(gate, b"/gate/nginx/page", fields) == (403 if plain == 403 else 402)


@given(ACCOUNTS, METHODS, URIS, FREE)
def test_what_a_visitor_may_choose_changes_no_verdict(
    gate: Gate, account: bytes, method: bytes, uri: bytes, free: Fields
) -> None:
    asked = asking(account, method, uri)
    for target in (b"/gate", b"/gate/nginx"):
        assert status(gate, target, free | asked) == status(gate, target, asked)


def test_a_path_that_no_request_can_match_keeps_nobody_else_out(tmp_path: Path) -> None:
    standings = {"odd": Standing.RESTRICTED, "late": Standing.SUSPENDED}
    other = _gate(settings_in(tmp_path), standings, {"odd": ("/a b", "/fine")})
    assert status(other, b"/gate", asking(b"good", b"GET", b"/x")) == 200
    assert status(other, b"/gate", asking(b"odd", b"GET", b"/fine")) == 200
    assert status(other, b"/gate", asking(b"odd", b"GET", b"/a b")) == 402
    answer = other.answer(b"/gate", b"GET", asking(b"odd", b"GET", b"/"))
    assert not isinstance(answer, PageWanted)
    assert json.loads(answer[1])["leaves_open"] == ["/a b", "/fine"]
