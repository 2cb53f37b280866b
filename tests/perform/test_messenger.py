"""Delivery of hooks to a real product over HTTP: signed, once taken never again, in order, and past whatever fails."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.model import Reason, Standing, Verdict
from gatekeeper.perform import messenger as messaging
from gatekeeper.perform.messenger import Messenger
from tests.kit.builders import DUE_AT, invoice
from tests.kit.ledger import Ledger, a_customer, current, opened, past_due, suspended
from tests.kit.ports import free_port
from tests.kit.product import Product
from tests.kit.running import until
from tests.kit.standin import MovableClock

NEW, OLD = "whsec_" + "bmV3" * 8, "whsec_" + "b2xk" * 8
KEYS = (b"new" * 8, b"old" * 8)
CLIMBED = [("current", "past_due"), ("past_due", "suspended")]


class Teller:
    """A messenger between this ledger and this product, on a clock that stands until it is moved. `why` withholds closings."""

    def __init__(self, ledger: Ledger, told: Product, keys: tuple[bytes, ...] = KEYS) -> None:
        self.ledger, self.told = ledger, told
        self.clock = MovableClock(DUE_AT)
        self.why: Reason | None = None
        self.stop = threading.Event()
        self.messenger = self.another(told.url, keys)

    def another(self, url: str, keys: tuple[bytes, ...] = KEYS) -> Messenger:
        return Messenger(
            url=url,
            keys=keys,
            hooks=self.ledger.writer.hooks,
            sentence=lambda reason: f"{reason.code}: {dict(reason.params)}",
            withheld=lambda: self.why,
            clock=self.clock,
            real_clock=lambda: datetime.now(UTC),
        )

    def deliver(self) -> None:
        self.messenger.deliver(self.stop)

    def climb(self, *accounts: str, verdict: Verdict | None = None) -> None:
        """These accounts fall past due, and are suspended."""
        for number, account in enumerate(accounts):
            customer = a_customer(id=f"cus_{account}", account_id=account)
            self.ledger.read(invoice(number, account_id=account, customer_id=f"cus_{account}"), customer=customer)
            for step in (past_due(), verdict or suspended()):
                assert self.ledger.judge(step, self.clock(), account_id=account)

    def pay(self, account: str) -> None:
        assert self.ledger.judge(current(), self.clock(), account_id=account)

    def states(self) -> list[str]:
        return [row["state"] for row in self.ledger.rows("hooks")]

    def details(self) -> set[str]:
        return {row["detail"] for row in self.ledger.rows("hooks") if row["detail"]}


@pytest.fixture
def teller(database_url: str, told: Product) -> Iterator[Teller]:
    with opened(database_url, announced=True) as ledger:
        yield Teller(ledger, told)


def test_the_product_hears_of_each_change_once_and_in_order(teller: Teller, told: Product) -> None:
    teller.climb("acme")
    teller.deliver()
    assert told.heard("acme") == CLIMBED
    teller.pay("acme")
    teller.deliver()
    teller.deliver()
    assert told.heard("acme") == [*CLIMBED, ("suspended", "current")]
    assert told.asked("acme") == 3
    assert len({one.headers["webhook-id"] for one in told.attempts}) == 3


def test_what_it_hears_is_the_change_and_nothing_of_people(teller: Teller, told: Product) -> None:
    promised = Reason(code="promise_broken", params=(("by", "Ana Lopez"), ("on", DUE_AT.date())))
    exempt = Reason(code="exempt", params=(("until", DUE_AT.date()), ("reason", "her mother died"), ("author", "Bob")))
    closed = Verdict(standing=Standing.RESTRICTED, reasons=(promised, exempt), leaves_open=("/export",))
    teller.climb("acme", verdict=closed)
    teller.deliver()
    said = told.attempts[1].document
    assert said == {
        "type": "account.standing_changed",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {
            "account": "acme",
            "standing": "restricted",
            "previous_standing": "past_due",
            "reasons": [
                {"code": "promise_broken", "text": "promise_broken: {'by': '…', 'on': datetime.date(2026, 3, 2)}"},
                {
                    "code": "exempt",
                    "text": "exempt: {'until': datetime.date(2026, 3, 2), 'reason': '…', 'author': '…'}",
                },
            ],
            "leaves_open": ["/export"],
            "revision": 2,
            "changed_at": "2026-03-02T09:00:00Z",
        },
    }
    assert told.attempts[1].headers["Content-Type"] == "application/json"


def test_a_body_stays_small_however_many_reasons_there_are(teller: Teller, told: Product) -> None:
    many = tuple(Reason(code="small", params=(("number", f"A-{number}"),)) for number in range(500))
    teller.climb("acme", verdict=suspended(reasons=many))
    teller.deliver()
    assert len(told.attempts[1].body) < 20_000
    assert told.attempts[1].document["data"]["reasons"][-1]["text"] == "small: {'number': 'A-499'}"


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_while_a_secret_is_replaced_both_are_believed_by_the_verifier_of_the_standard(
    teller: Teller, told: Product, secret: str
) -> None:
    teller.climb("acme")
    teller.deliver()
    for one in told.attempts:
        assert one.verified(secret) == one.document


def test_what_is_changed_on_the_way_or_signed_by_another_is_not_believed(teller: Teller, told: Product) -> None:
    teller.climb("acme")
    teller.deliver()
    one = told.attempts[1]
    forged = [
        (one.body.replace(b"suspended", b"current"), one.headers),
        (one.body, one.headers | {"webhook-id": told.attempts[0].headers["webhook-id"]}),
        (one.body, one.headers | {"webhook-timestamp": str(int(one.headers["webhook-timestamp"]) + 1)}),
    ]
    for body, headers in forged:
        with pytest.raises(Exception, match="No matching signature"):
            type(one)(one.account, body, headers, 204).verified(NEW)
    with pytest.raises(Exception, match="No matching signature"):
        one.verified("whsec_" + "c3RyYW5nZXI=" * 2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (500, "answered 500"),
        (404, "answered 404"),
        (301, "answered 301, a redirect: name the new address in hooks.url"),
        (307, "answered 307, a redirect: name the new address in hooks.url"),
        ("cut", "no answer: RemoteProtocolError"),
        ("hang", "no answer within 0.2 seconds"),
        ("drip", "no answer within 0.2 seconds"),
    ],
)
def test_what_is_not_taken_is_tried_again_under_the_same_id_with_a_new_time(
    teller: Teller, told: Product, answer: int | str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer in {"hang", "drip"}:
        monkeypatch.setattr(messaging, "_ANSWER_SECONDS", 0.2)
    told.answers("acme", answer, Location=told.url)
    teller.climb("acme")
    teller.deliver()
    assert (told.asked("acme"), teller.states(), teller.details()) == (1, ["waiting", "waiting"], {said})
    teller.clock.move(seconds=8)
    monkeypatch.setattr(messaging, "_ANSWER_SECONDS", 20)
    told.answers("acme", 200)
    teller.deliver()
    assert told.heard("acme") == CLIMBED
    first, second = told.attempts[:2]
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert second.verified(NEW)


def test_an_answer_without_end_is_an_answer(teller: Teller, told: Product) -> None:
    told.answers("acme", "endless")
    teller.climb("acme")
    teller.deliver()
    assert teller.states() == ["taken", "taken"]


def test_where_nobody_listens_it_is_tried_again(teller: Teller, told: Product) -> None:
    teller.climb("acme")
    port = free_port()
    teller.messenger = teller.another(f"http://127.0.0.1:{port}/hooks")
    teller.deliver()
    assert teller.details() == {f"no answer: Connect call failed ('127.0.0.1', {port})"}
    assert teller.states() == ["waiting", "waiting"]


def test_no_account_waits_for_the_answer_to_another(teller: Teller, told: Product) -> None:
    """And who has paid while others hang is told of at once."""
    told.answers("slow", "hang")
    teller.climb("slow", "acme")
    thread = threading.Thread(target=teller.deliver)
    thread.start()
    try:
        until(lambda: told.heard("acme") == CLIMBED)
        teller.pay("acme")
        until(lambda: told.heard("acme")[-1] == ("suspended", "current"))
        assert (told.heard("slow"), told.asked("slow")) == ([], 1)
    finally:
        teller.stop.set()
        told.closing.set()
        thread.join()


def test_a_stop_does_not_wait_for_a_product_that_hangs_and_the_hook_is_not_lost(
    teller: Teller, told: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messaging, "_GRACE_SECONDS", 0.05)
    told.answers("acme", "hang")
    teller.climb("acme")
    thread = threading.Thread(target=teller.deliver)
    thread.start()
    until(lambda: told.asked("acme") == 1)
    teller.stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert teller.states() == ["sending", "waiting"]
    told.answers("acme", 200)
    teller.stop.clear()
    teller.clock.move(minutes=1)
    teller.deliver()
    assert told.heard("acme") == CLIMBED
    assert len({one.headers["webhook-id"] for one in told.attempts}) == 2


def test_410_ends_all_telling_aloud_and_resend_begins_again(teller: Teller, told: Product) -> None:
    told.answers("", 410)
    teller.climb("acme", "beta")
    with capture_logs() as logs:
        teller.deliver()
    asked = len(told.attempts)
    teller.clock.move(days=2)
    teller.deliver()
    assert len(told.attempts) == asked <= 2
    assert {(line["event"], line["log_level"]) for line in logs} == {("hooks.gone", "error")}
    reader = HookReader(teller.ledger.engine)
    assert reader.telling().gone is True
    told.answers("", 204)
    teller.ledger.writer.hooks.resend(reader.latest("acme")[0].id, teller.clock())
    teller.deliver()
    assert (told.heard("acme"), told.heard("beta")) == (CLIMBED, CLIMBED)


@pytest.mark.parametrize("answer", [429, 502, 504])
def test_a_product_that_asks_for_rest_gets_it_for_all_accounts(teller: Teller, told: Product, answer: int) -> None:
    told.answers("acme", answer, Retry_After="90")
    teller.climb("acme")
    teller.deliver()
    assert told.asked("acme") == 1
    teller.climb("beta")
    teller.clock.move(seconds=89)
    teller.deliver()
    assert len(told.attempts) == 1
    told.answers("acme", 200)
    teller.clock.move(seconds=1)
    teller.deliver()
    assert (told.heard("acme"), told.heard("beta")) == (CLIMBED, CLIMBED)


def test_a_rest_that_is_asked_for_without_a_time_or_for_ever_ends(teller: Teller, told: Product) -> None:
    told.answers("acme", 429)
    teller.climb("acme")
    teller.deliver()
    told.answers("acme", 429, Retry_After="999999999")
    teller.clock.move(seconds=10)
    teller.deliver()
    assert told.asked("acme") == 2
    told.answers("acme", 200)
    teller.climb("beta")
    teller.deliver()
    assert told.asked("beta") == 0
    teller.clock.move(hours=1)
    teller.deliver()
    assert (told.heard("acme"), told.heard("beta")) == (CLIMBED, CLIMBED)


def test_a_rest_does_not_outlast_a_clock_that_is_set_back(teller: Teller, told: Product) -> None:
    told.answers("acme", 429, Retry_After="90")
    teller.climb("acme")
    teller.deliver()
    teller.clock.move(days=-1)
    teller.climb("beta")
    teller.deliver()
    assert told.heard("beta") == CLIMBED


def test_503_with_a_time_is_waited_for_by_that_account_alone(teller: Teller, told: Product) -> None:
    told.answers("acme", 503, Retry_After="90")
    teller.climb("acme")
    teller.climb("beta")
    teller.deliver()
    assert told.heard("beta") == CLIMBED
    teller.clock.move(seconds=89)
    teller.deliver()
    assert told.asked("acme") == 1


def test_in_a_dry_run_nothing_is_sent_and_afterwards_it_is(teller: Teller, told: Product) -> None:
    teller.climb("acme")
    teller.why = Reason(code="dry_run")
    teller.pay("acme")
    teller.deliver()
    assert told.attempts == []
    teller.why = None
    teller.deliver()
    assert told.heard("acme") == [("suspended", "current")]


@pytest.mark.parametrize("code", ["halted", "brake_clock"])
def test_whoever_halts_the_house_halts_the_word_of_closings_and_of_no_restoration(
    teller: Teller, told: Product, code: str
) -> None:
    teller.climb("acme")
    teller.deliver()
    teller.climb("beta")
    teller.pay("acme")
    teller.why = Reason(code=code)
    teller.deliver()
    assert (told.heard("acme")[-1], told.heard("beta")) == (("suspended", "current"), [])
    teller.why = None
    teller.deliver()
    assert told.heard("beta") == CLIMBED


def test_one_hook_that_cannot_be_written_keeps_no_other_account_waiting(teller: Teller, told: Product) -> None:
    def worded(reason: Reason) -> str:
        raise KeyError(reason.code)

    teller.climb("acme", verdict=suspended(reasons=(Reason(code="of a later version"),)))
    teller.climb("beta")
    teller.messenger._sentence = worded
    with capture_logs() as logs:
        teller.deliver()
    assert (told.heard("acme"), told.heard("beta")) == (CLIMBED[:1], CLIMBED)
    assert "hook.unwritten" in {line["event"] for line in logs}


def test_no_line_of_the_log_and_no_row_names_the_address_or_a_secret(teller: Teller, told: Product) -> None:
    told.answers("acme", 500)
    teller.climb("acme", "beta")
    with capture_logs() as logs:
        teller.deliver()
        told.answers("acme", 410)
        teller.clock.move(minutes=1)
        teller.deliver()
    kept = f"{logs} {teller.ledger.dump()}"
    for secret in (told.url, "of=gatekeeper", "v1,", NEW.removeprefix("whsec_")):
        assert secret not in kept


def test_no_proxy_of_the_environment_is_asked(teller: Teller, told: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    teller.climb("acme")
    teller.deliver()
    assert told.heard("acme") == CLIMBED


def test_a_product_that_was_away_hears_that_access_is_back_and_not_that_it_was_closed(teller: Teller, told: Product) -> None:
    told.answers("", 503)
    teller.climb("acme")
    teller.deliver()
    told.answers("", 204)
    teller.pay("acme")
    teller.deliver()
    assert told.heard("acme") == [("suspended", "current")]
    assert teller.states() == ["overtaken", "overtaken", "taken"]


def test_after_three_days_it_is_given_up_aloud_and_the_next_one_goes(teller: Teller, told: Product) -> None:
    told.answers("acme", 500)
    teller.climb("acme")
    with capture_logs() as logs:
        while "given_up" not in teller.states():
            teller.deliver()
            teller.clock.move(minutes=80)
    assert timedelta(days=3) < teller.clock() - DUE_AT < timedelta(days=5)
    assert [line["log_level"] for line in logs if line["event"] == "hook.given_up"] == ["error"]
    told.answers("acme", 200)
    teller.deliver()
    assert told.heard("acme") == CLIMBED[1:]
