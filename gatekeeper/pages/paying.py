"""The links of letters and pages: to where an invoice is paid, and to its PDF, as both are at this moment."""

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatekeeper.pages.answers import Answers
from gatekeeper.pages.books import Books, PayLink

_RETRY_AFTER = {"Retry-After": "30"}

Place = Callable[[str], str | None]
Unavailable = type[Exception] | tuple[type[Exception], ...]


def paying(books: Books, answers: Answers, *, payment_page: Place, pdf: Place, unavailable: Unavailable) -> list[Route]:
    """`/pay/{token}` and `/pay/{token}/pdf`.

    `payment_page` and `pdf` ask the biller for the current address of an invoice id: stored ones expire (stripe.md, rule 16).
    None: nothing is left to pay, or there is none. They raise `unavailable` when the biller cannot be asked.
    """

    def pay(request: Request) -> Response:
        link = books.pay_link(request.path_params["token"])
        if link is None:
            return answers.page(request, 404, "gone")
        page = _page_of(link, payment_page, unavailable)
        if page is None:
            return answers.page(request, 200, "settled")
        if address := _on_the_web(page):
            return answers.elsewhere(address)
        if link.elsewhere is not None:
            return answers.page(request, 200, "by_hand")
        return answers.page(request, 503, "unavailable", headers=_RETRY_AFTER)

    def document(request: Request) -> Response:
        link = books.pay_link(request.path_params["token"])
        if link is None or link.elsewhere is not None:
            return answers.page(request, 404, "gone")
        try:
            address = _on_the_web(pdf(link.invoice_id) or "")
        except unavailable:
            return answers.page(request, 503, "unavailable", headers=_RETRY_AFTER)
        return answers.elsewhere(address) if address else answers.page(request, 404, "gone")

    return [Route("/pay/{token}", pay), Route("/pay/{token}/pdf", document)]


def _page_of(link: PayLink, payment_page: Place, unavailable: Unavailable) -> str | None:
    """Where this is paid at this moment; empty where nobody can say. None: nothing is left to pay.

    Of what was paid a moment ago the biller knows it before the ledger does.
    """
    if not link.owed:
        return None
    if link.elsewhere is not None:
        return link.elsewhere
    try:
        return payment_page(link.invoice_id)
    except unavailable:
        return ""


def _on_the_web(address: str) -> str | None:
    """`address` if a browser may be sent there, else None."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.netloc else None
