"""Amounts, days, numbers and lists as a reader of a locale expects them, for text and for HTML.

Each function takes the template's context first: it knows the reader's locale, and whether the template is HTML.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_precision
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from gatekeeper.model import Money

# Minor units as Stripe counts them: https://docs.stripe.com/currencies, "Zero-decimal", "Three-decimal" and "Special cases".
# UGX stands among the zero-decimal ones there too, but its special case says how it is counted: as ISK, with two decimals.
_EXPONENTS = {
    **dict.fromkeys(
        ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"), 0
    ),
    **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 3),
}

_LETTER_MEETS_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f\u061c")


def exponent(currency: str) -> int:
    """How many decimals the minor unit of `currency` stands for at Stripe."""
    return _EXPONENTS.get(currency.lower(), 2)


def spelled(amount: Money, locale: Locale) -> str:
    """`amount` in the locale's manner, never rounded.

    CLDR shows some currencies without decimals that Stripe bills with them (AFN, RSD): the decimals are left out only when
    they are zero. CLDR's spacing between a letter code and a digit, which Babel leaves out, is put in; its direction marks
    are taken out, because they reorder `US$` (libraries.md, section 4).
    """
    value = Decimal(amount.minor).scaleb(-exponent(amount.currency))
    code = amount.currency.upper()
    lossless = value == round(value, get_currency_precision(code))
    text = format_currency(value, code, locale=locale, currency_digits=lossless, decimal_quantization=lossless)
    return _LETTER_MEETS_DIGIT.sub("\u00a0", text.translate(_DIRECTION_MARKS))


@pass_context
def money(context: Context, amount: Money) -> str:
    text = spelled(amount, context["locale"])
    return Markup('<bdi dir="ltr">{}</bdi>').format(text) if context.eval_ctx.autoescape else text


def calendar_day(value: date, locale: Locale) -> str:
    """`19 December 2026`: the month is a word, because readers disagree about the order of numbers."""
    return format_date(value, "long", locale=locale)


@pass_context
def day(context: Context, value: date) -> str:
    return calendar_day(value, context["locale"])


@pass_context
def number(context: Context, value: int) -> str:
    return format_decimal(value, locale=context["locale"])


@pass_context
def isolated(context: Context, text: str) -> str:
    """A name or an address, kept from reordering the sentence around it, and cut where it is absurdly long."""
    text = text if len(text) <= 120 else text[:119] + "…"  # noqa: PLR2004  # longer than any name that is meant
    return Markup("<bdi>{}</bdi>").format(text) if context.eval_ctx.autoescape else text


@pass_context
def path(context: Context, text: str) -> str:
    """A path of the product: it runs from left to right in every language."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(text) if context.eval_ctx.autoescape else text


@pass_context
def listing(context: Context, items: Iterable[str]) -> str:
    """`a, b and c`."""
    if not context.eval_ctx.autoescape:
        return format_list(list(items), locale=context["locale"])
    return Markup(format_list([str(escape(item)) for item in items], locale=context["locale"]))  # noqa: S704  # each item is escaped


def shown(value: str | int | date | Money | tuple[str, ...], locale: Locale) -> str:
    """A value of a reason, in text."""
    if isinstance(value, tuple):
        return format_list(value, locale=locale)
    if isinstance(value, Money):
        return spelled(value, locale)
    return calendar_day(value, locale) if isinstance(value, date) else str(value)


FILTERS: dict[str, Any] = {
    "money": money,
    "day": day,
    "number": number,
    "isolated": isolated,
    "path": path,
    "listing": listing,
}
