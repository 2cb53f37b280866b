"""What came back of a letter after a mail server had accepted it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class ReturnKind(StrEnum):
    """`BOUNCED`: it did not arrive, and nobody tries any more. `DELAYED`: it has not arrived yet. `COMPLAINED`: it arrived, and
    was called spam. That something arrived is no kind: such a word never changes anything (case 49).
    """

    BOUNCED = "bounced"
    DELAYED = "delayed"
    COMPLAINED = "complained"


class Report(NamedTuple):
    """What is said of one recipient: `detail` in a mail server's words; `address` in lower case, empty where none is said."""

    kind: ReturnKind
    detail: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What came back of one letter. `message_ids`: by which it names that, in angle brackets; the first known one counts."""

    message_ids: tuple[str, ...]
    reports: tuple[Report, ...]
