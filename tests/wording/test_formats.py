import re
from datetime import date

import pytest
from babel import Locale
from babel.numbers import list_currencies, parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Money
from gatekeeper.wording.formats import calendar_day, exponent, spelled

NBSP = "\u00a0"

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
    locale=st.sampled_from(["en", "en_GB", "de", "es_MX", "fr", "pt_BR", "ja", "ar", "he", "fa", "lt"]),
)
def test_a_printed_amount_parses_back_to_the_same_minor_units(minor: int, currency: str, locale: str) -> None:
    text = spelled(Money(minor=minor, currency=currency.lower()), Locale.parse(locale))
    number = re.search(r"\d(?:.*\d)?", text)
    assert number
    assert parse_decimal(number[0], locale=locale).scaleb(exponent(currency)) == minor


def test_days_name_the_month() -> None:
    assert calendar_day(date(2026, 12, 19), Locale.parse("en_GB")) == "19 December 2026"
    assert calendar_day(date(2026, 12, 19), Locale.parse("en")) == "December 19, 2026"
