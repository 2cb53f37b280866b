"""A product and what two of its invoices look like to the people of one account."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.pofile import read_po, write_po

from gatekeeper.model import Audience, Money, Standing, Step, sums
from gatekeeper.wording import LetterView, LockoutView, Owed, Product, Told, mask

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
POT = TEMPLATES / "locale" / "gatekeeper.pot"

PRODUCT = Product(
    name="Acme Cloud",
    url="https://app.acme.example",
    support_email="support@acme.example",
    support_phone="+351 210 000 000",
    postal_address="Acme Cloud Lda, Rua do Porto 12, 4050-000 Porto",
    tax_id="PT 509 123 456",
    locale="en_GB",
)
NEWER = Owed(
    number="ACME-0047",
    remaining=Money(minor=1250000, currency="clp"),
    due_on=date(2026, 12, 8),
    days_overdue=11,
    pay_url="https://bill.acme.example/pay/tok_newer?a=1&b=2",
)
OLDER = Owed(
    number="ACME-0042",
    remaining=Money(minor=12050, currency="eur"),
    due_on=date(2026, 12, 1),
    days_overdue=18,
    pay_url="https://bill.acme.example/pay/tok_older",
)
OWED = (NEWER, OLDER)
TOTALS = sums(one.remaining for one in OWED)
ADDRESSES = (mask("ana@blue-door.example"), mask("billing@blue-door.example"))
TOLD = (Told(on=date(2026, 12, 2), addresses=ADDRESSES), Told(on=date(2026, 12, 14), addresses=ADDRESSES))

LEFT = ("/reports", "/data/export")

LOCKOUT = LockoutView(
    product=PRODUCT, account_name="Blue Door Ltd", owed=OWED, totals=TOTALS, told=TOLD, suspended_on=date(2026, 12, 19)
)
READING = replace(LOCKOUT, suspended_on=None, standing=Standing.RESTRICTED)
LOCKOUTS = {"suspended": LOCKOUT, "reading": READING, "paths": replace(READING, leaves_open=LEFT)}
PAGES = ("overdue", "settled", "unavailable", "by_hand", "gone", "fallback")

REMINDER = LetterView(
    product=PRODUCT,
    account_name="Blue Door Ltd",
    person_name="Ana",
    owed=OWED,
    totals=TOTALS,
    suspend_on=None,
    first_written_on=None,
    locale="en-GB",
)
NOT_YET_DUE = tuple(replace(one, days_overdue=0) for one in OWED)
COURTESY = replace(REMINDER, owed=NOT_YET_DUE, audiences=(Audience.ACCOUNTANT,))
FURTHER = replace(REMINDER, further=True, first_written_on=date(2026, 12, 2), told=TOLD)
WARNING = replace(REMINDER, suspend_on=date(2026, 12, 19), first_written_on=date(2026, 12, 2), told=TOLD)
RESTRICTS = replace(WARNING, closes=Step.RESTRICT)
RESTORED = replace(REMINDER, owed=(), totals=())
LETTERS = {
    "courtesy": (Step.COURTESY, COURTESY),
    "courtesy-to-user": (Step.COURTESY, replace(COURTESY, audiences=(Audience.USER,))),
    "reminder": (Step.REMINDER, REMINDER),
    "further-reminder": (Step.REMINDER, FURTHER),
    "warning": (Step.WARNING, WARNING),
    "warning-reading-stays": (Step.WARNING, RESTRICTS),
    "warning-paths-stay": (Step.WARNING, replace(RESTRICTS, leaves_open=LEFT)),
    "restored": (Step.RESTORED, RESTORED),
}

_READ_ALOUD = ("alt", "data-watching", "data-back", "title", "aria-label", "placeholder")
_NEVER_CLOSED = {"meta", "img", "br", "link", "hr", "circle", "path"}


class Document(HTMLParser):
    """An HTML document taken apart: its tags with their attributes' names, its visible texts, its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, ...]] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, *(name for name, _ in attrs)))
        self.texts += [value or "" for name, value in attrs if name in _READ_ALOUD]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in _NEVER_CLOSED:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self._open):
            self.texts.append(data)

    @property
    def visible(self) -> str:
        return re.sub(r"[ \t\r\n\f]+", " ", "".join(self.texts))  # as a browser does; no-break spaces stay


def pseudo_catalogue(folder: Path, language: str) -> Path:
    """A catalogue in which every text is itself with accents and in brackets, so that a text without a catalogue shows."""
    with POT.open("rb") as file:
        catalogue = read_po(file, locale=language)
    for message in catalogue:
        if not message.id:
            continue
        if message.pluralizable:
            message.string = tuple(_accented(message.id[-1]) for _ in range(catalogue.num_plurals))
        else:
            message.string = _accented(message.id)
    path = folder / "locale" / language / "LC_MESSAGES" / "gatekeeper.po"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, catalogue)
    return folder


def _accented(text: str) -> str:
    pieces = text.replace("%(", "\0%(").replace(")s", ")s\0").split("\0")
    accents = str.maketrans("aeiouncAEIOUNC", "áéíóúñçÁÉÍÓÚÑÇ")
    return "⟦" + "".join(piece if piece.startswith("%(") else piece.translate(accents) for piece in pieces) + "⟧"
