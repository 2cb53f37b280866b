"""Case 106: staff who look at the product as an account that is closed are let in, by a pass; nobody else is, by anything."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from gatekeeper.gate.answering import Gate
from gatekeeper.gate.book import Book
from gatekeeper.gate.settings import GateSettings
from gatekeeper.gate.staff import Staff
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot
from gatekeeper.wiring.clock import steady_seconds, system_clock
from gatekeeper.wiring.passes import Pass, holder
from gatekeeper.wiring.places import StateFolder
from tests.kit.gates import HTML, Reply, ask, gate_in_thread, get, one, publish, settings_in, staff_pass

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIGNER = URLSafeSerializer("key of this test", salt="gatekeeper.staff")
STAFF_OF = holder(SIGNER, lambda: NOW)
EDGES = ("/gate", "/gate/nginx", "/gate/traefik", "/gate/caddy", "/gate/envoy/x")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateSettings]:
    settings = settings_in(tmp_path, always_allow=("/login",))
    publish(settings.snapshot_path, 7, late="suspended", half="restricted")
    with gate_in_thread(settings):
        yield settings


def _ask(gate: GateSettings, edge: str, account: str, **headers: str) -> Reply:
    asked = {"X_Original_Method": "POST", "X_Original_URI": "/x", "X_Forwarded_Method": "POST", "X_Forwarded_Uri": "/x"}
    return one(gate, edge, X_Account_Id=account, **(asked | headers))


def _cookie(shown: str) -> dict[str, str]:
    return {"Cookie": f"a=b; gatekeeper_staff={shown}; c=d"}


@pytest.mark.parametrize("edge", EDGES)
def test_a_pass_lets_staff_in_at_every_edge_and_the_product_is_told_the_true_standing(gate: GateSettings, edge: str) -> None:
    shown = staff_pass(gate)
    for headers in ({"X_Gatekeeper_Staff": shown}, _cookie(shown)):
        reply = _ask(gate, edge, "late", **headers)
        assert (reply.status, reply.headers["x-gatekeeper-standing"]) == (200, "suspended")
        assert reply.headers["x-gatekeeper-account"] == "late"
    assert _ask(gate, edge, "late").status in {402, 403}


@pytest.mark.parametrize("edge", ["/gate", "/gate/nginx", "/gate/traefik", "/gate/caddy"])
def test_a_restricted_account_too(gate: GateSettings, edge: str) -> None:
    assert _ask(gate, edge, "half").status in {402, 403}
    assert _ask(gate, edge, "half", X_Gatekeeper_Staff=staff_pass(gate)).status == 200


@pytest.mark.parametrize("edge", [*EDGES, "/gate/nginx/page", "/gate/haproxy"])
def test_who_is_not_clearly_an_account_is_not_let_in_by_a_pass(gate: GateSettings, edge: str) -> None:
    """It opens what is overdue: it says nothing of who asks."""
    shown = staff_pass(gate)
    for named in ("", "X-Account-Id: a,b\r\n", "X-Account-Id: late\r\nX_Account_Id: good\r\n"):
        head = f"GET {edge} HTTP/1.1\r\nHost: x\r\n{named}X-Gatekeeper-Staff: {shown}\r\n\r\n"
        (reply,) = ask(gate, head.encode())
        assert (reply.status, reply.headers["x-gatekeeper-standing"]) == (403, "")


def test_a_pass_lets_nobody_in_where_the_settings_refuse_who_is_not_signed_in(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, anonymous="deny")
    with gate_in_thread(settings):
        assert _ask(settings, "/gate", "-", X_Gatekeeper_Staff=staff_pass(settings)).status == 403


def test_a_pass_that_does_not_hold_is_as_if_it_were_not_there(gate: GateSettings, tmp_path: Path) -> None:
    good = staff_pass(gate)
    state = StateFolder(gate.snapshot_path.parent)
    page_token = str(state.page_signer().dumps({"name": "Jo", "until": 1 << 34}))
    other_use = URLSafeSerializer((state.folder / "page.key").read_bytes(), salt="gatekeeper.page")
    strange = Pass("Jo", system_clock() + timedelta(hours=1)).signed(StateFolder(tmp_path / "other").staff_signer())
    spoilt = [
        staff_pass(gate, minutes=-1),
        page_token,
        str(other_use.dumps({"name": "Jo", "until": 1 << 34})),
        strange,
        good[:-1],
        good + "A",
        f"{good}, {good}",
        "x" * 5000,
        "\xff",
        ".",
    ]
    for shown in spoilt:
        assert _ask(gate, "/gate", "late", X_Gatekeeper_Staff=shown).status == 402
        assert _ask(gate, "/gate", "late", **_cookie(shown)).status == 402
        # And stands in nobody's way
        assert _ask(gate, "/gate", "late", X_Gatekeeper_Staff=shown, **_cookie(good)).status == 200
        assert _ask(gate, "/gate", "good", X_Gatekeeper_Staff=shown).status == 200
    assert _ask(gate, "/gate", "late", Cookie=f"gatekeeper_staff={good}; gatekeeper_staff={good}").status == 402
    (reply,) = ask(gate, get("/gate", X_Account_Id="late")[:-2] + f"X-Gatekeeper-Staff: {good}\r\n".encode() * 2 + b"\r\n")
    assert reply.status == 402


def test_a_pass_between_refusal_and_page_shows_the_way_back_in(gate: GateSettings) -> None:
    reply = _ask(gate, "/gate/nginx/page", "late", X_Gatekeeper_Staff=staff_pass(gate), Accept=HTML)
    assert (reply.status, b"http-equiv" in reply.body) == (402, True)


def test_staff_are_counted_apart_and_each_pass_is_logged_once_for_each_account(gate: GateSettings) -> None:
    shown = staff_pass(gate, "Jo Roe")
    with structlog.testing.capture_logs() as events:
        for account in ("late", "half", "late", "good"):
            assert _ask(gate, "/gate", account, X_Gatekeeper_Staff=shown).status == 200
        _ask(gate, "/gate", "late")
    said = [(event["staff"], event["account"]) for event in events if "staff" in event]
    assert said == [("Jo Roe", "late"), ("Jo Roe", "half")]
    assert shown not in repr(events)
    metrics = one(gate, "/metrics").body.decode()
    for outcome, count in (("staff", 3), ("overdue", 1), ("let_in", 1)):
        assert f'gatekeeper_gate_requests_total{{outcome="{outcome}"}} {count}\n' in metrics


def test_what_was_logged_is_remembered_up_to_a_bound() -> None:
    staff = Staff(lambda _: "Jo")
    with structlog.testing.capture_logs() as events:
        for number in range(2500):
            assert staff.vouches({b"x-gatekeeper-staff": b"pass"}, b"account-%d" % number)
        assert staff.vouches({b"x-gatekeeper-staff": b"pass"}, b"account-2499")
    assert len(events) == 2500
    assert len(staff._said) <= 1000


def test_nobody_elses_pass_is_looked_at(tmp_path: Path) -> None:
    def must_not_be_asked(_: bytes) -> None:
        pytest.fail("a pass was read of somebody who is let in, or is not known")

    book = Book(steady_seconds)
    gate = Gate(settings_in(tmp_path, always_allow=("/login",)), book, system_clock, must_not_be_asked)
    book.take(Snapshot(7, NOW, {"late": Standing.SUSPENDED, "slow": Standing.PAST_DUE}, {}))
    gate.renew()
    for account, uri in ((b"good", b"/x"), (b"slow", b"/x"), (b"late", b"/login"), (b"-", b"/x"), (b"a,b", b"/x")):
        fields = {b"x-account-id": account, b"x-original-uri": uri, b"x-gatekeeper-staff": b"x", b"x-original-method": b"GET"}
        gate.answer(b"/gate", b"GET", fields)
        assert gate.variables(fields) is not None


@given(st.binary(max_size=400) | st.text(".-_eyJ0", max_size=80).map(str.encode))
def test_no_bytes_that_nobody_signed_are_a_pass(shown: bytes) -> None:
    assert STAFF_OF(shown) is None


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=64), st.integers(-5, 5))
def test_a_pass_holds_to_the_second_at_which_it_ends(name: str, seconds: int) -> None:
    shown = Pass(name, NOW + timedelta(seconds=seconds)).signed(SIGNER).encode()
    assert STAFF_OF(shown) == (name if seconds > 0 else None)
    assert not set(shown) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
