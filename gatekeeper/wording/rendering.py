"""Turns views into letters and pages, in the reader's language, with the product's own templates before ours."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from markupsafe import Markup

from gatekeeper.model import Reason, Standing, Step, Verdict
from gatekeeper.policy import explain
from gatekeeper.wording.answers import answer_in_words
from gatekeeper.wording.child import Child, ChildGone, TemplateFault
from gatekeeper.wording.examples import letters, pages
from gatekeeper.wording.facts import LetterIncomplete, check, require
from gatekeeper.wording.formats import shown
from gatekeeper.wording.languages import SOURCE, catalogue_of, catalogues, faults, known, parsed, wanted
from gatekeeper.wording.templates import Templates, shipped, tag
from gatekeeper.wording.views import LetterView, LockoutView, Product, Written

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


class Wording:
    """The templates of the house, with `product` as their sender.

    A file in `overrides` stands in for ours of the same name, and a catalogue there adds a language or replaces sentences
    (docs/wording.md). What such a file has a part in is rendered in a process of its own; whatever goes wrong there, ours goes
    out instead, and the log says in which file and line. `try_out` finds such slips before the first letter.
    """

    def __init__(self, product: Product, overrides: Path | None = None) -> None:
        self.product = product
        self._folder = overrides
        overrides = overrides if overrides and overrides.is_dir() else None
        self._catalogues = catalogues([*([overrides] if overrides else []), shipped()])
        self._ours = Templates(self._catalogues)
        self._ours.compile()
        self._theirs = Templates(self._catalogues, overrides)
        self._child = Child(overrides) if overrides else None
        self._given_up: dict[tuple[str | None, str], str] = {}
        self._trying = False
        style, script = (self._theirs.file(f"pages/{name}") for name in ("page.css", "page.js"))
        self._looks = {"style": Markup(style), "script": Markup(script)}  # noqa: S704  # files beside the templates; escaped quotes would break them
        self.content_security_policy = _content_security_policy(style, script, product.logo_url)

    def choose_locale(self, accept_language: str | None, preferred: str | None) -> str:
        """The locale to write in: what the reader is known to prefer, else what the browser asks for, else the product's own.

        Only languages with a catalogue count. The region stays the reader's: `en-GB` reads the English texts, and dates and
        amounts in the British manner.
        """
        tags = [preferred or "", *wanted(accept_language or ""), self.product.locale]
        locales = (locale for tag in tags if (locale := known(tag)))
        return next((str(locale) for locale in locales if catalogue_of(locale, self._catalogues)), SOURCE)

    def letter(self, step: Step, view: LetterView) -> Written:
        """The letter of a step as text and as HTML.

        Raises:
            LetterIncomplete: the view lacks what the step names, or our own template leaves out what it must say (case 55).
        """
        require(step, view)
        locale = self.choose_locale(None, view.locale)

        def finished(texts: list[str]) -> Written:
            subject, text, html = texts
            written = Written(subject=" ".join(subject.split()), text=text.strip() + "\n", html=html, language=tag(locale))
            check(written, step, view, parsed(locale))
            return written

        return self._rendered(_parts_of(step, view), locale, {"view": view, "product": view.product}, finished)

    def page(self, name: str, view: LockoutView | None, locale: str) -> str:
        """One of the pages `overdue` (needs a view) and those of `examples.PAGES`, as HTML."""
        values = {
            "view": view,
            "product": view.product if view else self.product,
            "content_security_policy": self.content_security_policy,
            **self._looks,
        }
        return self._rendered([f"pages/{name}.html.j2"], self.choose_locale(None, locale), values, _only)

    def report(self, view: object, locale: str, name: str = "simulate") -> str:
        """One HTML document that needs nothing else.

        `simulate`: the comparison of two policies (`whatif.picture.ReportView`); `evidence`: what was said to whom
        (`wording.evidence.Evidence`).
        """
        locale = self.choose_locale(None, locale)
        values = {"view": view, "product": self.product, **self._looks}
        return _only(self._ours.render([f"report/{name}.html.j2"], self._language(locale), locale, values))

    def sentence(self, reason: Reason, locale: str) -> str:
        """A reason of a verdict in words (`policy.explain`)."""
        whose = parsed(self.choose_locale(None, locale))
        texts = self._catalogues[self._language(str(whose))]
        return explain.sentence(reason, texts.gettext, lambda value: shown(value, whose))

    def answer(
        self, name: str, standing: Standing, since_at: datetime | None, verdict: Verdict, *, zone: tzinfo, locale: str
    ) -> tuple[str, ...]:
        """Why an account stands as it does, one text a paragraph; `name`: what the account is called."""
        whose = parsed(self.choose_locale(None, locale))
        texts = self._catalogues[self._language(str(whose))]
        return answer_in_words(name, standing, since_at, verdict, zone=zone, locale=whose, translate=texts.gettext)

    def _language(self, locale: str) -> str:
        return catalogue_of(parsed(locale), self._catalogues) or SOURCE

    def _rendered(self, names: Sequence[str], locale: str, values: dict[str, Any], finished: Callable[[list[str]], _T]) -> _T:
        """From the operator's own templates if all goes well with them, else from ours."""
        language = self._language(locale)
        letter = (self._theirs.own_folder(language), names[0])
        if self._child and letter not in self._given_up and self._theirs.replaced(names, language):
            try:
                return finished(self._child.render(names, language, locale, values))
            except (TemplateFault, LetterIncomplete) as fault:
                because = f"{names[0].rpartition('/')[0]}: {fault}" if isinstance(fault, LetterIncomplete) else str(fault)
                log.error("template.unused", language=language, because=because)  # noqa: TRY400  # the trace is the other process's
                if self._trying or isinstance(fault, ChildGone):  # else each further letter would wait as long for nothing
                    self._given_up[letter] = because
        return finished(self._ours.render(names, language, locale, values))

    def try_out(self) -> tuple[str, ...]:
        """What is wrong with the operator's own files, by file and line; where one is named, ours is used from now on.

        Writes every kind of letter and page with them, about invented people. Takes a second or two if there are any.
        """
        if self._folder is None:
            return ()
        if self._child is None:
            return ("there is no such folder",)
        unread = (*faults(self._folder), *self._unread_folders())
        for fault in unread:
            log.error("template.unused", because=fault)
        return (*unread, *self._slips())

    def _unread_folders(self) -> Iterator[str]:
        for folder, language in self._theirs.languages.items():
            if language not in self._catalogues:
                yield f"{folder}: nobody reads it, because there is no catalogue of that language: add one in locale/{language}"

    def _slips(self) -> Iterator[str]:
        by_folder = {self._theirs.own_folder(one): one for one in sorted(self._catalogues, key=lambda one: one == SOURCE)}
        self._trying = True
        for language in by_folder.values():
            for step, letter in letters(self.product):
                if self._theirs.replaced(_parts_of(step, letter), language):
                    self.letter(step, replace(letter, locale=language))
            for name, page in pages(self.product):
                self.page(name, page, language)
        self._trying = False
        yield from dict.fromkeys(self._given_up.values())


def _parts_of(step: Step, view: LetterView) -> list[str]:
    folder = "broken" if step is Step.WARNING and view.promise else step
    return [f"mail/{folder}/{part}" for part in ("subject.txt.j2", "body.txt.j2", "body.html.j2")]


def _only(texts: list[str]) -> str:
    (text,) = texts
    return text


def _content_security_policy(style: str, script: str, logo_url: str) -> str:
    """The page may use its own style, its own script and the logo; it may ask, and send forms to, its own host (case 100)."""
    logo = urlsplit(logo_url)
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_fingerprint(style)}'",
            f"script-src '{_fingerprint(script)}'",
            "connect-src 'self'",
            f"img-src {logo.scheme}://{logo.netloc}" if logo_url else "img-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


def _fingerprint(source: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(source.encode()).digest()).decode()
