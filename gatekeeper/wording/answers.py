"""The answer to `why`, in the reader's language: a few short paragraphs, as a colleague would say it."""

from collections.abc import Callable
from datetime import datetime, tzinfo

from babel import Locale
from babel.dates import format_time

from gatekeeper.model import Standing, Verdict
from gatekeeper.policy import answer, explain
from gatekeeper.wording.formats import calendar_day, shown


def answer_in_words(
    name: str,
    standing: Standing,
    since_at: datetime | None,
    verdict: Verdict,
    *,
    zone: tzinfo,
    locale: Locale,
    translate: Callable[[str], str],
) -> tuple[str, ...]:
    """One text a paragraph. `zone`: the account's, in which days and hours are told."""

    def told(text: str, **values: str) -> str:
        return translate(text) % values

    since = calendar_day(since_at.astimezone(zone).date(), locale) if since_at else ""
    opening = told(answer.OPENINGS[standing], account=name, since=since)
    said = [
        " ".join(explain.sentence(reason, translate, lambda value: shown(value, locale)) for reason in group)
        for group in answer.paragraphs(verdict.reasons)
    ]
    remedies = " ".join(translate(text) for text in explain.REMEDIES[standing])
    return tuple(text for text in (opening, *said, _next_look(verdict, zone, locale, told), remedies) if text)


def _next_look(verdict: Verdict, zone: tzinfo, locale: Locale, told: Callable[..., str]) -> str:
    if verdict.review_at is None:
        return told(answer.NO_NEXT_LOOK)
    at = verdict.review_at.astimezone(zone)
    time = format_time(at.timetz(), "short", locale=locale)
    return told(answer.NEXT_LOOK, on=calendar_day(at.date(), locale), time=time, zone=str(zone))
