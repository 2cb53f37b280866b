"""How the web part listens."""

import socket

from gatekeeper.wiring.listening import listen


def test_the_second_part_of_an_answer_does_not_wait_for_an_acknowledgement_of_the_first() -> None:
    """Event loops set TCP_NODELAY only where the listener names its protocol; without it an answer takes 40 ms."""
    with listen("127.0.0.1", 0, "web.listen") as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        with accepted, client:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
