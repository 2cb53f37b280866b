"""Amounts, days, numbers and lists as a reader of a locale expects them, for text and for HTML.

Each function takes the template's context first: it knows the reader's locale, and whether the template is HTML.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_precision
from babel.support import NullTranslations
from jinja2 import pass_context, pass_eval_context
from jinja2.nodes import EvalContext
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
_BEFORE_A_STOP = re.compile(r"%\((\w+)\)s\.")
_DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f\u061c")

# Babel knows which digits a locale writes, and writes 0-9 all the same. The zero of each system that is some locale's default.
_ZEROS = {"arab": "\u0660", "arabext": "\u06f0", "beng": "\u09e6", "deva": "\u0966", "mymr": "\u1040"}
_DIGITS = {name: {ord("0") + digit: ord(zero) + digit for digit in range(10)} for name, zero in _ZEROS.items()}
_REMEMBERED = 4096  # a batch of letters names few different days and many small amounts; formatting one costs Babel 30 us


def exponent(currency: str) -> int:
    """How many decimals the minor unit of `currency` stands for at Stripe."""
    return _EXPONENTS.get(currency.lower(), 2)


def _digits(text: str, locale: Locale) -> str:
    return text.translate(_DIGITS.get(locale.default_numbering_system, {}))


@lru_cache(_REMEMBERED)
def spelled(amount: Money, locale: Locale) -> str:
    """`amount` in the locale's manner, never rounded.

    CLDR shows some currencies without decimals that Stripe bills with them (AFN, RSD): the decimals are left out only when
    they are zero. CLDR's spacing between a letter code and a digit, which Babel leaves out, is put in; its direction marks
    are taken out, because they reorder `US$` (libraries.md, section 4).
    """
    value = Decimal(amount.minor).scaleb(-exponent(amount.currency))
    code = amount.currency.upper()
    lossless = value == round(value, get_currency_precision(code))
    text = format_currency(
        value, code, locale=locale, currency_digits=lossless, decimal_quantization=lossless, numbering_system="default"
    )
    return _LETTER_MEETS_DIGIT.sub("\u00a0", _digits(text.translate(_DIRECTION_MARKS), locale))


def _set_apart(text: str, direction: str = "") -> Markup:
    """`text`, kept from reordering the sentence around it."""
    mark = f' dir="{direction}"' if direction else ""
    return Markup(f"<bdi{mark}>{escape(text)}</bdi>")  # noqa: S704  # the text is escaped


@pass_context
def money(context: Context, amount: Money) -> str:
    text = spelled(amount, context["locale"])
    return _set_apart(text, "ltr") if context.eval_ctx.autoescape else text


@lru_cache(_REMEMBERED)
def calendar_day(value: date, locale: Locale) -> str:
    """`19 December 2026`: the month is a word, because readers disagree about the order of numbers."""
    return _digits(format_date(value, "long", locale=locale), locale)


@lru_cache(_REMEMBERED)
def named_day(value: date, locale: Locale) -> str:
    """`Saturday, 19 December 2026`, for a day that must not be mistaken.

    It always contains `calendar_day`: CLDR spells the long date otherwise beside a weekday in some languages (Armenian), and
    there the weekday is left out.
    """
    full, long = _digits(format_date(value, "full", locale=locale), locale), calendar_day(value, locale)
    return full if long in full else long


@pass_context
def day(context: Context, value: date) -> str:
    return calendar_day(value, context["locale"])


@pass_context
def weekday(context: Context, value: date) -> str:
    return named_day(value, context["locale"])


@pass_context
def instant(context: Context, value: datetime) -> str:
    """`2026-12-19 10:00:00`, in UTC: for records, which are read in every country alike."""
    text = f"{value:%Y-%m-%d %H:%M:%S}"
    if not context.eval_ctx.autoescape:
        return text
    return Markup('<time datetime="{}"><bdi dir="ltr">{}</bdi></time>').format(value.isoformat(), text)


@pass_context
def clock(context: Context, value: time) -> str:
    """`14:03`, or `2:03 PM`."""
    locale = context["locale"]
    return _digits(format_time(value, "short", locale=locale), locale)


@pass_context
def number(context: Context, value: int) -> str:
    return counted(value, context["locale"])


@lru_cache(_REMEMBERED)
def counted(value: int, locale: Locale) -> str:
    return _digits(format_decimal(value, locale=locale, numbering_system="default"), locale)


@pass_context
def isolated(context: Context, text: str) -> str:
    """A name or an address, set apart, and cut where it is absurdly long."""
    text = text if len(text) <= 120 else text[:119] + "…"  # noqa: PLR2004  # longer than any name that is meant
    return _set_apart(text) if context.eval_ctx.autoescape else text


@pass_context
def quoted(context: Context, text: str) -> str:
    """What somebody wrote, set apart, all of it."""
    return _set_apart(text) if context.eval_ctx.autoescape else text


@pass_context
def path(context: Context, text: str) -> str:
    """A path of the product: it runs from left to right in every language."""
    return _set_apart(text, "ltr") if context.eval_ctx.autoescape else text


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


def speaking(texts: NullTranslations) -> dict[str, Callable[..., str]]:
    """What templates call to speak the language of `texts`, in the manner of `jinja2.ext.i18n` ("newstyle").

    That one resolves and calls three functions a sentence, each in a new context inside a block; a letter has 40 sentences.
    """

    def said(context: EvalContext, text: str, values: dict[str, Any]) -> str:
        text = _stopped_once(text, values)
        return (Markup(text) if context.autoescape else text) % values  # noqa: S704  # ours; the values are escaped by `%`

    @pass_eval_context
    def gettext(context: EvalContext, text: str, /, **values: Any) -> str:
        return said(context, texts.gettext(text), values)

    @pass_eval_context
    def ngettext(context: EvalContext, one: str, many: str, count: int, /, **values: Any) -> str:
        return said(context, texts.ngettext(one, many, count), {"num": count, **values})

    return {"_": gettext, "gettext": gettext, "ngettext": ngettext}


def _stopped_once(text: str, values: dict[str, Any]) -> str:
    """`text` without a full stop that a value brings along already: nothing is due for `Blue Door Ltd..`, in any language."""
    for name in _names_before_a_stop(text):
        if str(values[name]).removesuffix("</bdi>").endswith("."):
            text = text.replace(f"%({name})s.", f"%({name})s")
    return text


@lru_cache(_REMEMBERED)
def _names_before_a_stop(text: str) -> tuple[str, ...]:
    return tuple(_BEFORE_A_STOP.findall(text))


def text_on(colour: str) -> str:
    """Black or white, whichever stands out more from `#rrggbb`: 4.58 to 1 at the least (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  # the sRGB curve


FILTERS: dict[str, Any] = {
    "money": money,
    "day": day,
    "instant": instant,
    "clock": clock,
    "weekday": weekday,
    "text_on": text_on,
    "number": number,
    "isolated": isolated,
    "path": path,
    "quoted": quoted,
    "listing": listing,
}
