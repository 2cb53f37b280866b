"""The invented customers of the demo, and their past: what they owe, since when, and who of them can be written to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gatekeeper.demo.standin.books import Books

TERM_DAYS: Final = 14
_GOOD_CARD, _BAD_CARD = "pm_card_visa", "pm_card_chargeCustomerFail"
_MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """A customer organisation. `due_in`: how long from the start of the demo until each of its invoices falls due.

    `card_failed_before`: it is charged automatically instead, and its card was declined so long before the start.
    `user` None: nobody who uses the product can be written to.
    """

    account_id: str
    name: str
    locale: str
    currency: str
    amount_minor: int
    accountant: str
    user: str | None
    due_in: tuple[timedelta, ...] = ()
    card_failed_before: timedelta | None = None


PEOPLE: Final = (
    Invented(
        account_id="la-nusta",
        name="Panadería La Ñusta SpA",
        locale="es-CL",
        currency="clp",
        amount_minor=89_990,
        accountant="contabilidad@lanusta.example",
        user="ignacia@lanusta.example",
        due_in=(timedelta(hours=-5),),
    ),
    Invented(
        account_id="bright-dhow",
        name="Bright Dhow Trading W.L.L.",
        locale="en-GB",
        currency="kwd",
        amount_minor=37_500,
        accountant="accounts@brightdhow.example",
        user=None,
        due_in=(timedelta(hours=-3),),
    ),
    Invented(
        account_id="olmo",
        name="Clínica del Olmo, S.L.",
        locale="es-ES",
        currency="eur",
        amount_minor=24_900,
        accountant="facturas@clinicaolmo.example",
        user="jimena.ortiz@clinicaolmo.example",
        due_in=(timedelta(hours=-2), timedelta(days=3)),
    ),
    Invented(
        account_id="brzask",
        name="Piekarnia Brzask",
        locale="pl",
        currency="eur",
        amount_minor=4_900,
        accountant="jadwiga@brzask.example",
        user="jadwiga@brzask.example",
        due_in=(timedelta(days=1),),
    ),
    Invented(
        account_id="baobab",
        name="Baobab Design Studio",
        locale="en-GB",
        currency="eur",
        amount_minor=9_900,
        accountant="finance@baobab.example",
        user="thandiwe@baobab.example",
        card_failed_before=timedelta(days=2),
    ),
    Invented(
        account_id="zolta-lodz",
        name="Żółta Łódź sp. z o.o.",
        locale="pl",
        currency="eur",
        amount_minor=129_000,
        accountant="ksiegowosc@zoltalodz.example",
        user="lukasz.wozniak@zoltalodz.example",
        due_in=(timedelta(days=1, hours=4),),
    ),
    Invented(
        account_id="parvaz",
        name="شرکت پرواز آبی",
        locale="fa",
        currency="kwd",
        amount_minor=112_250,
        accountant="hesabdari@parvaz.example",
        user="niloofar@parvaz.example",
        due_in=(timedelta(days=3),),
    ),
    Invented(
        account_id="heron",
        name="Heron & Sons Ltd",
        locale="en-GB",
        currency="eur",
        amount_minor=19_900,
        accountant="ledger@heron.example",
        user="maud@heron.example",
        due_in=(timedelta(days=10),),
    ),
)


def move_in(books: Books, now: datetime, set_clock: Callable[[datetime], None]) -> None:
    """Write the past of everybody into the books, in its order, and end at `now`.

    Due dates cannot lie in the past when an invoice is made, at Stripe nor here: so the clock goes back and comes forward.
    """
    deeds = [deed for who in PEOPLE for deed in _past(who, books, now)]
    for at, act in sorted(deeds, key=lambda deed: deed[0]):
        set_clock(at)
        act()
    set_clock(now)


def _past(who: Invented, books: Books, now: datetime) -> Iterator[tuple[datetime, Callable[[], object]]]:
    customer_id = books.create_customer(
        email=who.accountant,
        name=who.name,
        metadata={"account_id": who.account_id} | ({"user_email": who.user} if who.user else {}),
        preferred_locales=[who.locale],
        payment_method=None if who.card_failed_before is None else _GOOD_CARD,
    ).id
    price = books.create_price(unit_amount=who.amount_minor, currency=who.currency, product_name="Acme Cloud, team plan").id
    for due_in in who.due_in:
        yield (
            now + due_in - timedelta(days=TERM_DAYS),
            lambda: books.create_subscription(customer_id, price, collection_method="send_invoice", days_until_due=TERM_DAYS),
        )
    if who.card_failed_before is not None:

        def decline() -> None:
            (own,) = (it.id for it in books.subscriptions.values() if it.customer == customer_id)
            books.update_customer(customer_id, {"payment_method": _BAD_CARD})
            books.renew(own)

        yield now - who.card_failed_before - _MONTH, lambda: books.create_subscription(customer_id, price)
        yield now - who.card_failed_before, decline
