"""What the templates may see: plain values of one letter or one page, and nothing that could be asked for more.

Every text in a view is one line without control characters, and every address in it is http or https. Names come from
customers (failures.md, cases 53 and 100), so the views themselves see to it and no template has to remember.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, time
from enum import Enum

from gatekeeper.model import Audience, Money, Role, Standing, Step, WishKind

# Line breaks of every kind, controls, and the marks that reorder the text around them (U+202A-202E, U+2066-2069): none of them
# belongs in a name. Joiners stay: Persian and Indic names need them.
_UNWANTED = re.compile("[\\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]+")
_ADDRESS = re.compile(r"https?://[\w.:\[\]-]+(?:[/?#]|$)", re.IGNORECASE)  # no user info, nothing that ends a CSP directive

_COLOUR = re.compile("#[0-9a-fA-F]{6}")


def plain(text: str) -> str:
    """`text` on one line: each run of white space, controls and direction marks is one space."""
    return _UNWANTED.sub(" ", text).strip()


class _Plain:
    """Makes the texts of a view plain, and refuses addresses that are not http or https."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # each heir is a dataclass
            value = getattr(self, field.name)
            if not isinstance(value, str) or isinstance(value, Enum):
                continue
            value = plain(value)
            if field.name.endswith("url") and value and not _ADDRESS.match(value):
                raise ValueError(f"{type(self).__name__}.{field.name} must be http:// or https:// and a host")
            object.__setattr__(self, field.name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(_Plain):
    """The product in whose name is written. Empty texts are left out; `locale` is its own language, e.g. `en_GB`.

    `colour`: of its buttons, as `#rrggbb`; empty: ours.
    """

    name: str
    url: str
    support_email: str
    support_phone: str = ""
    postal_address: str = ""
    tax_id: str = ""
    logo_url: str = ""
    colour: str = ""
    locale: str = "en"
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        super(Product, self).__post_init__()
        if self.colour and not _COLOUR.fullmatch(self.colour):  # it is written into a style, where escaping does not help
            raise ValueError("Product.colour must be #rrggbb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed(_Plain):
    """One overdue invoice: what remains of it, since when, and the links of ours that lead to its payment page and its PDF.

    `pdf_url`: empty where there is none.
    """

    number: str
    remaining: Money
    due_on: date | None
    days_overdue: int
    pay_url: str
    pdf_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The masked addresses that were written to on one day."""

    on: date
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A promise to pay by the end of `due_on`; `amount` is None where all of it was promised."""

    due_on: date
    amount: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(_Plain):
    """What somebody of an account wrote to the staff on the lockout page: the transfer of which day, with which reference, or
    in words what is wrong. `by`: their address, empty where nobody knows it.
    """

    account_id: str
    by: str
    on: date | None
    reference: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterView(_Plain):
    """What one message to one person says.

    `owed`: the invoices that it names; those of a courtesy fall due on their `due_on`. `audiences`: as whom this person is
    written to. `told`: who was written to before this message; `further`: this person was, about this case, so that a reminder
    is not their first. In a warning, `suspend_on` is the day on which access is closed: all of it, or, where `closes` is
    `RESTRICT`, all but the paths in `leaves_open` (none: all but reading). `closed_on`: since when that is so, in the word of
    it. `soon`: invoices that are not overdue yet. `promise`: the one that is confirmed, or, in a warning, the one that was not
    kept. `unreached`: the masked addresses of `unreached_audience` that failed; none: none is known. `asked`: of a word to the
    staff, what it is about.
    """

    product: Product
    account_name: str
    person_name: str
    owed: tuple[Owed, ...]
    totals: tuple[Money, ...]
    suspend_on: date | None
    first_written_on: date | None
    locale: str | None
    told: tuple[Told, ...] = ()
    audiences: tuple[Audience, ...] = ()
    further: bool = False
    closes: Step = Step.SUSPEND
    leaves_open: tuple[str, ...] = ()
    closed_on: date | None = None
    soon: tuple[Owed, ...] = ()
    promise: Promised | None = None
    unreached: tuple[str, ...] = ()
    unreached_audience: Audience | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameOf(_Plain):
    """What came of the last button that this viewer pressed, `at` this time of day in `zone`.

    `outcome`: of a check `unpaid`, `elsewhere`, `settled`, `unasked`; of a letter `written`, `sent`, `lost`, `nobody`; else
    `noted`. `numbers`, `addresses`: the invoices and the masked addresses that it is about; `on`: the day of a promise or
    transfer.
    """

    kind: WishKind
    outcome: str
    at: time
    zone: str
    numbers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What somebody entered, to be mended: `faults` names the fields."""

    kind: WishKind
    faults: tuple[str, ...]
    on: str = ""
    reference: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutView(_Plain):
    """What the lockout page says to one of the people of an account.

    `suspended_on`: since when access is closed, if the account is suspended. `leaves_open`: if it is restricted, the paths that
    it is left (none: it may read). `payers`: the masked addresses of those who pay. `token`: what the forms hand back; empty:
    nothing can be done here but pay. `nudged`, `sent_again`: that was asked for today. `promise_from`, `promise_until`: the
    days that may be promised; None: none may. `reviewed`: a person was asked to look. `came_of`: the last button; `form`: a
    form that has to be mended, and `home` then the path that is looked at for access to be back.
    """

    product: Product
    account_name: str
    owed: tuple[Owed, ...]
    totals: tuple[Money, ...]
    told: tuple[Told, ...]
    suspended_on: date | None
    standing: Standing = Standing.SUSPENDED
    leaves_open: tuple[str, ...] = ()
    role: Role = Role.UNTOLD
    payers: tuple[str, ...] = ()
    token: str = ""
    home: str = ""
    nudged: bool = False
    sent_again: bool = False
    promise_from: date | None = None
    promise_until: date | None = None
    reviewed: bool = False
    today: date | None = None
    came_of: CameOf | None = None
    form: Form | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A letter as it will be sent. `subject` is one line; `language` is a BCP 47 tag."""

    subject: str
    text: str
    html: str
    language: str


def oldest_first(owed: Iterable[Owed]) -> tuple[Owed, ...]:
    """The invoices in the order in which they fell due; those without a due date come last."""
    return tuple(sorted(owed, key=lambda one: (one.due_on or date.max, one.number)))


def mask(address: str) -> str:
    """`ana@example.com` as `a•••@example.com`: its owner knows it again, a stranger cannot write to it."""
    local, at, domain = plain(address).rpartition("@")
    first = local[:1] if unicodedata.category(local[:1] or " ")[0] in "LN" else ""
    return f"{first}•••{at}{domain if at else ''}"
