"""A folder with an empty file for each account to ask about: nginx and Caddy see whether one is there (docs/edges/nginx.md).

The file `-` stands for the whole list and holds its revision. An account whose id is no plain name of a file has none, and the
edge asks about whoever has such an id.
"""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from gatekeeper.gate.asklist import PLAIN, SOON, WHOLE, ListRefused

# No plain name: neither of these is an account's file, and no account's path leads out of the folder
_OURS = ".gatekeeper"
_NEW = "-new"
_SAYS = (
    "gatekeeper keeps this folder (gate.list_folder): whom the edge has to ask about. Files of others are removed from it.\n"
)
# Whoever knows an id may look whether it is there, as the edge has to; nobody else is shown the names
_MODE = 0o711


class AskFolder:
    """A shelf (asklist.py)."""

    rest = SOON

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = folder / os.fsdecode(WHOLE)

    def has(self, revision: int) -> bool:
        try:
            return self._mark.read_text() == f"{revision}\n"
        except FileNotFoundError:
            return False

    def write(self, accounts: Collection[bytes], revision: int) -> None:
        """Who comes on it first, who goes off it last: of both lists there is no moment with less than either asks for."""
        self._make_ours()
        wanted = {account for account in accounts if PLAIN.fullmatch(account)}
        with os.scandir(os.fsencode(self._folder)) as entries:
            there = {entry.name for entry in entries if PLAIN.fullmatch(entry.name)}
        self.add(wanted - there)
        self.mark(revision)
        for account in there - wanted:
            self.remove(account)

    def add(self, accounts: Collection[bytes]) -> None:
        try:
            for account in filter(PLAIN.fullmatch, accounts):
                os.close(os.open(self._at(account), os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError:
            # Whoever is not on the list now is to be asked about, like everybody
            with contextlib.suppress(OSError):
                self.withdraw()
            raise

    def remove(self, account: bytes) -> bool:
        if PLAIN.fullmatch(account):  # or it leads elsewhere
            self._at(account).unlink(missing_ok=True)
        return True

    def mark(self, revision: int) -> None:
        fresh = self._folder / _NEW
        fresh.write_text(f"{revision}\n")
        fresh.replace(self._mark)

    def withdraw(self) -> None:
        self._mark.unlink(missing_ok=True)

    def _at(self, account: bytes) -> Path:
        return self._folder / account.decode()

    def _make_ours(self) -> None:
        """Raises ListRefused for what others keep something in: we would remove it."""
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(_MODE)
            self._folder.chmod(_MODE)
        ours = self._folder / _OURS
        if not ours.exists():
            if any(self._folder.iterdir()):
                raise ListRefused(
                    f"{self._folder} is not empty, and no folder of gatekeeper's: name an empty one, gate.list_folder"
                )
            ours.write_text(_SAYS)
        if ours.with_name(_OURS.upper()).exists():
            raise ListRefused(
                f"{self._folder} does not tell upper from lower case, as account ids do: choose another for gate.list_folder"
            )
