"""The templates of the house and of the operator, one environment a language, and what they say of a view."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from babel.support import NullTranslations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError, meta, select_autoescape

from gatekeeper.wording.formats import FILTERS, speaking
from gatekeeper.wording.languages import SOURCE, known, parsed
from gatekeeper.wording.looks import SHEET, Looks
from gatekeeper.wording.sandbox import Sandbox
from gatekeeper.wording.views import oldest_first

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped() -> Path:
    """The templates in the wheel, else those of the checkout (pyproject.toml, force-include)."""
    packed = _PACKAGE / "_templates"
    return packed if packed.is_dir() else _PACKAGE.parent / "templates"


class Templates:
    """Our templates, or with `overrides` the operator's before ours, in every language that `catalogues` has.

    A file stands in for ours of the same name; one in a folder named for a language (`es/mail/…`) does so for that language.
    """

    def __init__(self, catalogues: Mapping[str, NullTranslations], overrides: Path | None = None) -> None:
        self._overrides = overrides
        self._replaced: dict[tuple[str, str], bool] = {}
        self._environments = {
            language: _environment(FileSystemLoader(self._folders(language)), texts) for language, texts in catalogues.items()
        }

    def render(self, names: Iterable[str], language: str, locale: str, values: Mapping[str, Any]) -> list[str]:
        """`language`: whose texts, one of the catalogues; `locale`: whose days and amounts."""
        whose = parsed(locale)
        context = {"locale": whose, "language": tag(locale), "direction": whose.text_direction, **values}
        return [self._environments[language].get_template(name).render(context) for name in names]

    def compile(self) -> None:
        """Compile all of the source language, so that a slip is found at the start and not in front of a customer."""
        source = self._environments[SOURCE]
        for name in source.list_templates(extensions=["j2"]):
            source.get_template(name)

    def file(self, name: str) -> str:
        source = self._environments[SOURCE]
        assert source.loader is not None
        return source.loader.get_source(source, name)[0]

    def replaced(self, names: Sequence[str], language: str) -> bool:
        """Whether a file of the operator's own has a part in any of `names`; also where its syntax hides which."""
        if self._overrides is None:
            return False
        if (names[0], language) not in self._replaced:
            self._replaced[names[0], language] = any(self._is_replaced(one, language, set()) for one in (*names, SHEET))
        return self._replaced[names[0], language]

    def own_folder(self, language: str) -> str | None:
        """The folder of the operator's for a language alone."""
        return next((name for name, theirs in self.languages.items() if theirs == language), None)

    @cached_property
    def languages(self) -> dict[str, str]:
        """The operator's folders that are named for a language, each with that language: `pt-BR` is `pt_BR`."""
        found = sorted(path.name for path in self._overrides.iterdir() if path.is_dir()) if self._overrides else ()
        return {name: str(locale) for name in found if (locale := known(name))}

    def _folders(self, language: str) -> list[Path]:
        if self._overrides is None:
            return [shipped()]
        own = self.own_folder(language)
        return [*([self._overrides / own] if own else []), self._overrides, shipped()]

    def _is_replaced(self, name: str, language: str, seen: set[str]) -> bool:
        environment = self._environments[language]
        assert environment.loader is not None
        source, path, _ = environment.loader.get_source(environment, name)
        if path is None or shipped() not in Path(path).parents:
            return True
        seen.add(name)
        try:
            named = meta.find_referenced_templates(environment.parse(source))
            return any(one is None or self._is_replaced(one, language, seen) for one in named if one not in seen)
        except TemplateSyntaxError:
            return True


def tag(locale: str) -> str:
    """BCP 47."""
    return locale.replace("_", "-")


def _environment(loader: FileSystemLoader, texts: NullTranslations) -> Environment:
    environment = Sandbox(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", Looks],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    speech = speaking(texts)
    environment.speech = frozenset(speech.values())
    environment.globals.update(speech)
    environment.filters.update(FILTERS, oldest_first=oldest_first)
    return environment
