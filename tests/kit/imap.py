"""A mailbox on a real socket over TLS: as much of RFC 3501 as a reader of one folder needs, and no more.

with certificate() as trusted, mailbox(trusted) as server:
    server.messages.append(b"From: ...")
    ...
    assert server.seen == {1}
"""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

USER, PASSWORD = "bounces@acme.example", "a p@ss/word"


@dataclass
class Mailbox:
    """`messages` have the ids 1, 2, …; `seen` are the ids of those that were marked. `refuses`: what is answered NO."""

    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    refuses: str = ""

    def answer(self, command: str, rest: str) -> bytes:
        """What stands before the last line of an answer."""
        match command.split():
            case ["CAPABILITY"]:
                return b"* CAPABILITY IMAP4rev1\r\n"
            case ["SELECT"]:
                return b"* %d EXISTS\r\n" % len(self.messages)
            case ["UID", "SEARCH"]:
                unseen = [number for number in range(1, len(self.messages) + 1) if number not in self.seen]
                return b"* SEARCH" + b"".join(b" %d" % number for number in unseen) + b"\r\n"
            case ["UID", "FETCH"]:
                number, most = re.fullmatch(r"(\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", rest).groups()  # type: ignore[union-attr]  # else the test fails
                content = self.messages[int(number) - 1][: int(most)]
                return b"* %s FETCH (UID %s BODY[]<0> {%d}\r\n%s)\r\n" % (
                    number.encode(), number.encode(), len(content), content,
                )  # fmt: skip
            case ["UID", "STORE"]:
                self.seen.add(int(rest.split(maxsplit=1)[0]))
        return b""


@contextmanager
def mailbox(certificate_and_key: Path) -> Iterator[Mailbox]:
    made = Mailbox()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_and_key)

    class Conversation(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            self.wfile.write(b"* OK ready\r\n")
            while line := self.rfile.readline().decode().strip():
                tag, _, said = line.partition(" ")
                words = said.split(" ")
                command = " ".join(words[: 2 if words[0] == "UID" else 1])
                rest = said[len(command) + 1 :]
                wrong = command == "LOGIN" and rest != f'{USER} "{PASSWORD}"'
                if command == made.refuses or wrong:
                    self.wfile.write(f"{tag} NO {rest}\r\n".encode())
                    continue
                self.wfile.write(made.answer(command, rest) + f"{tag} OK done\r\n".encode())
                if command == "LOGOUT":
                    break

        def finish(self) -> None:
            super().finish()
            self.request.close()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            """Somebody did not trust us, or hung up."""

    with Server(("127.0.0.1", 0), Conversation) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
