"""A page for people, a problem document for programs (case 95)."""

import pytest

from gatekeeper.gate.fields import ACCEPT, FETCH_MODE
from gatekeeper.gate.negotiate import wants_page

_CHROMIUM = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize("accept", [_CHROMIUM, b"TEXT/HTML;q=0.1", b"application/xhtml+xml", b"text/html, application/json"])
def test_whoever_names_html_gets_the_page(accept: bytes) -> None:
    assert wants_page({ACCEPT: accept})


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/json",
        b"application/json, text/plain, */*",
        b"application/json, text/html;q=0.9",
        b"text/html;q=0",
        b"text/html;q=nonsense",
        b"text/*",
        b"text/htmlx",
        b"text/event-stream",
        b";;,,=",
    ],
)
def test_whoever_does_not_gets_the_problem_document(accept: bytes) -> None:
    assert not wants_page({ACCEPT: accept})
    assert not wants_page({})


def test_a_browser_says_what_it_does_with_the_answer() -> None:
    assert wants_page({FETCH_MODE: b"navigate", ACCEPT: b"*/*"})
    for mode in (b"cors", b"same-origin", b"no-cors", b"websocket"):
        assert not wants_page({FETCH_MODE: mode, ACCEPT: _CHROMIUM})
