"""The lockout page and the pay links. They read, and change nothing: mail scanners follow every link (case 56)."""

from dataclasses import dataclass, replace

from itsdangerous import URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatekeeper.pages.acting import acting
from gatekeeper.pages.answers import SAME_ORIGIN, Answers
from gatekeeper.pages.books import Books, Deeds
from gatekeeper.pages.paying import Place, Unavailable, paying
from gatekeeper.pages.tokens import PAGE_TOKEN_SECONDS, Visit, token_of, visit_of
from gatekeeper.pages.watching import Watch, watching
from gatekeeper.policy.selfservice import STRANGER
from gatekeeper.wording import Wording

PAGE_HEADER = "X-Gatekeeper-Page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """`page`: of what the gate says, who looks; `action`: of what the page's forms hand back."""

    page: URLSafeTimedSerializer
    action: URLSafeTimedSerializer


def routes(
    books: Books,
    deeds: Deeds,
    *,
    payment_page: Place,
    pdf: Place,
    signers: Signers,
    wording: Wording,
    watch: Watch,
    unavailable: Unavailable,
) -> list[Route]:
    """`/overdue`, with its buttons below it, and `/pay/{token}`.

    `payment_page`, `pdf`, `unavailable`: see `paying`.
    """
    answers = Answers(wording)

    def shown(request: Request, visit: Visit) -> Response:
        if visit.viewer == STRANGER:
            # Before anything is looked up: whoever is nobody of this account is not told that anything is owed (case 103)
            return answers.page(request, 402, "closed")
        view = books.lockout(visit.account, visit.viewer)
        if view is None:
            return answers.page(request, 200, "settled")
        view = replace(view, token=token_of(visit, signers.action))
        return answers.page(request, 402, "overdue", view, SAME_ORIGIN)

    def overdue(request: Request) -> Response:
        token = request.headers.get(PAGE_HEADER) or request.query_params.get("token", "")
        visit = visit_of(token, signers.page, PAGE_TOKEN_SECONDS)
        return answers.page(request, 403, "gone") if visit is None else shown(request, visit)

    return [
        Route("/overdue", overdue),
        *acting(books, deeds, answers, signers.action, unavailable=unavailable),
        *watching(watch, signers.action),
        *paying(books, answers, payment_page=payment_page, pdf=pdf, unavailable=unavailable),
    ]
