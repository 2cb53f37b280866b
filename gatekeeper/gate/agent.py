"""HAProxy asks over its agent protocol instead of HTTP: one connection of its engine."""

import asyncio
from typing import Protocol, cast

import structlog

from gatekeeper.gate import spop
from gatekeeper.gate.answering import Gate
from gatekeeper.gate.spop import Frame, SpopFault

log = structlog.get_logger(__name__)


# For so long a closed connection takes in what is still on its way: closing at once would reset it, and the answer be lost
_LINGER_SECONDS = 2.0


def linger(transport: asyncio.Transport) -> asyncio.TimerHandle:
    """Say that nothing more will come, and leave the rest to the other side, for a while."""
    transport.resume_reading()
    transport.write_eof()
    return asyncio.get_running_loop().call_later(_LINGER_SECONDS, transport.abort)


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
        self._opening, self._opens_at_once = gate.opening, gate.opens_at_once
        self._wires = wires
        self._data = b""
        self._lingering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._wires.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._wires.discard(self)
        if self._lingering:
            self._lingering.cancel()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        self.sweeps_without_request = 0
        answers: list[bytes] = []
        try:
            frames, self._data = spop.split(self._data + data)
            for frame in frames:
                # One at a time: those before a fault are sent too
                answer = self._answer_at_once(frame) or self._answer(spop.read_frame(frame))
                answers.append(answer)
            spop.check(self._data)
        except SpopFault as fault:
            self._leave(answers, fault.code, str(fault))
        except Exception:
            log.exception("fault of the gate: HAProxy is told to connect again")
            self._leave(answers, spop.UNKNOWN_ERROR, "fault of the gate")
        else:
            self._transport.write(b"".join(answers))

    def _answer_at_once(self, frame: bytes) -> bytes | None:
        """What `_answer` says of an account in good standing, in nearly every frame that comes; None: read it whole."""
        opening = self._opening(frame)
        if opening is None:
            return None
        ids, account, names = opening
        actions = self._opens_at_once(account, names)
        return actions and spop.ack(ids, actions)

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
        self._lingering = linger(self._transport)

    def finish(self) -> None:
        """Close; HAProxy asks elsewhere, or lets in, until somebody listens again."""
        if self._lingering is None:
            self._leave([], spop.NORMAL, "the gate stops")

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
