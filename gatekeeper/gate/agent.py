"""HAProxy asks over its agent protocol instead of HTTP: one connection of its engine."""

import asyncio
from typing import Protocol, cast

import structlog

from gatekeeper.gate import spop
from gatekeeper.gate.answering import Gate
from gatekeeper.gate.spop import Frame, SpopFault

log = structlog.get_logger(__name__)


class Wire(Protocol):
    """A connection of an edge, whatever is spoken on it. It counts the server's sweeps since it was last asked something."""

    sweeps_without_request: int

    def finish(self) -> None:
        """Take no further question, and close once those that came are answered."""

    def abort(self) -> None:
        """Close at once."""


class Agent(asyncio.Protocol):
    """Answers each message as the edge `haproxy` of `Gate`. `wires` is the set of all connections that are open."""

    _transport: asyncio.Transport

    def __init__(self, gate: Gate, wires: set[Wire]) -> None:
        self.sweeps_without_request = 0
        self._gate = gate
        self._wires = wires
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._wires.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._wires.discard(self)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self.sweeps_without_request = 0
        answers: list[bytes] = []
        try:
            frames, self._data = spop.split(self._data + data)
            for frame in frames:
                answers.append(self._answer(spop.read_frame(frame)))  # noqa: PERF401 - those before a fault must be sent too
        except SpopFault as fault:
            self._leave(answers, fault.code, str(fault))
        except Exception:
            log.exception("fault of the gate: HAProxy is told to connect again")
            self._leave(answers, spop.UNKNOWN_ERROR, "fault of the gate")
        else:
            self._transport.write(b"".join(answers))

    def _answer(self, frame: Frame) -> bytes:
        if frame.kind == spop.NOTIFY:
            actions = self._gate.variables(frame.fields)
            if actions is None:
                raise SpopFault(spop.UNKNOWN_ERROR, "x-gatekeeper-edge does not match gate.edge_secret")
            return spop.ack(frame.ids, actions)
        if frame.kind == spop.HELLO:
            versions = frame.fields.get(b"supported-versions", b"").replace(b" ", b"").split(b",")
            if not any(version.startswith(b"2.") for version in versions):
                raise SpopFault(spop.UNSUPPORTED_VERSION, "only version 2 of the protocol is spoken here")
            return spop.hello(min(spop.MAX_FRAME_BYTES, int(frame.fields.get(b"max-frame-size", b"0"))))
        if frame.kind == spop.GOODBYE:
            raise SpopFault(spop.NORMAL, "goodbye")
        return b""

    def _leave(self, answers: list[bytes], code: int, message: str) -> None:
        self._transport.write(b"".join((*answers, spop.goodbye(code, message))))
        self._transport.close()

    def finish(self) -> None:
        """Close; HAProxy asks elsewhere, or lets in, until somebody listens again."""
        self._leave([], spop.NORMAL, "the gate stops")

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
