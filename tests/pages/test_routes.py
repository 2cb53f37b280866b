import asyncio
import hashlib
import re
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from starlette.applications import Starlette

from gatekeeper.model import WishKind
from gatekeeper.pages import PAGE_HEADER, Books, Deeds, PayLink, Signers, Watch, routes
from gatekeeper.wording import LockoutView, Wording
from tests.wording.samples import LOCKOUT, PRODUCT

SIGNER = URLSafeTimedSerializer(["a key for tests"], salt="page")
ACTION_SIGNER = URLSafeTimedSerializer(["a key for tests"], salt="page.action")
PDF = "https://pay.stripe.example/invoice/acct_1/live_abc/pdf"
PAYMENT_PAGE = "https://invoice.stripe.example/i/acct_1/live_abc?s=ap&x=[1]"
HEADERS = {
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
    "vary": "*",
}


class BillerAway(Exception):
    """Stands for the exception that the billing source raises when it cannot be asked."""


@dataclass
class Shelf:
    """Books in memory."""

    lockouts: dict[str, LockoutView] = field(default_factory=lambda: {"acme": LOCKOUT})
    links: dict[str, PayLink] = field(default_factory=lambda: {"tok": PayLink(invoice_id="in_1", owed=True)})
    asked: list[str] = field(default_factory=list)

    def lockout(self, account_id: str, _viewer: str = "") -> LockoutView | None:
        self.asked.append(account_id)
        return self.lockouts.get(account_id)

    def pay_link(self, token: str) -> PayLink | None:
        return self.links.get(token)


class Idle:
    """Does nothing of what the buttons ask for."""

    def check(self, account_id: str, viewer: str) -> None: ...
    def write(self, account_id: str, viewer: str, kind: WishKind) -> None: ...
    def promise(self, account_id: str, viewer: str, due_on: date) -> None: ...
    def transfer(self, account_id: str, viewer: str, paid_on: date, reference: str) -> None: ...
    def review(self, account_id: str, viewer: str, words: str) -> None: ...


def web(
    books: Books,
    deeds: Deeds | None = None,
    payment_page: Callable[[str], str | None] = lambda _: PAYMENT_PAGE,
    pdf: Callable[[str], str | None] = lambda _: PDF,
    wording: Wording | None = None,
) -> Starlette:
    """The pages alone; `watch` never finds anybody let in."""
    return Starlette(
        routes=routes(
            books,
            deeds or Idle(),
            payment_page=payment_page,
            pdf=pdf,
            signers=Signers(page=SIGNER, action=ACTION_SIGNER),
            wording=wording or Wording(PRODUCT),
            watch=Watch(lambda: 0, lambda _: set(), threading.Event()),
            unavailable=BillerAway,
        )
    )


def app(books: Shelf, payment_page: Callable[[str], str | None] = lambda _: PAYMENT_PAGE) -> Starlette:
    return web(books, payment_page=payment_page)


def ask(
    application: Starlette, path: str, method: str = "GET", headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="https://bill.acme.example") as client:
            return await client.request(method, path, headers=headers, **body)

    return asyncio.run(once())


def vouched(account_id: object) -> dict[str, str]:
    token = SIGNER.dumps(account_id)
    assert isinstance(token, str)
    return {PAGE_HEADER: token}


def aged(seconds: int) -> dict[str, str]:
    """A token that was signed `seconds` ago."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - seconds

    return {PAGE_HEADER: str(URLSafeTimedSerializer(["a key for tests"], salt="page", signer=Earlier).dumps("acme"))}


def test_a_locked_out_user_gets_the_page_with_402() -> None:
    answer = ask(app(Shelf()), "/overdue", headers=vouched("acme"))
    assert answer.status_code == 402
    assert "ACME-0042" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_token_may_come_in_the_query_and_the_header_goes_before_it() -> None:
    books = Shelf()
    assert ask(app(books), "/overdue?token=" + vouched("acme")[PAGE_HEADER]).status_code == 402
    ask(app(books), "/overdue?token=" + vouched("other")[PAGE_HEADER], headers=vouched("acme"))
    assert books.asked == ["acme", "acme"]


@pytest.mark.parametrize(
    "headers",
    [{}, {PAGE_HEADER: "acme"}, {PAGE_HEADER: "x.y.z"}, vouched(["acme"]), vouched(None), aged(660)],
)
def test_without_a_token_that_holds_the_page_shows_nothing_of_any_account(headers: dict[str, str]) -> None:
    books = Shelf()
    answer = ask(app(books), "/overdue?token=%C3%A9%00", headers=headers)
    assert answer.status_code == 403
    assert books.asked == []
    assert "Blue Door" not in answer.text


def test_a_token_holds_for_ten_minutes() -> None:
    assert ask(app(Shelf()), "/overdue", headers=aged(540)).status_code == 402


def test_a_token_of_another_purpose_does_not_open_the_page() -> None:
    other = URLSafeTimedSerializer(["a key for tests"], salt="staff").dumps("acme")
    assert ask(app(Shelf()), "/overdue", headers={PAGE_HEADER: str(other)}).status_code == 403


def test_an_account_that_owes_nothing_is_told_so() -> None:
    answer = ask(app(Shelf()), "/overdue", headers=vouched("paid-up"))
    assert answer.status_code == 200
    assert "Nothing to pay here" in answer.text


def test_a_pay_link_leads_to_the_current_payment_page() -> None:
    pages = iter(["https://pay.example/1", "https://pay.example/2"])
    application = app(Shelf(), lambda _: next(pages))
    for number in (1, 2):
        answer = ask(application, "/pay/tok")
        assert (answer.status_code, answer.headers["location"]) == (303, f"https://pay.example/{number}")


def test_a_pdf_link_leads_to_where_the_pdf_is_now() -> None:
    answer = ask(app(Shelf()), "/pay/tok/pdf")
    assert (answer.status_code, answer.headers["location"]) == (303, PDF)


@pytest.mark.parametrize("pdf", [None, "", "javascript:alert(1)", "//evil.example/x.pdf"])
def test_what_has_no_pdf_leads_nowhere(pdf: str | None) -> None:
    answer = ask(web(Shelf(), pdf=lambda _: pdf), "/pay/tok/pdf")
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_pdf_that_cannot_be_asked_for_is_to_be_tried_again() -> None:
    assert ask(web(Shelf(), pdf=unreachable), "/pay/tok/pdf").status_code == 503
    assert ask(web(Shelf()), "/pay/unknown/pdf").status_code == 404


def test_a_payment_page_is_passed_on_as_it_is() -> None:
    assert ask(app(Shelf()), "/pay/tok").headers["location"] == PAYMENT_PAGE


def test_a_pay_link_of_a_settled_invoice_says_thank_you_and_does_not_ask_the_biller() -> None:
    books = Shelf(links={"tok": PayLink(invoice_id="in_1", owed=False)})
    answer = ask(app(books, lambda _: pytest.fail("the biller was asked")), "/pay/tok")
    assert answer.status_code == 200
    assert "Thank you" in answer.text


def test_who_has_paid_a_moment_ago_is_thanked_although_the_ledger_does_not_know_it_yet() -> None:
    answer = ask(app(Shelf(), lambda _: None), "/pay/tok")
    assert answer.status_code == 200
    assert "Thank you" in answer.text


def test_an_unknown_pay_link_is_404_and_is_not_repeated() -> None:
    answer = ask(app(Shelf()), "/pay/nobody-knows-this?x=%3Cscript%3E")
    assert answer.status_code == 404
    assert "nobody-knows-this" not in answer.text
    assert "script>" not in re.sub(r"</?script>", "", answer.text)


def unreachable(_: str) -> str:
    raise BillerAway


@pytest.mark.parametrize(
    "payment_page",
    [
        unreachable,
        *[lambda _, page=page: page for page in ("", "javascript:alert(1)", "//evil.example", "https:", "http://[x")],
    ],
)
def test_without_a_payment_page_the_reader_is_asked_to_try_again(payment_page: Callable[[str], str | None]) -> None:
    answer = ask(app(Shelf(), payment_page), "/pay/tok")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert "support@acme.example" in answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/overdue", "/pay/tok", "/pay/tok/pdf", "/pay/settled", "/pay/unknown", "/pay/away"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_answer_carries_the_same_protection(path: str, method: str) -> None:
    links = {name: PayLink(invoice_id=name, owed=name != "settled") for name in ("tok", "settled", "away")}
    application = app(Shelf(links=links), lambda invoice_id: unreachable("") if invoice_id == "away" else PAYMENT_PAGE)
    answer = ask(application, path, method, headers=vouched("acme"))
    # A form of the page that tells no host anything would have the origin `null`
    expected = HEADERS | ({"referrer-policy": "same-origin"} if path == "/overdue" else {})
    assert {name: answer.headers[name] for name in HEADERS} == expected
    policy = answer.headers["content-security-policy"].split("; ")
    assert {
        "default-src 'none'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    } <= set(policy)
    assert "unsafe" not in str(policy)


def test_the_policy_allows_exactly_the_style_and_script_of_the_page() -> None:
    answer = ask(app(Shelf()), "/overdue", headers=vouched("acme"))
    for kind in ("style", "script"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.text, re.DOTALL)
        fingerprint = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{fingerprint}';" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/overdue", "/pay/tok", "/pay/tok/pdf"])
def test_only_reading_is_possible(path: str, method: str) -> None:
    assert ask(app(Shelf()), path, method).status_code == 405


def test_the_page_speaks_the_language_that_the_browser_asks_for() -> None:
    answer = ask(app(Shelf()), "/overdue", headers={**vouched("acme"), "Accept-Language": "de, en-US;q=0.8"})
    assert answer.headers["content-language"] == "en-US"
    assert "December 1, 2026" in answer.text
    assert "1 December 2026" in ask(app(Shelf()), "/overdue", headers=vouched("acme")).text
