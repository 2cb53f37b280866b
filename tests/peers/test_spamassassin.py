"""SpamAssassin finds nothing to hold against any letter, in any language that there is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gatekeeper.perform.mail import Letter, compose
from gatekeeper.wording import Wording
from gatekeeper.wording.languages import SOURCE, catalogues
from tests.kit.spamassassin import Score, relayed, scores
from tests.wording.samples import LETTERS, PRODUCT, TEMPLATES

pytestmark = pytest.mark.peer("spamassassin")

LIMIT = 0.5  # 5.0 is spam to most servers, and theirs may weigh more than the rules that are shipped
LANGUAGES = sorted({SOURCE, *catalogues([TEMPLATES])})
DOMAIN = "acme.example"
WORDING = Wording(PRODUCT)
# A date of long ago, or of a day to come, costs points
SENT_AT = datetime.now(UTC) - timedelta(minutes=5)


def message_id(kind: str, language: str) -> str:
    return f"<gk-{kind}-{language}@{DOMAIN}>"


def composed(kind: str, language: str, **changes: str) -> bytes:
    """The letter of this kind as the transport sends it, and as it comes to the recipient's server."""
    step, view = LETTERS[kind]
    written = WORDING.letter(step, replace(view, locale=language))
    letter = Letter(
        message_id=message_id(kind, language),
        sender=f"Acme Billing <billing@{DOMAIN}>",
        to_address="ana@blue-door.example",
        to_name="Ana Núñez",
        reply_to=f"Acme Support <support@{DOMAIN}>",
        bounce_address=f"bounces@{DOMAIN}",
        subject=written.subject,
        text=written.text,
        html=written.html,
        language=written.language,
        dated_at=SENT_AT,
        references=f"<gk-first@{DOMAIN}>" if kind == "warning" else "",
    )
    return relayed(compose(replace(letter, **changes)), DOMAIN)


@pytest.fixture(scope="module")
def scored() -> dict[str, Score]:
    return scores(composed(kind, language) for kind in LETTERS for language in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_is_no_spam(scored: dict[str, Score], kind: str, language: str) -> None:
    score = scored[message_id(kind, language)]
    assert score.points <= LIMIT, score.rules


def test_it_would_find_a_fault() -> None:
    (score,) = scores([composed("warning", "en", text="Dear friend, claim your prize money of $$$ now!\n")]).values()
    assert score.points > LIMIT
    assert any(rule.startswith("MPART_ALT_DIFF=") for rule in score.rules)
