"""A file with a filter for Envoy that knows whom to ask about (docs/edges/envoy.md).

Envoy takes the filter anew whenever another file is put in the place of this one (Envoy's documentation, "Extension
configuration"). For whoever is named plainly and is not on the list, the filter says what the product is to be told; the next
one, which asks the gate, is not for those who have a standing already. Of a file that it cannot read it keeps the one before.
"""

import json
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from gatekeeper.gate.asklist import PLAIN, SOON

# Envoy 1.40 takes 17 us for each account in the file, whenever it changes: so that is a thirtieth of its main thread at most
_REST_PER_ACCOUNT = 0.0005
_TYPE = "type.googleapis.com/envoy."
_EXTENSION = "extensions.common.matching.v3.ExtensionWithMatcher"


class EnvoyFile:
    """A shelf (asklist.py). It is written whole each time: who comes or goes waits until it is marked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._accounts: set[bytes] = set()
        self._written = 0, 0

    @property
    def rest(self) -> float:
        return max(SOON, len(self._accounts) * _REST_PER_ACCOUNT)

    def has(self, revision: int) -> bool:
        try:
            return (revision, self._path.stat().st_ino) == self._written
        except FileNotFoundError:
            return False

    def write(self, accounts: Collection[bytes], revision: int) -> None:
        self._accounts = {account for account in accounts if PLAIN.fullmatch(account)}
        self.mark(revision)

    def add(self, accounts: Collection[bytes]) -> None:
        self._accounts.update(filter(PLAIN.fullmatch, accounts))

    def remove(self, account: bytes) -> bool:
        self._accounts.discard(account)
        return True

    def mark(self, revision: int) -> None:
        self._put(revision, _asking_about(self._accounts, revision))

    def withdraw(self) -> None:
        self._put(0, [_document({"on_no_match": _ASK}, 0)])

    def _put(self, revision: int, parts: Iterable[str]) -> None:
        """Envoy looks for a file that is moved into its place, and not for one that is written to."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("w") as file:
            file.writelines(parts)
        if self._path.exists():  # who may read it is for the operator to say
            fresh.chmod(stat.S_IMODE(self._path.stat().st_mode))
        self._written = revision, fresh.stat().st_ino
        fresh.replace(self._path)


def _document(matcher: object, revision: int) -> str:
    """The file's content, with a matcher of whom to ask about (xds.type.matcher.v3.Matcher)."""
    told = {"account": "%REQ(x-account-id)%", "standing": "current", "revision": str(revision)}
    mutations = [
        {
            "append": {
                "header": {"key": f"x-gatekeeper-{name}", "value": value},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        }
        for name, value in told.items()
    ]
    tell = _of("extensions.filters.http.header_mutation.v3.HeaderMutation", mutations={"request_mutations": mutations})
    unless = _of(_EXTENSION, xds_matcher=matcher, extension_config={"name": "tell", "typed_config": tell})
    resource = _of("config.core.v3.TypedExtensionConfig", name="gatekeeper_list", typed_config=unless)
    return json.dumps({"version_info": str(revision), "resources": [resource]})


def _asking_about(accounts: Collection[bytes], revision: int) -> Iterator[str]:
    """In parts: while one large piece is made, the gate, which answers in another thread, would stand still."""
    plain = {"google_re2": {}, "regex": PLAIN.pattern.decode()}
    not_plainly = {"not_matcher": {"single_predicate": {"input": _ACCOUNT, "value_match": {"safe_regex": plain}}}}
    matcher: dict[str, object] = {"matcher_list": {"matchers": [{"predicate": not_plainly, "on_match": _ASK}]}}
    if not accounts:  # Envoy refuses a map without any
        yield _document(matcher, revision)
        return
    matcher["on_no_match"] = {"matcher": {"matcher_tree": {"input": _ACCOUNT, "exact_match_map": {"map": {_HERE: _ASK}}}}}
    ask = json.dumps(_ASK)
    before, _, after = _document(matcher, revision).partition(f'"{_HERE}": {ask}')
    yield before
    between = ""
    for account in accounts:
        yield f'{between}"{account.decode()}":{ask}'
        between = ","
    yield after


def _of(message: str, **fields: object) -> dict[str, object]:
    """A message of Envoy's that names its own type."""
    return {"@type": f"{_TYPE}{message}", **fields}


_HERE = "the accounts"
_ASK = {"action": {"name": "ask", "typed_config": _of("extensions.filters.common.matcher.action.v3.SkipFilter")}}
_ACCOUNT = {"name": "account", "typed_config": _of("type.matcher.v3.HttpRequestHeaderMatchInput", header_name="x-account-id")}
