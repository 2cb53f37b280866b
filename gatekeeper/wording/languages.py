"""Which language a reader gets, and the catalogues: `locale/LANGUAGE/LC_MESSAGES/gatekeeper.po` beside the templates."""

import io
from collections.abc import Collection, Iterable
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"  # the language that the texts are written in; it needs no catalogue
_LONGEST_HEADER = 1000


def catalogues(folders: Iterable[Path]) -> dict[str, NullTranslations]:
    """The catalogue of every language that has one, and of the source language. Earlier folders go before later ones."""
    found: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
    for folder in folders:
        for path in sorted(folder.glob("locale/*/LC_MESSAGES/gatekeeper.po")):
            language = str(Locale.parse(path.parts[-3]))
            if language in found:
                found[language].add_fallback(_compiled(path, language))
            else:
                found[language] = _compiled(path, language)
    return found


def _compiled(path: Path, language: str) -> Translations:
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language, abort_invalid=True))
    compiled.seek(0)
    return Translations(compiled, domain="gatekeeper")


def catalogue_of(locale: Locale, languages: Collection[str]) -> str | None:
    """The language among `languages` that a reader of `locale` understands: `pt_BR`, else `pt`, else None."""
    names = (str(locale), f"{locale.language}_{locale.script}", f"{locale.language}_{locale.territory}", locale.language)
    return next((name for name in names if name in languages), None)


def known(tag: str) -> Locale | None:
    """The locale of a tag such as `pt-BR` or `pt_BR`; None for what is not one."""
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return None


def wanted(accept_language: str) -> list[str]:
    """The tags of an Accept-Language field (RFC 9110, 12.5.4), the most wanted first; `*` and what is refused are left out."""
    weighed: list[tuple[float, str]] = []
    for part in accept_language[:_LONGEST_HEADER].split(","):
        tag, _, weight = part.partition(";")
        quality = _quality(weight)
        if quality > 0 and tag.strip() not in {"", "*"}:
            weighed.append((quality, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


def _quality(weight: str) -> float:
    name, _, value = weight.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
