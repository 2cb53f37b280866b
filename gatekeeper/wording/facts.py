"""What a finished letter must say, whoever wrote its template (case 55): a notice without it would be no notice."""

from collections.abc import Iterator

from babel import Locale
from markupsafe import escape

from gatekeeper.model import Step
from gatekeeper.wording.formats import calendar_day, spelled
from gatekeeper.wording.views import Asked, LetterView, Owed, Written

_TO_STAFF = frozenset({Step.TRANSFER, Step.REVIEW})
_CARRIES_INVOICES = frozenset(Step) - {Step.PROMISED, Step.UNREACHABLE} - _TO_STAFF


class LetterIncomplete(ValueError):
    """A letter leaves out what it must say, or cannot be written from what is known; nothing was sent."""


def require(step: Step, view: LetterView) -> None:
    """See that the view has what every letter of this step names. Raises LetterIncomplete."""
    if step is Step.WARNING and view.suspend_on is None:
        raise LetterIncomplete("a warning names the day on which access closes: set suspend_on")
    if step is Step.PROMISED and view.promise is None:
        raise LetterIncomplete("the word of a promise names its day: set promise")
    if step in _TO_STAFF and view.asked is None:
        raise LetterIncomplete("a word to the staff says what was asked for: set asked")
    if step is Step.COURTESY and not (view.owed and all(owed.due_on for owed in view.owed)):
        raise LetterIncomplete("a courtesy names invoices and when each falls due: set owed, and due_on of each")


def check(written: Written, step: Step, view: LetterView, locale: Locale) -> None:
    """See that both parts say every fact, as it is spelled for `locale`. Raises LetterIncomplete."""
    for name, fact in _facts(step, view, locale):
        for part, says in (("text", fact in written.text), ("HTML", str(escape(fact)) in written.html)):
            if not says:
                raise LetterIncomplete(f"the {part} part must say {name}: add it to the template")


def _facts(step: Step, view: LetterView, locale: Locale) -> Iterator[tuple[str, str]]:
    """What the template calls it, and how it is spelled."""
    if view.asked:
        yield from _asked(view.asked, locale)
    if step not in _TO_STAFF:
        yield "product.support_email", view.product.support_email
    if view.suspend_on:
        yield "view.suspend_on", calendar_day(view.suspend_on, locale)
    if view.closed_on and step in {Step.RESTRICT, Step.SUSPEND}:
        yield "view.closed_on", calendar_day(view.closed_on, locale)
    if view.promise and step in {Step.PROMISED, Step.WARNING}:
        yield "view.promise.due_on", calendar_day(view.promise.due_on, locale)
    if step is Step.RESTRICT or (step is Step.WARNING and view.closes is Step.RESTRICT):
        yield from (("view.leaves_open", path) for path in view.leaves_open)
    if step in _CARRIES_INVOICES:
        for owed in view.owed:
            yield from _of_invoice(owed, locale)


def _asked(asked: Asked, locale: Locale) -> Iterator[tuple[str, str]]:
    yield "view.asked.account_id", asked.account_id
    if asked.on:
        yield "view.asked.on", calendar_day(asked.on, locale)
    yield from ((f"view.asked.{name}", text) for name, text in (("reference", asked.reference), ("words", asked.words)) if text)


def _of_invoice(owed: Owed, locale: Locale) -> Iterator[tuple[str, str]]:
    yield "owed.number", owed.number
    yield "owed.remaining", spelled(owed.remaining, locale)
    yield "owed.pay_url", owed.pay_url
    if owed.due_on:
        yield "owed.due_on", calendar_day(owed.due_on, locale)
