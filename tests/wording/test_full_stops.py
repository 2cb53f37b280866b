"""A name that ends in a full stop ends the sentence with it, in every language."""

from dataclasses import replace

import pytest

from gatekeeper.wording import Wording
from gatekeeper.wording.languages import SOURCE, catalogues
from tests.wording.samples import LETTERS, PRODUCT, TEMPLATES, Document

LANGUAGES = sorted({SOURCE, *catalogues([TEMPLATES])})
WORDING = Wording(replace(PRODUCT, name="Acme Inc."))


def named(kind: str, account: str, language: str) -> tuple[str, str]:
    """Text and HTML, as it is seen, of the letter to this account."""
    step, view = LETTERS[kind]
    written = WORDING.letter(step, replace(view, account_name=account, locale=language))
    return written.text, Document(written.html).visible


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTERS)
def test_no_sentence_ends_twice(kind: str, language: str) -> None:
    for part in named(kind, "Blue Door Ltd.", language):
        assert "Blue Door Ltd." in part
        assert ".." not in part


def test_a_sentence_still_ends_and_a_name_is_never_cut() -> None:
    for part in named("restored", "Blue Door", "en"):
        assert "because you are a contact for Blue Door." in part
    for part in named("restored", "Blue Door Ltd.", "en"):
        assert "open again for everybody at Blue Door Ltd. If a window still" in part
    for part in named("restored", "Wait...", "en"):
        assert "for everybody at Wait... If a window still" in part
