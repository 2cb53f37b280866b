"""Files in the state folder, and the files that are shipped."""

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer

_PACKAGE = Path(__file__).parent.parent


class StateFolderInUse(RuntimeError):
    """Another gatekeeper works on this state folder."""


class StateFolder:
    """`snapshot` for the gates, `lockout.html` (for strangers `closed.html`) for when the web part is dead, the `halt` flag,
    and the key of page tokens.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshot = folder / "snapshot"
        self.fallback_page = folder / "lockout.html"
        self.closed_page = folder / "closed.html"
        self.halt = folder / "halt"

    def page_signer(self) -> URLSafeTimedSerializer:
        """Signs what the gate tells the web part: whose lockout page to show. The key is made by whoever comes first."""
        return URLSafeTimedSerializer(self._key("page.key"), salt="gatekeeper.page")

    def action_signer(self) -> URLSafeTimedSerializer:
        """Signs what the forms of the lockout page hand back."""
        return URLSafeTimedSerializer(self._key("page.key"), salt="gatekeeper.page.action")

    def staff_signer(self) -> URLSafeSerializer:
        """Signs passes of the staff. When they end stands in them, for itsdangerous would ask a clock of its own."""
        return URLSafeSerializer(self._key("page.key"), salt="gatekeeper.staff")

    def return_path_secret(self) -> bytes:
        """Signs the return paths of letters."""
        return hmac.digest(self._key("page.key"), b"gatekeeper.return_path", "sha256")

    def keep_to_confirm(self, address: str) -> None:
        """For a person to open in a browser, who has to confirm that a provider may tell us what came back."""
        file = os.open(self.folder / "webhook-to-confirm", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as kept:
            kept.write(f"{address}\n")

    def _key(self, name: str) -> bytes:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        beside = self.folder / f".{name}.{secrets.token_hex(4)}"
        if not path.exists():
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):
                os.link(beside, path)  # whole or not at all, and never over another's
            beside.unlink()
        return path.read_bytes()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for one worker process; one process owns an SQLite ledger (case 74).

        Raises:
            StateFolderInUse: somebody else holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as fault:
                file.seek(0)
                who = f"another gatekeeper (process {file.read().strip() or 'unknown'})"
                raise StateFolderInUse(f"{who} works in {self.folder}; stop it first, or name another state.folder") from fault
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def shipped(folder: str, name: str) -> Path:
    """A file of the top-level `config/` (or `templates/`): in a wheel below the package, in a checkout beside it."""
    inside = _PACKAGE / f"_{folder}" / name
    return inside if inside.exists() else _PACKAGE.parent / folder / name
