"""Caddy and Traefik ask the gate twice before they refuse: for the decision, which has to come at once, and for the page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.edges import Edge, caddy, each, scene, traefik
from tests.kit.origin import Request, Response, origin
from tests.kit.street import BROWSER, PAGE

SECRET = "one that nobody guesses"

at_both = pytest.mark.parametrize("edge", each(caddy.EDGE, traefik.EDGE))


def standing_in(page: Callable[[], Response], **headers: str) -> Callable[[Request], Response]:
    """A gate that refuses, with these headers, and answers so when it is asked for the page."""

    def answer(request: Request) -> Response:
        if request.header("Accept"):
            return page()
        return Response(402, headers, b"{}")

    return answer


def gone() -> Response:
    raise ConnectionAbortedError


@at_both
@pytest.mark.parametrize("page", [gone, lambda: Response(500, {"Connection": "close"})], ids=["gone", "at fault"])
def test_a_gate_that_fails_between_refusal_and_page_costs_nobody_an_error(
    tmp_path: Path, edge: Edge, page: Callable[[], Response]
) -> None:
    with scene(edge, tmp_path) as at:
        at.gate.kill()
        at.gate.wait()
        with origin(standing_in(page, Connection="close"), port=at.settings.port):
            reply = at.visit("late", "/form?x", method="POST", body=b"a form", **BROWSER)
        assert (reply.status_code, reply.headers["x-gatekeeper-decision"]) == (200, "fail-open")
        (seen,) = at.product.requests
        assert (seen.method, seen.target, seen.body) == ("POST", "/form?x", b"a form")


@at_both
@pytest.mark.parametrize("told", [["found"], []], ids=["told", "not told"])
def test_who_pays_between_refusal_and_page_is_let_in(tmp_path: Path, edge: Edge, told: list[str]) -> None:
    with scene(edge, tmp_path) as at:
        at.gate.kill()
        at.gate.wait()
        # The gate found the account elsewhere, and not as the outer proxy says
        headers = {"X-Gatekeeper-Account": "found", "Connection": "close"} | ({"X-Account-Id": "found"} if told else {})
        with origin(standing_in(lambda: Response(200, headers), Connection="close"), port=at.settings.port):
            reply = at.visit("late", **BROWSER)
        assert (reply.status_code, reply.text) == (200, "the product")
        assert "x-gatekeeper-decision" not in reply.headers
        assert at.product.requests[0].header("X-Gatekeeper-Account") == ["found"]
        assert at.product.requests[0].header("X-Account-Id") == told


@at_both
def test_connections_to_the_gate_are_used_again(tmp_path: Path, edge: Edge) -> None:
    with scene(edge, tmp_path) as at:
        at.gate.kill()
        at.gate.wait()
        with origin(standing_in(lambda: Response(402, {}, PAGE)), port=at.settings.port) as gate:
            for _ in range(10):
                assert at.visit("late", **BROWSER).content == PAGE
            assert len(gate.requests) == 20
            assert gate.connections < 8


@pytest.mark.parametrize(
    "edge",
    each(
        caddy.changed(
            {"# With gate.edge_secret: header_up X-Gatekeeper-Edge": "header_up X-Gatekeeper-Edge", "the secret": SECRET}
        ),
        traefik.changed({"# secret:": "secret:", "that of gate.edge_secret": SECRET}),
    ),
)
def test_the_gate_is_told_its_secret(tmp_path: Path, edge: Edge) -> None:
    with scene(edge, tmp_path, edge_secret=SECRET) as at:
        assert at.visit("good", X_Gatekeeper_Edge="guessed").status_code == 200
        assert at.visit("late", **BROWSER).content == PAGE
        assert at.product.requests[0].header("X-Gatekeeper-Edge") == []


@pytest.mark.parametrize(
    "edge", each(traefik.changed({"plugin:\n        gatekeeper:": "plugin:\n        gatekeeper_missing:"}))
)
def test_with_a_plugin_that_cannot_be_loaded_everybody_is_let_in_and_it_shows(tmp_path: Path, edge: Edge) -> None:
    with scene(edge, tmp_path) as at:
        reply = at.visit("late", "/own-500", X_Gatekeeper_Standing="current")
        assert (reply.status_code, reply.headers.get_list("x-gatekeeper-decision")) == (500, ["fail-open"])
        assert at.product.requests[0].header("X-Gatekeeper-Standing") == []
        assert at.visit("late", "/overdue").text == "the web part"
