"""The lockout page and the pay links. They read, and change nothing: mail scanners follow every link (case 56)."""

from collections.abc import Callable
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatekeeper.pages.answers import Answers
from gatekeeper.pages.books import Books, PayLink
from gatekeeper.wording import Wording

PAGE_HEADER = "X-Gatekeeper-Page"
_PAGE_TOKEN_AGE_SECONDS = 600
_RETRY_AFTER = {"Retry-After": "30"}


def routes(
    books: Books,
    payment_page: Callable[[str], str | None],
    page_signer: URLSafeTimedSerializer,
    wording: Wording,
    *,
    unavailable: type[Exception] | tuple[type[Exception], ...],
) -> list[Route]:
    """`/overdue` and `/pay/{token}`, for GET and HEAD.

    `payment_page` asks the biller for the current payment page of an invoice id: stored ones expire (stripe.md, rule 16). None:
    nothing is left to pay. It raises `unavailable` when the biller cannot be asked. `page_signer` signs the account id that the
    gate hands on.
    """
    answers = Answers(wording)

    def overdue(request: Request) -> Response:
        account_id = _account(request, page_signer)
        if account_id is None:
            return answers.page(request, 403, "gone")
        view = books.lockout(account_id)
        if view is None:
            return answers.page(request, 200, "settled")
        return answers.page(request, 402, "overdue", view)

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

    return [Route("/overdue", overdue), Route("/pay/{token}", pay)]


def _account(request: Request, page_signer: URLSafeTimedSerializer) -> str | None:
    """The account that the gate vouches for, in the header, else in the query; None without a token that holds."""
    token = request.headers.get(PAGE_HEADER) or request.query_params.get("token", "")
    try:
        account_id = page_signer.loads(token, max_age=_PAGE_TOKEN_AGE_SECONDS)
    except BadData:
        return None
    if isinstance(account_id, dict):
        account_id = account_id.get("account")
    return account_id if isinstance(account_id, str) else None


def _page_of(
    link: PayLink,
    payment_page: Callable[[str], str | None],
    unavailable: type[Exception] | tuple[type[Exception], ...],
) -> str | None:
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
