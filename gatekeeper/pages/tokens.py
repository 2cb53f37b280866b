"""Who looks at the page: said by the gate in a token of its own, and handed back by the page's forms in one of ours."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from itsdangerous import BadData, URLSafeTimedSerializer

from gatekeeper.model import plain_path

PAGE_TOKEN_SECONDS: Final = 600
ACTION_TOKEN_SECONDS: Final = 24 * 60 * 60
_LONGEST: Final = 4096
_HOME: Final = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody of an account, or a stranger, who asked for a path of the product and was not let in.

    `viewer`: an e-mail address; `-`: nobody of this account; empty: the edge does not say who it is.
    """

    account: str
    viewer: str = ""
    path: str = ""

    @property
    def home(self) -> str:
        """Where to go on, on this very host: the path that was asked for if every reader reads it alike, else `/` (case 99)."""
        path = plain_path(self.path.encode(errors="replace"))
        return _HOME if path is None else path.decode("ascii")


def visit_of(token: str, signer: URLSafeTimedSerializer, most_seconds: int) -> Visit | None:
    """None: it was not signed here, or is too old. A text alone is the account's id."""
    try:
        said = signer.loads(token, max_age=most_seconds)
    except BadData:
        return None
    if isinstance(said, str):
        return Visit(account=said)
    return Visit(**said) if _is_visit(said) else None


def token_of(visit: Visit, signer: URLSafeTimedSerializer) -> str:
    return str(signer.dumps(asdict(visit)))


def _is_visit(said: Any) -> bool:
    if not isinstance(said, dict) or "account" not in said or not said.keys() <= {"account", "viewer", "path"}:
        return False
    return all(isinstance(value, str) and len(value) <= _LONGEST for value in said.values())
