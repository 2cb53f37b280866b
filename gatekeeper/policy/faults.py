"""The faults of a policy document, all of them, each with the place where it stands."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

Place = tuple[str | int, ...]

_CURRENCY: Final = re.compile("[a-z]{3}")
_COUNTRY: Final = re.compile("[A-Z]{2}")


class PolicyInvalid(ValueError):
    """The policy file cannot be followed; `faults` names every reason at once, `places` where each stands in the document."""

    def __init__(self, found: Iterable[tuple[Place, str]]) -> None:
        self.places, texts = zip(*found, strict=True)
        self.faults = tuple(f"{spoken(place)}: {text}" for place, text in zip(self.places, texts, strict=True))
        super().__init__("\n".join(self.faults))


def spoken(place: Place) -> str:
    """A place as people count: `steps.2.after` is the second step."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in place)


class Faults:
    """Collects what is wrong; whoever reads goes on with something harmless, so that the rest is looked at too.

    `currencies`, `countries`: those that exist, by their ISO codes, as they are written here; none: nobody can say.
    """

    def __init__(self, *, currencies: Collection[str] = (), countries: Collection[str] = ()) -> None:
        self._found: list[tuple[Place, str]] = []
        self._currencies = currencies
        self._countries = countries

    def add(self, place: Place, what: str) -> None:
        self._found.append((place, what))

    def raise_if_any(self) -> None:
        if self._found:
            raise PolicyInvalid(self._found)

    def unknown_keys(self, place: Place, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
        known = tuple(allowed)
        for key in table:
            if key not in known:
                self.add((*place, key), f"not a key here; allowed are {', '.join(known)}")

    def table(self, place: Place, value: object) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self.add(place, f"{value!r} is not a table; write its keys below [{spoken(place)}]")
        return {}

    def words(self, place: Place, value: object) -> frozenset[str]:
        if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
            self.add(place, f'{value!r} is not a list of names; write them as in ["one", "other"]')
            return frozenset()
        return frozenset(value)

    def countries(self, place: Place, value: object) -> frozenset[str]:
        found = self.words(place, value)
        for country in sorted(found):
            if not _is_one(country, _COUNTRY, self._countries):
                self.add(place, f"{country!r} is not a country; write its ISO 3166-1 code in capital letters")
        return found

    def amounts(self, place: Place, value: object, *, default_allowed: bool = False) -> dict[str, int]:
        """A table of one sum a currency."""
        found: dict[str, int] = {}
        for currency, minor in self.table(place, value).items():
            if not _is_one(currency, _CURRENCY, self._currencies) and not (default_allowed and currency == "default"):
                other = ", or default" if default_allowed else ""
                self.add((*place, currency), f"not a currency; write its ISO 4217 code in lower case{other}")
            elif not isinstance(minor, int) or isinstance(minor, bool) or minor < 0:
                self.add((*place, currency), f"{minor!r} is not an amount; write whole minor units, 0 or more")
            else:
                found[currency] = minor
        return found


def _is_one(code: str, form: re.Pattern[str], existing: Collection[str]) -> bool:
    return bool(form.fullmatch(code)) and (not existing or code in existing)
