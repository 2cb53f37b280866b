"""A real Postfix (Debian's), private to a test: its own queue, on a free port of 127.0.0.1, and nothing ever leaves it.

    with certificate() as trusted, postfix(trusted, refuses="user@bolt.example") as server:
        ...
        assert [message["Subject"] for message in server.inbox("user@acme.example")] == [...]

Every address of every domain is local. All mail is taken but for that of the addresses that `postfix` is told of. Greylisting
is a policy service of our own, which Postfix asks over its policy protocol (SMTPD_POLICY_README).

Postfix is started by root only, and gives the rights of root up itself.
"""

import contextlib
import email
import email.policy
import os
import pwd
import re
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kit.ports import free_port, wait_until_listening
from tests.kit.running import until

_PROGRAMS = Path("/usr/lib/postfix/sbin")
# Who owns the mail: it must be neither root nor Postfix's own user
_KEEPER = "nobody"

_MAIN = """
compatibility_level = 3.6
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {programs}
mail_owner = {owner}
setgid_group = {group}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.test.invalid
mydestination =
alias_maps =
relay_domains =
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
default_transport = error:nothing leaves this server
virtual_mailbox_domains = static:all
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_reject_unlisted_recipient = no
smtpd_recipient_restrictions =
    check_recipient_access regexp:{folder}/access, check_policy_service inet:127.0.0.1:{policy}, permit
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/certificate
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n -    0 cleanup
qmgr      unix n - n 300  1 qmgr
tlsmgr    unix - - n 1000 1 tlsmgr
rewrite   unix - - n -    - trivial-rewrite
bounce    unix - - n -    0 bounce
defer     unix - - n -    0 bounce
trace     unix - - n -    0 bounce
proxymap  unix - - n -    - proxymap
error     unix - - n -    - error
retry     unix - - n -    - error
virtual   unix - n n -    - virtual
anvil     unix - - n -    1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A running Postfix, which offers STARTTLS with the certificate of `postfix()`."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def returned(self) -> Path:
        """The Maildir of `bounces@` any domain."""
        return self.folder / "mail" / "returned"

    def inbox(self, address: str) -> list[EmailMessage]:
        """What has been delivered to this address (and, VERP, to those that have a + and more before the @), oldest first."""
        paths = sorted((self.folder / "mail").glob("*/[nc][eu][wr]/*"), key=lambda path: path.stat().st_mtime_ns)
        delivered = [email.message_from_bytes(path.read_bytes(), EmailMessage, policy=email.policy.default) for path in paths]
        return [message for message in delivered if re.sub(r"\+.*@", "@", message["Delivered-To"]) == address]

    def wait_for(self, address: str, count: int = 1) -> list[EmailMessage]:
        """The inbox of this address once so many messages are in it: Postfix delivers after it has accepted.

        Raises:
            TimeoutError: there are fewer for a long time.
        """
        until(lambda: len(self.inbox(address)) >= count, seconds=30, what=f"{count} messages to {address}\n{self.log()}")
        return self.inbox(address)

    def settle(self) -> None:
        """Wait until nothing is queued any more: what has not been delivered by then never will be."""
        queues = [self.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
        until(lambda: not any(path.is_file() for queue in queues for path in queue.rglob("*")), seconds=30, what=self.log())

    def log(self) -> str:
        return (self.folder / "log").read_text() if (self.folder / "log").exists() else ""


@contextmanager
def postfix(
    certificate_and_key: Path, *, refuses: str = "", greylists: str = "", bounces: Iterable[str] = ()
) -> Iterator[Postfix]:
    """A Postfix until the end of the block; `certificate_and_key` is a PEM file with both (`tests.kit.smtp.certificate`).

    `refuses`: an address that is refused at RCPT. `greylists`: one that is put off when a sender first writes to it. `bounces`:
    those that are accepted; then a DSN (RFC 3464) goes back to the envelope's sender.

    Raises:
        TimeoutError: it does not listen; what it said is on standard error.
    """
    with TemporaryDirectory(prefix="postfix-") as name, _greylisting(greylists) as policy:
        folder, port = Path(name), free_port()
        _furnish(folder, certificate_and_key, port=port, policy=policy)
        # A Maildir for what comes back, and one for all the rest; who has no place in them is found missing when the mail is
        # delivered, after it was accepted
        (folder / "mailboxes").write_text(f"/^bounces[+@]/ returned/\n!/^({'|'.join(map(re.escape, bounces))})$/ all/\n")
        (folder / "access").write_text(f"/^{re.escape(refuses)}$/ 550 5.1.1 nobody of this name lives here\n")
        with subprocess.Popen(
            [_PROGRAMS / "master", "-c", folder / "etc", "-d"], start_new_session=True, env={"PATH": os.defpath}
        ) as process:
            try:
                wait_until_listening(port)
                yield Postfix(folder, port)
            finally:
                process.terminate()
                process.wait(10)
                with contextlib.suppress(ProcessLookupError):  # its children, should any have outlived it
                    os.killpg(process.pid, signal.SIGKILL)


def _furnish(folder: Path, certificate_and_key: Path, *, port: int, policy: int) -> None:
    """The folders and files that Postfix expects, owned as it insists."""
    keeper = pwd.getpwnam(_KEEPER)
    folder.chmod(0o755)
    for place, owner, group, mode in (
        ("etc", "root", "root", 0o755),
        ("data", "postfix", "root", 0o700),
        *(
            (place, _KEEPER, "root", 0o700)
            for place in ("mail", "mail/returned", *(f"mail/returned/{each}" for each in _MAILDIR))
        ),
        ("queue", "root", "root", 0o755),
        ("queue/pid", "root", "root", 0o755),
        ("queue/public", "postfix", "postdrop", 0o710),
        ("queue/maildrop", "postfix", "postdrop", 0o730),
        *((f"queue/{each}", "postfix", "root", 0o700) for each in _QUEUES),
    ):
        (folder / place).mkdir()
        shutil.chown(folder / place, owner, group)
        (folder / place).chmod(mode)
    shutil.copy(certificate_and_key, folder / "certificate")
    values = {"folder": folder, "programs": _PROGRAMS, "owner": "postfix", "group": "postdrop", "policy": policy}
    (folder / "etc" / "main.cf").write_text(_MAIN.format(**values, uid=keeper.pw_uid, gid=keeper.pw_gid))
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port))


_MAILDIR = ("tmp", "new", "cur")
_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")


@contextmanager
def _greylisting(recipient: str) -> Iterator[int]:
    """A policy service that puts a sender off who first writes to this recipient; its port."""
    known: set[str] = set()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked: dict[str, str] = {}
            for line in self.rfile:
                name, equals, value = line.decode().strip().partition("=")
                if equals:
                    asked[name] = value
                    continue
                put_off = asked["recipient"] == recipient and asked["sender"] not in known
                if put_off:
                    known.add(asked["sender"])
                self.wfile.write(b"action=DEFER_IF_PERMIT Greylisted\n\n" if put_off else b"action=DUNNO\n\n")
                asked = {}

    with _serving(Handler) as port:
        yield port


@dataclass
class Cutter:
    """A wire to a mail server; the answers to the next `cuts` final dots never come through it: the line is cut instead."""

    port: int = 0
    cuts: int = 0

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        end, cut = b"", False
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65536)
                if not data or (cut and source is server):
                    return  # the server has answered the final dot: it has the message
                (server if source is client else client).sendall(data)
                if source is client:
                    end = (end + data)[-5:]
                    cut = end == b"\r\n.\r\n" and self.cuts > 0
                    self.cuts -= cut


@contextmanager
def cutting(server_port: int) -> Iterator[Cutter]:
    """A wire to the server at this port of 127.0.0.1; what it carries must not be encrypted."""
    cutter = Cutter()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server_port)) as server:
                cutter._carry(self.request, server)

    with _serving(Handler) as cutter.port:
        yield cutter


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """A server at a free port that handles each connection so."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
