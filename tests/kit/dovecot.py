"""A real IMAP server (Debian's Dovecot), private to a test: one account, on a free port of 127.0.0.1, over TLS only.

    with certificate() as trusted, dovecot(trusted, maildir) as server:
        with server.session() as session:
            session.append("INBOX", ...)

Dovecot is started by root only, and gives the rights of root up itself; the mail is `nobody`'s, as that of our Postfix is.
"""

import contextlib
import imaplib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from tests.kit.ports import free_port, wait_until_listening

USER, PASSWORD = "bounces@acme.example", 'a p@ss/word#"1'
_KEEPER = "nobody"

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/certificate
ssl_key = <{folder}/certificate
disable_plaintext_auth = yes
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{maildir}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running Dovecot, whose INBOX is the Maildir that it was given."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """As `mail.bounces_url` takes it, without a folder."""
        return f"imaps://{quote(USER)}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}"

    @contextmanager
    def session(self) -> Iterator[imaplib.IMAP4_SSL]:
        """Somebody else who looks into the same account."""
        with imaplib.IMAP4_SSL("127.0.0.1", self.port) as server:
            server.login(USER, PASSWORD)
            yield server


@contextmanager
def dovecot(certificate_and_key: Path, maildir: Path) -> Iterator[Dovecot]:
    """A Dovecot until the end of the block; `certificate_and_key` is a PEM file with both (`tests.kit.smtp.certificate`).

    `maildir` is made where it is missing; what lies in it must belong to `nobody`.

    Raises:
        TimeoutError: it does not listen; what it said is on standard error.
    """
    with TemporaryDirectory(prefix="dovecot-") as name:
        folder, port, keeper = Path(name), free_port(), pwd.getpwnam(_KEEPER)
        folder.chmod(0o755)
        for place in (folder / "home", maildir):
            place.mkdir(exist_ok=True)
            shutil.chown(place, keeper.pw_uid, keeper.pw_gid)
        shutil.copy(certificate_and_key, folder / "certificate")
        (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        values = {"folder": folder, "maildir": maildir, "uid": keeper.pw_uid, "gid": keeper.pw_gid, "port": port}
        (folder / "config").write_text(_CONFIG.format(**values))
        with subprocess.Popen(
            ["dovecot", "-F", "-c", folder / "config"], start_new_session=True, env={"PATH": os.environ["PATH"]}
        ) as process:
            try:
                wait_until_listening(port)
                yield Dovecot(folder, port)
            finally:
                process.terminate()
                process.wait(10)
                with contextlib.suppress(ProcessLookupError):  # its children, should any have outlived it
                    os.killpg(process.pid, signal.SIGKILL)
