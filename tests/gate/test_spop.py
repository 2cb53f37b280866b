"""HAProxy's agent protocol: numbers and frames as HAProxy's doc/SPOE.txt writes them, and answers to whatever comes."""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from gatekeeper.gate import spop
from gatekeeper.gate.identity import is_account
from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import gate_in_thread, one, publish, read_all, settings_in, staff_pass

_IDS = b"\x07\x01"


def _text(value: bytes) -> bytes:
    return b"\x08" + spop.text(value)


def _frame(kind: int, ids: bytes, payload: bytes, flags: bytes = b"\x00\x00\x00\x01") -> bytes:
    frame = bytes([kind]) + flags + ids + payload
    return len(frame).to_bytes(4, "big") + frame


def _notify(ids: bytes = _IDS, **arguments: bytes | None) -> bytes:
    """A message; argument names have `_` for the hyphen, and None is a value that HAProxy did not find."""
    pairs = b"".join(
        spop.text(name.replace("_", "-").encode()) + (b"\x00" if value is None else _text(value))
        for name, value in arguments.items()
    )
    return _frame(3, ids, spop.text(b"gatekeeper") + bytes([len(arguments)]) + pairs)


HELLO = _frame(
    1,
    b"\x00\x00",
    spop.text(b"supported-versions")
    + _text(b"2.0")
    + spop.text(b"max-frame-size")
    + b"\x03"
    + spop.number(16_380)
    + spop.text(b"capabilities")
    + _text(b"pipelining,async")
    + spop.text(b"healthcheck")
    + b"\x01",
)
GOODBYE = _frame(2, b"\x00\x00", spop.text(b"status-code") + b"\x03\x00" + spop.text(b"message") + _text(b"bye"))


def _said(answer: bytes) -> list[tuple[int, bytes, bytes]]:
    """Kind, ids and payload of each frame that the gate sent; its ids are one byte each."""
    frames, rest = spop.split(answer)
    assert rest == b""
    return [(frame[0], frame[5:7], frame[7:]) for frame in frames]


def _variables(payload: bytes) -> dict[bytes, bytes]:
    found = {}
    while payload:
        assert payload[:3] == b"\x01\x03\x02"
        length = payload[3]
        name, payload = payload[4 : 4 + length], payload[4 + length :]
        assert payload[0] == 8
        found[name], payload = payload[2 : 2 + payload[1]], payload[2 + payload[1] :]
    return found


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateSettings]:
    settings = settings_in(tmp_path, always_allow=("/login",))
    publish(settings.snapshot_path, 7, late="suspended", half="restricted", slow="past_due")
    with gate_in_thread(settings):
        yield settings


def _exchange(gate: GateSettings, *parts: bytes) -> list[tuple[int, bytes, bytes]]:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as wire:
        for part in parts:
            wire.sendall(part)
        wire.shutdown(socket.SHUT_WR)
        return _said(read_all(wire))


def _verdict(gate: GateSettings, **arguments: bytes | None) -> dict[bytes, bytes]:
    names = b",".join(name.replace("_", "-").encode() for name, value in arguments.items() if value is not None)
    _, (kind, ids, payload), _ = _exchange(gate, HELLO, _notify(**({"names": names} | arguments)), GOODBYE)
    assert (kind, ids) == (103, _IDS)
    return _variables(payload)


@given(st.integers(0, 1 << 40))
@example(239)
@example(240)
@example(2287)
@example(2288)
@example(264_431)
@example(264_432)
def test_a_number_is_read_as_it_was_written_in_the_documented_number_of_bytes(value: int) -> None:
    written = spop.number(value)
    bounds = [240, 2288, 264_432, 33_818_864, 4_328_786_160]
    assert len(written) == 1 + sum(value >= bound for bound in bounds) or value >= bounds[-1]
    frame = b"\x03\x00\x00\x00\x01" + written + b"\x05"
    assert spop.read_frame(frame).ids == written + b"\x05"


def test_haproxy_is_greeted_asked_and_taken_leave_of_on_the_ordinary_listener(gate: GateSettings) -> None:
    hello, ack, goodbye = _exchange(gate, HELLO, _notify(x_account_id=b"good"), GOODBYE)
    assert (hello[0], ack[0], goodbye[0]) == (101, 103, 102)
    assert b"\x07version\x08\x032.0" in hello[2]
    assert spop.number(16_380) in hello[2]
    assert one(gate, "/gate/nginx", X_Account_Id="good").status == 200


def test_the_verdict_is_set_with_the_account_that_was_judged(gate: GateSettings) -> None:
    asked: dict[str, bytes | None] = {"x_original_method": b"POST", "x_original_uri": b"/x"}
    assert _verdict(gate, x_account_id=b"good", **asked) == {
        b"verdict": b"in", b"account": b"good", b"standing": b"current", b"revision": b"7",
    }  # fmt: skip
    assert _verdict(gate, x_account_id=b"late", **asked)[b"verdict"] == b"overdue"
    assert _verdict(gate, x_account_id=b"half", **asked)[b"verdict"] == b"overdue"
    assert _verdict(gate, x_account_id=b"half", **(asked | {"x_original_method": b"GET"}))[b"verdict"] == b"in"
    assert _verdict(gate, x_account_id=b"late", **(asked | {"x_original_uri": b"/login"}))[b"verdict"] == b"in"
    slow = _verdict(gate, x_account_id=b"slow", **asked)
    assert (slow[b"verdict"], slow[b"standing"]) == (b"in", b"past_due")


def test_staff_with_a_pass_are_let_in_to_an_account_that_is_closed(gate: GateSettings) -> None:
    """Case 106."""
    shown = staff_pass(gate).encode()
    asked: dict[str, bytes | None] = {"x_original_method": b"POST", "x_original_uri": b"/x"}
    for showing in ({"x_gatekeeper_staff": shown}, {"cookie": b"gatekeeper_staff=" + shown}):
        found = _verdict(gate, x_account_id=b"late", **asked, **showing)
        assert (found[b"verdict"], found[b"account"], found[b"standing"]) == (b"in", b"late", b"suspended")
        assert _verdict(gate, x_account_id=None, **asked, **showing)[b"verdict"] == b"unidentified"
    for absent in (None, b"", shown[:-1]):
        assert _verdict(gate, x_account_id=b"late", x_gatekeeper_staff=absent, **asked)[b"verdict"] == b"overdue"


@pytest.mark.parametrize(
    ("value", "names", "verdict"),
    [
        (b"-", b"host,x-account-id", b"in"),
        (b"", b"host,x-account-id", b"in"),
        (None, b"host", b"unidentified"),
        (b"good", b"x-account-id,host,x-account-id", b"unidentified"),
        (b"good", b"X-Account-Id,x-account-id", b"unidentified"),
        (b"good", b"x-account-id,x_account_id", b"unidentified"),
        (None, b"x.account.id", b"unidentified"),
        (b"a b", b"x-account-id", b"unidentified"),
    ],
)
def test_an_identity_that_is_missing_doubled_or_aliased_is_told_from_the_names(
    gate: GateSettings, value: bytes | None, names: bytes, verdict: bytes
) -> None:
    found = _verdict(gate, x_account_id=value, names=names)
    assert found[b"verdict"] == verdict
    assert found[b"account"] == b""


def test_many_messages_are_answered_however_they_are_cut(gate: GateSettings) -> None:
    asked = b"".join(_notify(bytes([number, 1]), x_account_id=b"late") for number in range(200))
    for parts in ([asked[at : at + 37] for at in range(0, len(asked), 37)], [asked]):
        answers = _exchange(gate, HELLO + parts[0], *parts[1:], GOODBYE)
        assert [ids[0] for kind, ids, _ in answers if kind == 103] == list(range(200))


_others = st.lists(
    st.tuples(
        st.sampled_from([b"x-original-method", b"x-original-uri", b"x-original-host", b"x" * 300]),
        st.none() | st.just(b"a" * 240) | st.binary(max_size=20),
    ),
    max_size=4,
    unique_by=lambda pair: pair[0],
)


@given(
    st.tuples(st.integers(0, 1 << 40), st.integers(0, 300)),
    st.sampled_from([b"acme", b"a,b", b"a b", b"-", b"--", b"x" * 128, b"x" * 129, b""]) | st.binary(max_size=20),
    st.sampled_from([b"host", b"host,x-account-id", b"a" * 239, b"a" * 240, b"a b", b""]) | st.binary(max_size=20),
    _others,
    st.none() | st.tuples(st.integers(0, 60), st.integers(0, 255)),
)
@example((200_000, 1), b"acme", b"host", [], None)
@example((200_000, 1), b"acme", b"host", [], (35, 3))  # the length of the account id
def test_what_is_read_at_once_is_what_the_whole_frame_says(
    ids: tuple[int, int], account: bytes, names: bytes, rest: list[tuple[bytes, bytes | None]], spoilt: tuple[int, int] | None
) -> None:
    """Of well-made frames, and of those with one byte changed in what is read at once."""
    begins = spop.number(ids[0]) + spop.number(ids[1]) + spop.text(b"gatekeeper")
    first = spop.text(b"x-account-id") + _text(account) + spop.text(b"names") + _text(names)
    others = b"".join(spop.text(name) + (b"\x00" if value is None else _text(value)) for name, value in rest)
    frame = bytearray(_frame(3, begins, bytes([2 + len(rest)]) + first + others)[4:])
    counts = 5 + len(begins)
    if spoilt and spoilt[0] != counts and spoilt[0] <= counts + len(first):
        frame[spoilt[0]] = spoilt[1]
    opening = spop.opening(b"x-account-id")(bytes(frame))
    event(f"at once: {opening is not None}")
    if opening:
        found = spop.read_frame(bytes(frame))
        assert (found.kind, found.ids, found.fields[b"x-account-id"], found.fields[b"names"]) == (3, *opening)
        assert is_account(opening[1])
    elif not spoilt:
        assert not (is_account(account) and 0 < len(names) < 240 and re.fullmatch(b"[!-~]*", names))


def test_who_does_not_know_the_secret_is_told_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, edge_secret="s3cret")
    publish(settings.snapshot_path, 7, late="suspended")
    with gate_in_thread(settings):
        assert [kind for kind, _, _ in _exchange(settings, HELLO, _notify(x_account_id=b"late"))] == [101, 102]
        asked = _notify(x_account_id=b"late", x_gatekeeper_edge=b"s3cret")
        assert [kind for kind, _, _ in _exchange(settings, HELLO, asked, GOODBYE)] == [101, 103, 102]


@given(st.binary(max_size=200), st.integers(0, 300))
@example(b"", 1 << 20)
def test_any_bytes_are_a_frame_or_a_fault_of_theirs(payload: bytes, kind: int) -> None:
    with contextlib.suppress(spop.SpopFault):
        frame = spop.read_frame(bytes([kind % 256]) + b"\x00\x00\x00\x01" + payload)
        assert all(isinstance(value, bytes) for value in frame.fields.values())


@pytest.mark.parametrize(
    "spoilt",
    [
        _frame(3, _IDS, b"\x0agatekeeper\x05"),
        _frame(3, _IDS, b"", flags=b"\x00\x00\x00\x00"),
        b"\x00\xff\xff\xff" + b"x",
        _frame(1, b"\x00\x00", spop.text(b"supported-versions") + _text(b"1.0")),
        b"\x00\x00\x00\x00",
    ],
)
def test_a_spoilt_frame_ends_the_connection_with_a_word_and_not_the_gate(gate: GateSettings, spoilt: bytes) -> None:
    assert [kind for kind, _, _ in _exchange(gate, HELLO, spoilt, _notify(x_account_id=b"good"))] == [101, 102]
    assert _verdict(gate, x_account_id=b"good")[b"verdict"] == b"in"
