"""Which language a reader gets, and the catalogues: `locale/LANGUAGE/LC_MESSAGES/gatekeeper.po` beside the templates."""

import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"  # the language that the texts are written in; it needs no catalogue
# Those that are promised besides: each has a complete catalogue, which a test sees to
LANGUAGES: Final[tuple[str, ...]] = ("es", "pt_BR", "pl", "ro", "ar", "fa")
FILES: Final = "locale/*/LC_MESSAGES/gatekeeper.po"
_LONGEST_HEADER = 1000
_VALUE = re.compile(r"%\((\w+)\)s")
_MARKUP = frozenset('<>&"')


def catalogues(folders: Iterable[Path]) -> dict[str, NullTranslations]:
    """The catalogue of every language that has one, and of the source language. Earlier folders go before later ones.

    An entry that would break a letter (`slip`) is left out, and so is a file that cannot be read; `faults` says so.
    """
    found: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
    for folder in folders:
        for path in sorted(folder.glob(FILES)):
            try:
                catalogue = opened(path)
            except (PoFileError, UnicodeDecodeError, UnknownLocaleError, ValueError):
                continue
            language = str(catalogue.locale)
            if language in found:
                found[language].add_fallback(_compiled(catalogue))
            else:
                found[language] = _compiled(catalogue)
    return found


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with the catalogues in `folder`, by file and line."""
    for path in sorted(folder.glob(FILES)):
        name = path.relative_to(folder)
        try:
            catalogue = opened(path)
        except PoFileError as fault:
            yield f"{name}, line {(fault.lineno or 0) + 1}: {fault}"
        except (UnknownLocaleError, ValueError) as fault:
            yield f"{name}: {fault}"
        else:
            yield from (
                f"{name}, line {message.lineno}: {wrong}" for message in catalogue if (wrong := slip(message, catalogue))
            )


def opened(path: Path) -> Catalog:
    """Raises PoFileError, UnicodeDecodeError, UnknownLocaleError or ValueError."""
    with path.open("rb") as file:
        return read_po(file, locale=str(Locale.parse(path.parts[-3].replace("-", "_"))), abort_invalid=True)


def slip(message: Message, catalogue: Catalog) -> str | None:
    """What is wrong with a translation that is there; a missing or a fuzzy one is none, and the text behind it is used.

    Each form must name the values that the text names (a singular may say `one` instead of the number), have no other per cent
    sign, no markup of its own (its text is not escaped), and the same white space around it.
    """
    forms, ids = _forms(message.string), _forms(message.id)
    if not message.id or message.fuzzy or not any(forms):
        return None
    if not all(forms):
        return f"it must have {catalogue.num_plurals} forms"
    return next((wrong for form in forms if form and (wrong := _slip_of(form, ids))), None)


def _slip_of(form: str, ids: tuple[str, ...]) -> str | None:
    named = [set(_VALUE.findall(text)) for text in ids]
    if not set.intersection(*named) <= set(_VALUE.findall(form)) <= set.union(*named):
        return f"it must name {', '.join(sorted(set.union(*named))) or 'no value'}, each as %(...)s and spelled so"
    if "%" in _VALUE.sub("", form).replace("%%", ""):
        return "a per cent sign is written %%"
    if _MARKUP & (set(form) - set("".join(ids))):
        return "it must not have a <, >, & or straight double quotation mark"
    if [form[:1].isspace(), form[-1:].isspace()] != [ids[0][:1].isspace(), ids[0][-1:].isspace()]:
        return "it must begin and end with the same white space as the text"
    return None


def missing(path: Path, texts: Catalog) -> list[str]:
    """The texts of `texts` that the catalogue at `path` does not translate, fuzzy ones included."""
    theirs = opened(path)
    return [
        _forms(text.id)[0]
        for text in texts
        if text.id and ((entry := theirs.get(text.id, text.context)) is None or entry.fuzzy or not all(_forms(entry.string)))
    ]


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def _compiled(catalogue: Catalog) -> Translations:
    for message in list(catalogue):
        if slip(message, catalogue) or not all(_forms(message.string)):
            catalogue.delete(message.id, message.context)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain="gatekeeper")


def catalogue_of(locale: Locale, languages: Collection[str]) -> str | None:
    """The language among `languages` that a reader of `locale` understands: `pt_BR`, else `pt`, else that of another country.

    None where there is none, or only one in another script.
    """
    names = (str(locale), f"{locale.language}_{locale.script}", f"{locale.language}_{locale.territory}", locale.language)
    exact = next((name for name in names if name in languages), None)
    if exact:
        return exact
    others = (Locale.parse(name) for name in sorted(languages))
    return next((str(one) for one in others if (one.language, one.script) == (locale.language, locale.script)), None)


# Whatever is remembered by locale is found sooner by the same object
parsed: Callable[[str], Locale] = lru_cache(256)(Locale.parse)


def known(tag: str) -> Locale | None:
    """The locale of a tag such as `pt-BR` or `pt_BR`; None for what is not one."""
    try:
        return parsed(tag.replace("-", "_"))
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
