"""Turns views into letters and pages, in the reader's language, with the product's own templates before ours."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel import Locale
from babel.support import NullTranslations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from gatekeeper.model import Reason, Standing, Step, Verdict
from gatekeeper.policy import explain
from gatekeeper.wording.answers import answer_in_words
from gatekeeper.wording.formats import FILTERS, calendar_day, shown, spelled
from gatekeeper.wording.languages import SOURCE, catalogue_of, catalogues, known, wanted
from gatekeeper.wording.views import LetterView, LockoutView, Product, Written, oldest_first

_PACKAGE = Path(__file__).resolve().parents[1]
_MUST_NAME = (Step.COURTESY, Step.REMINDER, Step.WARNING)


class LetterIncomplete(ValueError):
    """A letter leaves out what it must say; mend the template, nothing was sent."""


class Wording:
    """The templates of the house, with `product` as their sender.

    A file in `overrides` stands in for ours of the same name, and a catalogue there adds a language or replaces sentences.
    Every template is compiled at once, so that a slip in one is found at the start and not in front of a customer.

    Raises:
        jinja2.TemplateSyntaxError: a template cannot be compiled; it names the file and the line.
    """

    def __init__(self, product: Product, overrides: Path | None = None) -> None:
        self.product = product
        folders = [*([overrides] if overrides else []), _shipped()]
        loader = FileSystemLoader(folders)
        self._catalogues = catalogues(folders)
        self._environments = {name: _environment(loader, texts) for name, texts in self._catalogues.items()}
        source = self._environments[SOURCE]
        for name in source.list_templates(extensions=["j2"]):
            source.get_template(name)
        self._style = loader.get_source(source, "pages/page.css")[0]
        self._script = loader.get_source(source, "pages/page.js")[0]
        self.content_security_policy = _content_security_policy(self._style, self._script, product.logo_url)

    def choose_locale(self, accept_language: str | None, preferred: str | None) -> str:
        """The locale to write in: what the reader is known to prefer, else what the browser asks for, else the product's own.

        Only languages with a catalogue count. The region stays the reader's: `en-GB` reads the English texts, and dates and
        amounts in the British manner.
        """
        tags = [preferred or "", *wanted(accept_language or ""), self.product.locale]
        locales = (locale for tag in tags if (locale := known(tag)))
        return next((str(locale) for locale in locales if catalogue_of(locale, self._catalogues)), SOURCE)

    def letter(self, step: Step, view: LetterView) -> Written:
        """The letter of a step (`COURTESY`, `REMINDER`, `WARNING` or `RESTORED`), as text and as HTML.

        Raises:
            LetterIncomplete: the warning has no day on which access closes, or the courtesy no due date; or a template leaves
                out an invoice, an amount, a due date, a link, that day, or what stays open on it (case 55).
        """
        if step is Step.WARNING and view.suspend_on is None:
            raise LetterIncomplete("a warning names the day on which access closes: set suspend_on")
        if step is Step.COURTESY and not (view.owed and all(owed.due_on for owed in view.owed)):
            raise LetterIncomplete("a courtesy names invoices and when each falls due: set owed, and due_on of each")
        locale = self.choose_locale(None, view.locale)
        names = (f"mail/{step}/subject.txt.j2", f"mail/{step}/body.txt.j2", f"mail/{step}/body.html.j2")
        subject, text, html = (self._render(name, locale, view=view, product=view.product) for name in names)
        written = Written(subject=" ".join(subject.split()), text=text.strip() + "\n", html=html, language=_tag(locale))
        if step in _MUST_NAME:
            _check(written, view, Locale.parse(locale))
        return written

    def page(self, name: str, view: LockoutView | None, locale: str) -> str:
        """One of the pages `overdue` (needs a view), `settled`, `unavailable`, `by_hand`, `gone`, `fallback`, as HTML."""
        product = view.product if view else self.product
        return self._render(f"pages/{name}.html.j2", self.choose_locale(None, locale), view=view, product=product)

    def report(self, view: object, locale: str) -> str:
        """The comparison of two policies (`whatif.picture.ReportView`) as one HTML document that needs nothing else."""
        return self._render("report/simulate.html.j2", self.choose_locale(None, locale), view=view, product=self.product)

    def sentence(self, reason: Reason, locale: str) -> str:
        """A reason of a verdict in words (`policy.explain`)."""
        parsed = Locale.parse(self.choose_locale(None, locale))
        texts = self._catalogues[catalogue_of(parsed, self._catalogues) or SOURCE]
        return explain.sentence(reason, texts.gettext, lambda value: shown(value, parsed))

    def answer(
        self, name: str, standing: Standing, since_at: datetime | None, verdict: Verdict, *, zone: tzinfo, locale: str
    ) -> tuple[str, ...]:
        """Why an account stands as it does, one text a paragraph; `name`: what the account is called."""
        parsed = Locale.parse(self.choose_locale(None, locale))
        texts = self._catalogues[catalogue_of(parsed, self._catalogues) or SOURCE]
        return answer_in_words(name, standing, since_at, verdict, zone=zone, locale=parsed, translate=texts.gettext)

    def _render(self, name: str, locale: str, **values: Any) -> str:
        parsed = Locale.parse(locale)
        environment = self._environments[catalogue_of(parsed, self._catalogues) or SOURCE]
        return environment.get_template(name).render(
            locale=parsed,
            language=_tag(locale),
            direction=parsed.text_direction,
            style=Markup(self._style),  # noqa: S704  # a file beside the templates; escaped quotes would break it
            script=Markup(self._script),  # noqa: S704  # as the style
            content_security_policy=self.content_security_policy,
            **values,
        )


def _shipped() -> Path:
    """The templates in the wheel, else those of the checkout (pyproject.toml, force-include)."""
    packed = _PACKAGE / "_templates"
    return packed if packed.is_dir() else _PACKAGE.parent / "templates"


def _environment(loader: FileSystemLoader, texts: NullTranslations) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    environment.filters.update(FILTERS, oldest_first=oldest_first)
    return environment


def _tag(locale: str) -> str:
    return locale.replace("_", "-")


def _check(written: Written, view: LetterView, locale: Locale) -> None:
    facts = list(_facts(view, locale))
    for part, content, expected in (
        ("text", written.text, facts),
        ("HTML", written.html, [str(escape(fact)) for fact in facts]),
    ):
        missing = [fact for fact in expected if fact not in content]
        if missing:
            raise LetterIncomplete(f"the {part} part must say {missing[0]!r}: add it to the template")


def _facts(view: LetterView, locale: Locale) -> Iterable[str]:
    yield view.product.support_email
    if view.suspend_on:
        yield calendar_day(view.suspend_on, locale)
    if view.closes is Step.RESTRICT:
        yield from view.leaves_open
    for owed in view.owed:
        yield from (owed.number, spelled(owed.remaining, locale), owed.pay_url)
        if owed.due_on:
            yield calendar_day(owed.due_on, locale)


def _content_security_policy(style: str, script: str, logo_url: str) -> str:
    """The page may use its own style, its own script and the logo; it may ask its own address again (case 100)."""
    logo = urlsplit(logo_url)
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_fingerprint(style)}'",
            f"script-src '{_fingerprint(script)}'",
            "connect-src 'self'",
            f"img-src {logo.scheme}://{logo.netloc}" if logo_url else "img-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _fingerprint(source: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(source.encode()).digest()).decode()
