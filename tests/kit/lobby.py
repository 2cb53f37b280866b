"""The lockout page of a real ledger and its buttons, for whoever the gate says is looking. Its web part has no socket."""

import asyncio
import re
import threading
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any, Final

import httpx
from itsdangerous import URLSafeTimedSerializer
from starlette.applications import Starlette

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.ledger.wish_reader import WishReader
from gatekeeper.pages import PAGE_HEADER, Signers, Watch, routes
from gatekeeper.pages.ledger_books import LedgerBooks
from gatekeeper.policy.rules import Rules
from gatekeeper.wishes import Wishes
from gatekeeper.wording import Product, Wording
from tests.kit.rig import Rig

HOST: Final = "app.acme.example"
STAFF: Final = "support@acme.example"
PRODUCT: Final = Product(name="Acme Cloud", url="https://app.acme.example", support_email=STAFF, locale="en_GB")
SIGNERS: Final = Signers(
    page=URLSafeTimedSerializer(["a key for tests"], salt="page"),
    action=URLSafeTimedSerializer(["a key for tests"], salt="page.action"),
)
# As Chromium sends it with a form of a page of this host
FROM_THE_PAGE: Final = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Origin": f"https://{HOST}"}


@cache
def wording() -> Wording:
    """Compiled once: it takes longer than most tests."""
    return Wording(PRODUCT)


@dataclass
class Lobby:
    """Everybody of the rig is judged by `rules`; a promise may reach `promise_days` ahead."""

    rig: Rig
    promise_days: int = 7
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.wishes = WishReader(self.rig.ledger.engine)
        self.stopping = threading.Event()
        self.woken = 0
        self.deeds = Wishes(
            reader=self.rig.ledger.reader,
            ledger=self.rig.ledger.writer.wishes,
            read_again=self.rig.sync.invoice,
            review=self.rig.review,
            publisher=self.rig.publisher,
            rules_of=lambda _: self.rules,
            clock=self.rig.clock,
            wake=self._wake,
            staff=STAFF,
            promise_days=self.promise_days,
        )
        self.books = LedgerBooks(
            reader=self.rig.ledger.reader,
            wishes=self.wishes,
            rules_of=lambda _: self.rules,
            product=PRODUCT,
            public_url="https://bill.acme.example",
            promise_days=self.promise_days,
            clock=self.rig.clock,
        )
        self.app = Starlette(
            routes=routes(
                self.books,
                self.deeds,
                payment_page=self.rig.books.payment_page,
                pdf=self.rig.books.pdf,
                signers=SIGNERS,
                wording=wording(),
                watch=Watch(self.wishes.revision, self.wishes.open_among, self.stopping),
                unavailable=SourceUnavailable,
            )
        )

    def _wake(self) -> None:
        self.woken += 1

    def suspend(self, account: str = "acme", **owed: Any) -> str:
        """The account owes an invoice (its id), has had every letter, and is suspended since an hour."""
        invoice_id = self.rig.books.owe(account, **owed)
        self.rig.climb()
        self.rig.review.run(self.rig.clock())
        self.rig.post()
        assert self.rig.standings()[account] == "suspended"
        self.rig.clock.move(hours=1)
        self.rig.publisher.run(self.rig.clock())
        return invoice_id

    def see(self, viewer: str = "", *, account: str = "acme", path: str = "", **headers: str) -> httpx.Response:
        """The page, for whom the gate names."""
        token = str(SIGNERS.page.dumps({"account": account, "viewer": viewer, "path": path}))
        return self.ask("GET", "/overdue", headers={PAGE_HEADER: token, **headers})

    def press(
        self,
        action: str,
        viewer: str = "",
        *,
        account: str = "acme",
        path: str = "",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> httpx.Response:
        """A form of the page that this viewer sees, sent with these fields."""
        token = str(SIGNERS.action.dumps({"account": account, "viewer": viewer, "path": path}))
        sent = FROM_THE_PAGE if headers is None else headers
        return self.ask("POST", f"/overdue/{action}", headers=sent, data={"token": token, **fields})

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
                return await client.request(method, path, **request)

        return asyncio.run(once())


def text_of(answer: httpx.Response) -> str:
    """What can be read on a page, on one line."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", answer.text, flags=re.DOTALL)
    inline = re.sub(r"</?(?:bdi|span|b|strong|time)\b[^>]*>", "", body)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", inline)).split())


def buttons(answer: httpx.Response) -> set[str]:
    """Where the forms of a page lead."""
    return set(re.findall(r'<form method="post" action="/overdue/(\w+)"', answer.text))
