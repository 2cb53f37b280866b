"""The panel of the demo: the clock, the accounts, the mailbox and the webhooks, as plain pages with buttons."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Final

from babel import Locale
from babel.dates import format_datetime
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gatekeeper.demo.deeds import Deed
from gatekeeper.demo.mailbox import Mailbox
from gatekeeper.demo.passing import Passing
from gatekeeper.demo.serving import Looks
from gatekeeper.demo.standin.delivery import Delivery
from gatekeeper.demo.standin.records import Refused
from gatekeeper.ledger.reader import AccountRow, Reader
from gatekeeper.ledger.writer.desk import NoSuchAccount
from gatekeeper.model import Facts, Invoice, Standing, sums
from gatekeeper.policy.overdue import overdue_from
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.terms import TermsRefused
from gatekeeper.wiring.clock import system_clock
from gatekeeper.wording import Wording
from gatekeeper.wording.formats import spelled

_LOCALE: Final = Locale("en")
_JUMPS: Final = {"1-day": timedelta(days=1), "5-days": timedelta(days=5), "14-days": timedelta(days=14)}
_DELIVERIES_SHOWN: Final = 60
_LETTER_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceView:
    id: str
    number: str
    remaining: str
    when: str
    overdue: bool
    deeds: Mapping[str, Deed]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    id: str
    name: str
    standing: str
    owed: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    invoices: tuple[InvoiceView, ...]
    deeds: Mapping[str, Deed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the panel shows, and what its buttons do."""

    reader: Reader
    rules: Rules
    wording: Wording
    passing: Passing
    mailbox: Mailbox
    delivery: Delivery
    on_invoices: Mapping[str, Deed]
    on_accounts: Mapping[str, Deed]
    shop_url: str


class Panel:
    """Its pages wait until the house is calm, so that what they show is already true."""

    def __init__(self, parts: Parts, looks: Looks) -> None:
        self._parts = parts
        self._looks = looks
        self._one_at_a_time = Lock()
        self._said = ""

    def app(self) -> Starlette:
        post = ["POST"]
        return Starlette(
            routes=[
                Route("/", self.accounts),
                Route("/style.css", self._looks.style),
                Route("/mail", self.mail),
                Route("/mail/{key}", self.letter),
                Route("/mail/{key}/html", self.letter_html),
                Route("/webhooks", self.webhooks),
                Route("/clock/{jump}", self.move, methods=post),
                Route("/invoices/{id}/{deed}", self.do_to_invoice, methods=post),
                Route("/accounts/{id}/{deed}", self.do_to_account, methods=post),
            ]
        )

    def accounts(self, request: Request) -> Response:
        busy = self._parts.passing.settle()
        rows = self._parts.reader.accounts()
        facts = {one.account_id: one for one in self._parts.reader.facts([row.id for row in rows])}
        shown = [self._account(row, facts[row.id]) for row in rows if row.id in facts]
        opened, said, self._said = request.query_params.get("open", ""), self._said, ""
        return self._page("accounts", accounts=shown, opened=opened, said=said, busy=busy, jumps=_JUMPS)

    def mail(self, _request: Request) -> Response:
        self._parts.passing.settle()
        return self._page("mail", letters=self._parts.mailbox.letters(), when=_instant)

    def letter(self, request: Request) -> Response:
        letter = self._parts.mailbox.letter(request.path_params["key"])
        if letter is None:
            return RedirectResponse("/mail", HTTPStatus.SEE_OTHER)
        return self._page("letter", letter=letter, when=_instant)

    def letter_html(self, request: Request) -> Response:
        """The HTML part, as a mail program shows it: in a sandbox, and its links open elsewhere."""
        letter = self._parts.mailbox.letter(request.path_params["key"])
        if letter is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        document = letter.html.replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(document, headers={"Content-Security-Policy": _LETTER_POLICY, "Referrer-Policy": "no-referrer"})

    def webhooks(self, _request: Request) -> Response:
        self._parts.passing.settle()
        attempts = self._parts.delivery.attempts
        return self._page("webhooks", attempts=attempts[-_DELIVERIES_SHOWN:][::-1], total=len(attempts))

    def move(self, request: Request) -> Response:
        passing, jump = self._parts.passing, request.path_params["jump"]
        with self._one_at_a_time:
            to = passing.next_due_at() if jump == "next" else passing.now() + _JUMPS.get(jump, timedelta(0))
            if to is not None:
                passing.move_to(to)
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)

    def do_to_invoice(self, request: Request) -> Response:
        invoice = self._parts.reader.invoice(request.path_params["id"])
        if invoice is None:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return self._do(self._parts.on_invoices, request, invoice.account_id)

    def do_to_account(self, request: Request) -> Response:
        return self._do(self._parts.on_accounts, request, request.path_params["id"])

    def _do(self, deeds: Mapping[str, Deed], request: Request, account_id: str) -> Response:
        """Do it, wait until the house knows, and say what came of it."""
        deed = deeds.get(request.path_params["deed"])
        if deed is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        with self._one_at_a_time:
            before, began_at = self._standing(account_id), system_clock()
            try:
                deed.act(request.path_params["id"])
            except (Refused, TermsRefused, NoSuchAccount) as fault:
                self._said = str(fault)
            else:
                self._parts.passing.settle()
                seconds = (system_clock() - began_at).total_seconds()
                self._said = f"{deed.done} {_change(before, self._standing(account_id), seconds)}"
        return RedirectResponse(f"/?open={account_id}#{account_id}", HTTPStatus.SEE_OTHER)

    def _standing(self, account_id: str) -> Standing | None:
        row = self._parts.reader.account(account_id)
        return None if row is None else row.standing

    def _page(self, name: str, **values: object) -> Response:
        passing = self._parts.passing
        next_at = passing.next_due_at()
        return self._looks.page(
            name,
            here=name,
            now=_instant(passing.now()),
            next_at=None if next_at is None else _instant(next_at),
            mails=len(self._parts.mailbox.letters()),
            shop_url=self._parts.shop_url,
            **values,
        )

    def _account(self, row: AccountRow, facts: Facts) -> AccountView:
        now, exempt = self._parts.passing.now(), any(one.ended_at is None for one in facts.exemptions)
        left_out = {"end-exemption" if not exempt else "exempt"}
        if row.standing is not Standing.SUSPENDED:
            left_out.add("restore")
        owed = [invoice for invoice in facts.invoices if invoice.owed]
        return AccountView(
            id=row.id,
            name=row.name,
            standing=row.standing.replace("_", " "),
            owed=tuple(spelled(total, _LOCALE) for total in sums(invoice.remaining for invoice in owed)),
            people=tuple((contact.audience.value, contact.address) for contact in facts.contacts),
            sentences=tuple(self._parts.wording.sentence(reason, "en") for reason in row.reasons),
            invoices=tuple(self._invoice(invoice, now) for invoice in _oldest_first(owed, self._parts.rules)),
            deeds=_without(self._parts.on_accounts, left_out),
        )

    def _invoice(self, invoice: Invoice, now: datetime) -> InvoiceView:
        debit, from_at = {"debit-arrives", "debit-fails"}, overdue_from(invoice, self._parts.rules)
        left_out = debit if invoice.processing_since_at is None else self._parts.on_invoices.keys() - debit
        return InvoiceView(
            id=invoice.id,
            number=invoice.number,
            remaining=spelled(invoice.remaining, _LOCALE),
            when="not a debt yet" if from_at is None else f"due {_instant(from_at)}",
            overdue=from_at is not None and from_at <= now,
            deeds=_without(self._parts.on_invoices, left_out),
        )


def _oldest_first(invoices: Iterable[Invoice], rules: Rules) -> list[Invoice]:
    return sorted(invoices, key=lambda invoice: overdue_from(invoice, rules) or invoice.created_at)


def _without(deeds: Mapping[str, Deed], left_out: Iterable[str]) -> Mapping[str, Deed]:
    return {name: deed for name, deed in deeds.items() if name not in set(left_out)}


def _change(before: Standing | None, after: Standing | None, seconds: float) -> str:
    if before is None or after is None or before is after:
        return f"gatekeeper had taken it in {seconds:.1f} s later."
    return f"{before} → {after}; all was done {seconds:.1f} s later, letters included.".replace("_", " ")


def _instant(at: datetime) -> str:
    return format_datetime(at, "EEE d MMM y, HH:mm", locale=_LOCALE)
