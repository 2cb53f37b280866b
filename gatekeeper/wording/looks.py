"""How letters look: classes become `style` attributes, because many mail programs read no style sheet.

It happens when a template is compiled, once for all letters: inlining each finished letter would cost more than writing it.
"""

import re
from functools import lru_cache
from typing import Final

import css_inline
from jinja2 import Environment
from jinja2.ext import Extension

SHEET: Final = "mail/letter.css"  # plain rules for classes; what only a style element can say is in mail/media.css
_CLASSES: Final = re.compile(r'\bclass="([\w -]+)"(?: style="([^"]*)")?')


class Looks(Extension):
    """Puts the declarations of `mail/letter.css` beside every `class="…"` in the HTML templates of `mail/`.

    What the template itself says in a `style` right after the class comes last and wins.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002  # Jinja's signature
        if not (name and name.startswith("mail/") and name.endswith(".html.j2")):
            return source
        sheet = _sheet(self.environment)
        return _CLASSES.sub(lambda found: f'class="{found[1]}" style="{_style(found[1], sheet)}{found[2] or ""}"', source)


def _sheet(environment: Environment) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, SHEET)[0]


@lru_cache(maxsize=1024)
def _style(classes: str, sheet: str) -> str:
    """The declarations that css-inline finds for an element of these classes; nothing where no rule is for them."""
    probe = css_inline.inline_fragment(f'<i class="{classes}"></i>', sheet, load_remote_stylesheets=False)
    found = re.search(r' style="([^"]*)"', probe)
    return found[1] if found else ""
