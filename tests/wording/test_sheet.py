"""The evidence sheet in every language."""

import re

import pytest
from babel import Locale

from gatekeeper.wording import Wording
from gatekeeper.wording.languages import SOURCE, catalogues
from tests.wording.samples import PRODUCT, TEMPLATES
from tests.wording.sheets import SHEET

LANGUAGES = sorted({SOURCE, *catalogues([TEMPLATES])})


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_became_of_something_is_read_in_the_direction_of_the_arrow(language: str) -> None:
    """No arrow is mirrored by itself: the words of a language have its own; those of a mail server run from left to right."""
    html = Wording(PRODUCT).report(SHEET, language, "evidence")
    ahead = "→" if Locale.parse(language).text_direction == "ltr" else "←"
    assert '<bdi dir="ltr">accepted → bounced</bdi>' in html
    assert set(re.findall("[→←]", re.sub(r'<bdi dir="ltr">.*?</bdi>', "", html))) == {ahead}
