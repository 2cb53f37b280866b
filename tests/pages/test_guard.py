"""Who may press a button: a page of this very host, with the token that the page was given (case 56)."""

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from starlette.datastructures import Headers

from gatekeeper.pages.forms import fields_of, is_ours
from gatekeeper.pages.tokens import ACTION_TOKEN_SECONDS, Visit, token_of, visit_of
from gatekeeper.wording import LockoutView
from tests.pages.test_routes import ACTION_SIGNER, HEADERS, SIGNER, BillerAway, Shelf, ask, vouched, web

ACTIONS = ("check", "remind", "again", "promise", "transfer", "review", "watch")
OURS = "https://app.acme.example"


@pytest.mark.parametrize(
    ("sent", "ours"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": OURS}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OURS}, False),
        ({"Sec-Fetch-Site": "", "Origin": OURS}, False),
        ({"Origin": OURS}, True),
        ({"Origin": "https://app.acme.example:8443"}, True),
        ({"Origin": "https://APP.acme.example"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://app.acme.example.evil.example"}, False),
        ({"Origin": "https://app.acme.example@evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "https://[evil"}, False),
        ({}, True),
    ],
)
def test_only_a_page_of_this_host_is_one_of_ours(sent: dict[str, str], ours: bool) -> None:
    assert is_ours(Headers({"Host": "app.acme.example", **sent})) is ours


def test_without_a_host_no_origin_is_ours() -> None:
    assert not is_ours(Headers({"Origin": OURS}))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_case_56_a_button_is_a_post(action: str, method: str) -> None:
    assert ask(web(Shelf()), f"/overdue/{action}", method).status_code == 405


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "body",
    [
        "",
        "token=",
        "token=acme",
        f"token={vouched('acme')['X-Gatekeeper-Page']}",
        "{}",
        "\xff",
        "token=%ff",
        "a=1&" * 50,
        "x" * 20_000,
    ],
    ids=["nothing", "empty", "made up", "of the gate", "JSON", "no ASCII", "no UTF-8", "many fields", "long"],
)
def test_without_the_token_of_the_page_nothing_is_done(action: str, body: str) -> None:
    books = Shelf()
    answer = ask(web(books), f"/overdue/{action}", "POST", content=body.encode("latin-1"))
    assert answer.status_code == 403
    assert books.asked == []


@pytest.mark.parametrize("action", ACTIONS)
def test_a_page_of_another_host_cannot_press_with_a_token_that_it_has_seen(action: str) -> None:
    books = Shelf()
    token = token_of(Visit(account="acme"), ACTION_SIGNER)
    answer = ask(web(books), f"/overdue/{action}", "POST", {"Sec-Fetch-Site": "cross-site"}, data={"token": token})
    assert answer.status_code == 403
    assert books.asked == []


@pytest.mark.parametrize("body", [{"token": "?"}, {"token": token_of(Visit(account="acme"), ACTION_SIGNER)}])
def test_every_answer_to_a_button_is_protected_as_the_page_is(body: dict[str, str]) -> None:
    answer = ask(web(Shelf()), "/overdue/check", "POST", data=body)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


class Broken(Shelf):
    def lockout(self, _account_id: str, _viewer: str = "") -> LockoutView | None:
        raise BillerAway


@pytest.mark.parametrize("action", ACTIONS[:-1])
def test_where_nothing_can_be_kept_the_person_is_led_back(action: str) -> None:
    token = token_of(Visit(account="acme", path="/files"), ACTION_SIGNER)
    answer = ask(web(Broken()), f"/overdue/{action}", "POST", data={"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/files")


class Earlier(TimestampSigner):
    back = 0

    def get_timestamp(self) -> int:
        return super().get_timestamp() - self.back


@pytest.mark.parametrize(("seconds", "holds"), [(ACTION_TOKEN_SECONDS - 60, True), (ACTION_TOKEN_SECONDS + 60, False)])
def test_a_token_of_the_page_holds_for_a_day(seconds: int, holds: bool) -> None:
    aged = type("Aged", (Earlier,), {"back": seconds})
    token = str(URLSafeTimedSerializer(["a key for tests"], salt="page.action", signer=aged).dumps("acme"))
    assert (visit_of(token, ACTION_SIGNER, ACTION_TOKEN_SECONDS) is not None) is holds


@pytest.mark.parametrize(
    "said",
    [
        *(
            None,
            1,
            [],
            ["acme"],
            {},
            {"viewer": ""},
            {"account": 1},
            {"account": "a", "viewer": None},
            {"account": "a", "more": ""},
        ),
        *({"account": "a" * 5000}, {"account": "a", "path": ["/"]}),
    ],
)
def test_what_a_token_says_must_be_a_visit(said: object) -> None:
    assert visit_of(str(SIGNER.dumps(said)), SIGNER, 60) is None


def test_a_token_says_again_what_went_into_it() -> None:
    visit = Visit(account="acme", viewer="ana@acme.example", path="/work")
    assert visit_of(token_of(visit, SIGNER), SIGNER, 60) == visit
    assert visit_of(str(SIGNER.dumps({"account": "acme"})), SIGNER, 60) == Visit(account="acme")


def test_the_fields_of_a_form_are_read_as_a_browser_sends_them() -> None:
    assert fields_of(b"a=1&b=%C3%A9+%26&c=") == {"a": "1", "b": "é &", "c": ""}
