import re
from datetime import date

import pytest
from babel import Locale
from babel.numbers import list_currencies, parse_decimal
from hypothesis import example, given
from hypothesis import strategies as st

from gatekeeper.model import Money
from gatekeeper.wording.formats import calendar_day, counted, exponent, named_day, spelled, text_on

NBSP = "\u00a0"
_ARABIC = {ord("0") + digit: 0x660 + digit for digit in range(10)}
_PERSIAN = {ord("0") + digit: 0x6F0 + digit for digit in range(10)}
_POINT = {ord("#"): 0x66B}  # the decimal separator of both
LATIN = {theirs: ours for digits in (_ARABIC, _PERSIAN) for ours, theirs in digits.items()}


def arabic(text: str) -> str:
    return text.translate(_ARABIC | _POINT)


def persian(text: str) -> str:
    return text.translate(_PERSIAN | _POINT)


AMOUNTS = [
    ("en", "eur", 125050, "€1,250.50"),
    ("en", "usd", 125050, "$1,250.50"),
    ("en_GB", "usd", 125050, "US$1,250.50"),
    ("en", "jpy", 1250, "¥1,250"),
    ("en", "clp", 1250000, f"CLP{NBSP}1,250,000"),
    ("es_CL", "clp", 1250000, "$1.250.000"),
    ("es_MX", "usd", 125050, f"USD{NBSP}1,250.50"),
    ("pt_BR", "brl", 125050, f"R${NBSP}1.250,50"),
    ("en", "kwd", 1250120, f"KWD{NBSP}1,250.120"),
    ("de", "eur", 1, f"0,01{NBSP}€"),
    ("ar", "usd", 125050, f"1,250.50{NBSP}US$"),
    ("ar_EG", "usd", 125050, f"{arabic('1٬250#50')}{NBSP}US$"),
    ("fa", "eur", 125050, f"€{NBSP}{persian('1٬250#50')}"),
    ("he", "eur", 125050, f"1,250.50{NBSP}€"),
    # CLDR leaves these decimals out, and Stripe bills them
    ("en", "afn", 1050, f"AFN{NBSP}10.50"),
    ("en", "rsd", 100000, f"RSD{NBSP}1,000"),
    # Stripe counts these with two decimals that are always zero
    ("en", "isk", 500, f"ISK{NBSP}5"),
    ("en", "ugx", 500, f"UGX{NBSP}5"),
    ("en", "huf", 1050, f"HUF{NBSP}10.50"),
    ("en", "xyz", 1050, f"XYZ{NBSP}10.50"),
]


@pytest.mark.parametrize(("locale", "currency", "minor", "expected"), AMOUNTS)
def test_amounts_are_spelled_as_readers_of_the_locale_expect(locale: str, currency: str, minor: int, expected: str) -> None:
    assert spelled(Money(minor=minor, currency=currency), Locale.parse(locale)) == expected


@given(
    minor=st.integers(min_value=1, max_value=10**12),
    currency=st.sampled_from(sorted(list_currencies())),
    locale=st.sampled_from(["en", "en_GB", "de", "es_MX", "fr", "pt_BR", "ja", "ar", "ar_EG", "he", "fa", "lt"]),
)
def test_a_printed_amount_parses_back_to_the_same_minor_units(minor: int, currency: str, locale: str) -> None:
    text = spelled(Money(minor=minor, currency=currency.lower()), Locale.parse(locale))
    number = re.search(r"\d(?:.*\d)?", text)
    assert number
    assert (
        parse_decimal(number[0].translate(LATIN), locale=locale, numbering_system="default").scaleb(exponent(currency)) == minor
    )


def test_days_name_the_month() -> None:
    assert calendar_day(date(2026, 12, 19), Locale.parse("en_GB")) == "19 December 2026"
    assert calendar_day(date(2026, 12, 19), Locale.parse("en")) == "December 19, 2026"


def test_a_day_that_must_not_be_mistaken_has_its_weekday() -> None:
    days = {
        name: named_day(date(2026, 12, 19), Locale.parse(name))
        for name in ("en_GB", "en", "es", "pt_BR", "pl", "ro", "ar", "fa")
    }
    assert days == {
        "en_GB": "Saturday, 19 December 2026",
        "en": "Saturday, December 19, 2026",
        "es": "sábado, 19 de diciembre de 2026",
        "pt_BR": "sábado, 19 de dezembro de 2026",
        "pl": "sobota, 19 grudnia 2026",
        "ro": "sâmbătă, 19 decembrie 2026",
        "ar": "السبت، 19 ديسمبر 2026",
        "fa": "شنبه ۱۹ دسامبر ۲۰۲۶",
    }


@pytest.mark.parametrize("name", ["hy", "eo", "bo", "ckb", "brx", "lt", "hu", "ja", "he", "fa", "ar_EG", "es_MX"])
def test_a_named_day_always_contains_the_plain_one(name: str) -> None:
    """What a letter must say is looked for in its text as the plain day; CLDR's long date with a weekday may be another one."""
    locale = Locale.parse(name)
    for value in (date(2026, 12, 19), date(2027, 3, 1)):
        assert calendar_day(value, locale) in named_day(value, locale)


def test_counts_are_written_in_the_digits_of_the_locale() -> None:
    assert [counted(1234, Locale.parse(name)) for name in ("en", "fa", "ar_EG", "ar")] == [
        "1,234",
        persian("1٬234"),
        arabic("1٬234"),
        "1,234",
    ]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio", written down once more, as that page has it."""

    def luminance(colour: str) -> float:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@given(colour=st.from_regex("#[0-9a-fA-F]{6}", fullmatch=True))
@example(colour="#767676")
@example(colour="#757575")
def test_the_text_on_any_colour_can_be_read(colour: str) -> None:
    assert contrast(colour, text_on(colour)) >= 4.5
    assert contrast(colour, text_on(colour)) >= contrast(colour, "#ffffff")
