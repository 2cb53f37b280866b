"""The gate as WSGI middleware: in the product's own process, behind what knows who asks (docs/middleware.md).

What fails here is counted, and the request goes on (case 108).
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from gatekeeper.gate.local import Door
from gatekeeper.model import Standing

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

STANDING = "gatekeeper.standing"
_CURRENT = Standing.CURRENT.value
_OURS = ("HTTP_X_GATEKEEPER_STANDING", "HTTP_X_GATEKEEPER_ACCOUNT", "HTTP_X_GATEKEEPER_REVISION")


def gated(app: App, door: Door, account_of: Callable[[Environ], str | None]) -> App:
    """Wrap a WSGI app. `account_of` gives the account id of an environ, or None where nobody is signed in: such are let in.

    The app finds the standing in `environ["gatekeeper.standing"]`; the headers that the gate sets elsewhere do not reach it.
    """
    book = door.book

    def gate(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        refusal = None
        try:
            for name in _OURS:
                if name in environ:
                    del environ[name]
            account = account_of(environ)
            if account:
                if account.encode() in book.listed:
                    environ[STANDING] = book.entry(account.encode()).standing.value
                    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
                    refusal = door.refusal(account, environ["REQUEST_METHOD"], path, _header(environ))
                else:
                    environ[STANDING] = _CURRENT
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with us, the product goes on
            door.failures.note(fault)
        if refusal is None:
            return app(environ, start_response)
        status = HTTPStatus(refusal.status)
        start_response(f"{status.value} {status.phrase}", list(refusal.fields))
        return [refusal.body]

    return gate


def _header(environ: Environ) -> Callable[[str], str]:
    return lambda name: environ.get("HTTP_" + name.upper().replace("-", "_"), "")
