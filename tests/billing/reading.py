"""gatekeeper's own reader of Stripe on the stand-in, and what can stand between the two on the wire."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.pace import Pace, unhurried
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Audience
from tests.kit.at_work import at_work
from tests.kit.standin import READ_KEY, MovableClock

MAPPER = Mapper(
    account_id_from="metadata.account_id",
    contacts_from={Audience.ACCOUNTANT: "email", Audience.USER: "metadata.user_email"},
    attributes_from={"plan": "metadata.plan", "time_zone": "metadata.time_zone", "tags": "metadata.tags"},
)


@contextmanager
def reading_from(
    url: str,
    clock: MovableClock,
    *,
    key: str = READ_KEY,
    mapper: Mapper = MAPPER,
    timeout: float = 10,
    pace: Pace | None = None,
) -> Iterator[StripeBooks]:
    """The reader as the house builds it."""
    with httpx.Client(timeout=timeout) as client:
        yield StripeBooks(api_key=key, api_base=url, mapper=mapper, client=client, clock=clock, pace=pace or unhurried())


def shown(standin: Standin, path: str, *expand: str) -> Any:
    """What the API answers, as JSON and nothing else."""
    headers = {"Authorization": f"Bearer {READ_KEY}"}
    answer = httpx.get(f"{standin.url}{path}", params={"expand[]": list(expand)}, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def debtor(standin: Standin, account: str = "acme", **more: Any) -> str:
    """A customer of this account with an accountant and a user; its id."""
    people = {"account_id": account, "user_email": f"user@{account}.example"}
    told = {"name": account.capitalize(), "email": f"ap@{account}.example", "metadata": people} | more
    return standin.books.create_customer(**told).id


def bill(standin: Standin, customer: str, *amounts: int, due: int | None = 7) -> str:
    """An open invoice over these amounts; `due` None: one that is charged automatically."""
    terms: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": due} if due is not None else {}
    draft = standin.books.create_invoice(customer, **terms)
    for amount in amounts or (1000,):
        standin.books.add_line(draft.id, amount)
    return standin.books.finalize(draft.id).id


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def altered(self, alter: Callable[[Any], Any]) -> "Answer":
        """With another document; `alter` gives the new one, or changes the old one and gives None."""
        document = json.loads(self.body)
        new = alter(document)
        return replace(self, body=json.dumps(document if new is None else new).encode())


class Between:
    """Passes every GET on to the stand-in and notes it; `alter` may make another answer of what came back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heads: list[HTTPMessage] = []
        self.paths: list[str] = []
        self.alter: Callable[[str, Answer], Answer] = lambda _, answer: answer

    def answer(self, answer: Answer) -> None:
        """Answer this from now on."""
        self.alter = lambda *_: answer

    def document(self, alter: Callable[[Any], Any]) -> None:
        """Alter the document of every answer from now on."""
        self.alter = lambda _, answer: answer.altered(alter)


@contextmanager
def between(standin: Standin) -> Iterator[Between]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            passing.heads.append(self.headers)
            passing.paths.append(self.path)
            key = {"Authorization": self.headers["Authorization"]}
            came = client.get(f"{standin.url}{self.path}", headers=key)
            answer = passing.alter(self.path, Answer(came.status_code, came.content))
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with httpx.Client(trust_env=False) as client, at_work(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        passing = Between(address)
        yield passing
