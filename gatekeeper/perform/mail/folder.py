"""Delivery into a folder, one `.eml` file a letter: for the demo's mailbox page and for looking at letters by hand."""

import re
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail.letter import Letter, compose

_NAME_LIMIT = 100


class FolderTransport:
    """Creates the folder when it is needed. Both are readable by their owner only: letters hold personal data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, letter: Letter) -> Outcome:
        """`ACCEPTED` once the whole file is there; a letter that is sent again becomes a second file.

        Raises:
            LetterRefused: see `compose`.
        """
        message = compose(letter)
        try:
            return Outcome(state=NoticeState.ACCEPTED, detail=self._put(letter.message_id, message))
        except OSError as fault:
            detail = f"the folder of mail.url cannot be written: {fault.strerror}"
            return Outcome(state=NoticeState.DEFERRED, detail=detail, ours=True)

    def close(self) -> None:
        """Nothing is kept open."""

    def _put(self, message_id: str, message: bytes) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stem = re.sub(r"[^A-Za-z0-9@_-]+", ".", message_id.strip("<>")).strip(".")[:_NAME_LIMIT]
        names = (f"{stem}.eml" if number == 1 else f"{stem}.{number}.eml" for number in count(1))
        target = next(path for path in map(self._folder.joinpath, names) if not path.exists())
        with NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".tmp", delete=False) as file:
            file.write(message)
        Path(file.name).replace(target)
        return target.name
