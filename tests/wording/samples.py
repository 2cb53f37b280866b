"""A product and what two of its invoices look like to the people of one account."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.pofile import read_po, write_po

from gatekeeper.model import Audience, Money, Standing, Step, sums
from gatekeeper.wording import LetterView, LockoutView, Owed, Product, Promised, Told, mask

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
PAGES = ("overdue", "settled", "unavailable", "by_hand", "gone", "fallback", "closed", "back")

SOON = (
    Owed(
        number="ACME-0051",
        remaining=Money(minor=9900, currency="eur"),
        due_on=date(2027, 1, 8),
        days_overdue=0,
        pay_url="https://bill.acme.example/pay/tok_soon",
    ),
)

REMINDER = LetterView(
    product=PRODUCT,
    account_name="Blue Door Ltd",
    person_name="Ana",
    owed=OWED,
    totals=TOTALS,
    suspend_on=None,
    first_written_on=None,
    locale="en-GB",
    audiences=(Audience.ACCOUNTANT,),
)
NOT_YET_DUE = tuple(replace(one, days_overdue=0) for one in OWED)
COURTESY = replace(REMINDER, owed=NOT_YET_DUE)
FURTHER = replace(REMINDER, further=True, first_written_on=date(2026, 12, 2), told=TOLD)
WARNING = replace(FURTHER, further=False, suspend_on=date(2026, 12, 19), soon=SOON)
RESTRICTS = replace(WARNING, closes=Step.RESTRICT)
CLOSED = replace(WARNING, suspend_on=None, closed_on=date(2026, 12, 19))
RESTORED = replace(REMINDER, owed=(), totals=())
ALL_PROMISED = replace(REMINDER, promise=Promised(due_on=date(2026, 12, 23), amount=None))
PART_PROMISED = replace(ALL_PROMISED, promise=Promised(due_on=date(2026, 12, 23), amount=Money(minor=5025, currency="eur")))
BROKEN = replace(WARNING, suspend_on=date(2026, 12, 29))
UNREACHABLE = replace(REMINDER, audiences=(Audience.USER,), unreached_audience=Audience.ACCOUNTANT)

TO_BOTH = (Audience.ACCOUNTANT, Audience.USER)
_EACH = {
    "courtesy": (Step.COURTESY, COURTESY),
    "reminder": (Step.REMINDER, REMINDER),
    "further-reminder": (Step.REMINDER, FURTHER),
    "warning": (Step.WARNING, WARNING),
    "warning-reading-stays": (Step.WARNING, RESTRICTS),
    "warning-paths-stay": (Step.WARNING, replace(RESTRICTS, leaves_open=LEFT)),
    "restrict-reading-stays": (Step.RESTRICT, CLOSED),
    "restrict-paths-stay": (Step.RESTRICT, replace(CLOSED, leaves_open=LEFT)),
    "suspend": (Step.SUSPEND, CLOSED),
    "restored": (Step.RESTORED, RESTORED),
    "restored-owing": (Step.RESTORED, replace(RESTORED, owed=OWED, totals=TOTALS)),
    "promised": (Step.PROMISED, ALL_PROMISED),
    "promised-in-part": (Step.PROMISED, PART_PROMISED),
    "broken": (Step.WARNING, replace(BROKEN, promise=ALL_PROMISED.promise)),
    "broken-in-part": (Step.WARNING, replace(BROKEN, promise=PART_PROMISED.promise)),
}
LETTERS = {
    f"{name}{ending}": (step, replace(view, audiences=audiences))
    for name, (step, view) in _EACH.items()
    for ending, audiences in (("", (Audience.ACCOUNTANT,)), ("-to-user", (Audience.USER,)))
} | {
    "suspend-to-both": (Step.SUSPEND, replace(CLOSED, audiences=TO_BOTH)),
    "unreachable-accountant": (Step.UNREACHABLE, replace(UNREACHABLE, unreached=(mask("bob@blue-door.example"),))),
    "unreachable-no-accountant": (Step.UNREACHABLE, UNREACHABLE),
    "unreachable-user": (
        Step.UNREACHABLE,
        replace(
            UNREACHABLE,
            audiences=(Audience.ACCOUNTANT,),
            unreached_audience=Audience.USER,
            unreached=(mask("ana@blue-door.example"),),
        ),
    ),
    "unreachable-no-user": (
        Step.UNREACHABLE,
        replace(UNREACHABLE, audiences=(Audience.ACCOUNTANT,), unreached_audience=Audience.USER),
    ),
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
