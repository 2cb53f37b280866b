"""The buttons of the lockout page: plain forms, each a POST with a human step (case 56), which work without JavaScript.

What came of it shows where the person was going: the gate judges that request anew. Where access is open the person goes
there from a page of ours, and not by a redirection: Chromium holds every redirection after a form to the page's `form-action`,
and the product may well send on to a sign-in elsewhere.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
from itsdangerous import URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatekeeper.bodies import bounded
from gatekeeper.model import WishKind
from gatekeeper.pages.answers import SAME_ORIGIN, Answers
from gatekeeper.pages.books import Books, Deeds
from gatekeeper.pages.forms import MOST_BYTES, day_of, fields_of, filled, is_ours
from gatekeeper.pages.paying import Unavailable
from gatekeeper.pages.tokens import ACTION_TOKEN_SECONDS, Visit, visit_of
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.selfservice import STRANGER
from gatekeeper.wording import Form

_NAMES: Final = {
    "check": WishKind.CHECK,
    "remind": WishKind.NUDGE,
    "again": WishKind.AGAIN,
    "promise": WishKind.PROMISE,
    "transfer": WishKind.TRANSFER,
    "review": WishKind.REVIEW,
}

log = structlog.get_logger(__name__)


def acting(
    books: Books, deeds: Deeds, answers: Answers, signer: URLSafeTimedSerializer, *, unavailable: Unavailable
) -> list[Route]:
    """`POST /overdue/check` and the others. `signer`: of the token that the page put into its forms.

    `unavailable`: what is raised where nothing can be kept at the moment; the page that stands in says whom to write to.
    """

    def act(kind: WishKind, request: Request, visit: Visit, fields: Mapping[str, str]) -> Response:
        view = books.lockout(visit.account, visit.viewer)
        if view is not None:
            form = filled(kind, fields, view)
            if form.faults:
                mending = replace(view, form=form, home=visit.home, token=fields["token"])
                return answers.page(request, 422, "overdue", mending, SAME_ORIGIN)
            _do(deeds, visit, form)
            view = books.lockout(visit.account, visit.viewer)
        if view is not None and view.standing in CLOSED:
            return answers.elsewhere(visit.home)
        return answers.page(request, 200, "back", headers={"Refresh": f"1; url={visit.home}"})

    async def pressed(kind: WishKind, request: Request) -> Response:
        body = await bounded(request, MOST_BYTES) if is_ours(request.headers) else None
        fields = fields_of(body or b"")
        visit = visit_of(fields.get("token", ""), signer, ACTION_TOKEN_SECONDS)
        if visit is None or visit.viewer == STRANGER:
            return answers.page(request, 403, "gone")
        try:
            return await run_in_threadpool(act, kind, request, visit, fields)
        except unavailable as fault:
            log.warning("wish.lost", kind=kind, fault=type(fault).__name__)
            return answers.elsewhere(visit.home)

    return [Route(f"/overdue/{name}", partial(pressed, kind), methods=["POST"]) for name, kind in _NAMES.items()]


def _do(deeds: Deeds, visit: Visit, form: Form) -> None:
    """What a form without faults asks for."""
    day = day_of(form)
    match form.kind:
        case WishKind.CHECK:
            deeds.check(visit.account, visit.viewer)
        case WishKind.NUDGE | WishKind.AGAIN:
            deeds.write(visit.account, visit.viewer, form.kind)
        case WishKind.PROMISE if day is not None:
            deeds.promise(visit.account, visit.viewer, day)
        case WishKind.TRANSFER if day is not None:
            deeds.transfer(visit.account, visit.viewer, day, form.reference)
        case WishKind.REVIEW:
            deeds.review(visit.account, visit.viewer, form.words)
