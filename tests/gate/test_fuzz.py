"""Bytes that a client chooses cause no 5xx and let nobody in who is closed out (design, rule 8; case 86)."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.gate import spop
from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import ask, gate_in_thread, publish, settings_in

# Pieces that matter to HTTP and to us, so that the search gets somewhere
PIECES = st.sampled_from(
    b"GET |POST |HEAD |/gate/nginx|/gate|/gate/nginx/page|/login|/reports| HTTP/1.1\r\n| HTTP/1.0\r\n|\r\n|\r\n\r\n|\n|\r|\x00|"
    b": |,| |\t|%2e%2e|?|#|\\|\xff|\xc3\xa9|X-Account-Id: |X_Account_Id: |X-Account-Id: good\r\n|late|good|X-Original-URI: |"
    b"X-Original-Method: |X-HTTP-Method-Override: GET\r\n|Content-Length: |Transfer-Encoding: chunked\r\n|0|5|chunked|"
    b"Connection: close\r\n|Connection: Upgrade\r\nUpgrade: h2c\r\n|Expect: 100-continue\r\n|Accept: text/html\r\n".split(b"|")
)
NOISE = st.lists(PIECES | st.binary(max_size=12), max_size=12).map(b"".join)
# What may stand in a header line without ending it
LINE = NOISE.map(lambda noise: noise.replace(b"\r", b"").replace(b"\n", b""))


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateSettings]:
    folder: Path = tmp_path_factory.mktemp("gate")
    chosen = settings_in(folder, always_allow=("/login",))
    standings = {"late": "suspended", "half": "restricted", "part": "restricted"}
    publish(chosen.snapshot_path, 1, leaves_open={"part": ("/reports",)}, **standings)
    with gate_in_thread(chosen):
        yield chosen


def _statuses(gate: GateSettings, sent: bytes) -> list[int]:
    """The answers' first lines only: to HEAD no body follows, and to noise the number of answers is not known."""
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as wire:
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
        received = b""
        while part := wire.recv(65536):
            received += part
    if sent.startswith(b"\0"):  # HAProxy's agent protocol
        assert [frame[0] for frame in spop.split(received)[0]] in ([], [102])
        return []
    assert not received or received.startswith(b"HTTP/1.1 ")
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


@given(NOISE)
@settings(max_examples=400)
def test_no_bytes_cause_a_5xx(gate: GateSettings, noise: bytes) -> None:
    assert set(_statuses(gate, noise)) <= {200, 400, 402, 403, 404}


@given(
    account=st.sampled_from([b"late", b"half", b"part"]),
    target=st.sampled_from([b"/gate/nginx", b"/gate", b"/gate/nginx/page"]),
    before=LINE,
    name=LINE,
    value=LINE,
    uri=LINE,
)
@settings(max_examples=600)
def test_no_header_lets_in_whoever_is_closed_out(
    gate: GateSettings, account: bytes, target: bytes, before: bytes, name: bytes, value: bytes, uri: bytes
) -> None:
    """The edge wrote one X-Account-Id, X-Original-Method and X-Original-URI; everything around them is the visitor's."""
    lines = [b"Via: " + before, b"X-Account-Id: " + account, b"X-" + name + b": " + value]
    lines += [b"X-Original-Method: POST", b"X-Original-URI: /a" + uri]
    request = b"GET " + target + b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"
    (status, *rest) = [reply.status for reply in ask(gate, request)]
    assert status in ({403} if target == b"/gate/nginx" else {402, 403})
    assert rest == []


@given(noise=st.binary(max_size=200))
@settings(max_examples=200)
def test_whatever_follows_the_target_nginx_gets_200_or_403(gate: GateSettings, noise: bytes) -> None:
    statuses = _statuses(gate, b"GET /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nX-Noise: " + noise + b"\r\n\r\n")
    assert statuses[:1] in ([403], [])
