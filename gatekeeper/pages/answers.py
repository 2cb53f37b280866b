"""Page answers: one place sets the headers, so that none goes out without them."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gatekeeper.wording import LockoutView, Wording

# Without it a browser calls the origin of the page's own forms `null`; to other hosts nothing is told either way
SAME_ORIGIN: Final = {"Referrer-Policy": "same-origin"}


class Answers:
    """Answers of the public pages. No answer repeats anything of the request (gate.md, section 4)."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._headers = {
            "Cache-Control": "no-store",
            "Vary": "*",
            "Content-Security-Policy": f"{wording.content_security_policy}; frame-ancestors 'none'",
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
            "Referrer-Policy": "no-referrer",
        }

    def page(
        self,
        request: Request,
        status: int,
        name: str,
        view: LockoutView | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The page `name` in the language that the browser asks for."""
        locale = self._wording.choose_locale(request.headers.get("accept-language"), None)
        document = self._wording.page(name, view, locale)
        language = {"Content-Language": locale.replace("_", "-")}
        return HTMLResponse(document, status, headers={**self._headers, **language, **(headers or {})})

    def elsewhere(self, address: str) -> Response:
        """303: see `address`."""
        return RedirectResponse(address, 303, headers=self._headers)
