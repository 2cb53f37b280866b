"""Cases 1-26 of facts/failures.md: what a billing system may say, twice, late, wrongly or not at all, and what comes of it.

Which test shows which: tests/test_failures_mapped.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.model import Audience, Customer, Standing, Step
from tests.kit.builders import DUE_AT, on
from tests.kit.rig import Rig, rigged

CURRENT, PAST_DUE, SUSPENDED = Standing.CURRENT, Standing.PAST_DUE, Standing.SUSPENDED


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        yield made


def suspend(rig: Rig, *accounts: str, **owes: object) -> None:
    for account in accounts:
        rig.books.owe(account, **owes)
    rig.climb()
    rig.review.run(rig.clock())
    assert set(rig.standings().values()) == {SUSPENDED}


def test_case_4_a_payment_of_which_no_event_was_ever_made(rig: Rig) -> None:
    suspend(rig, "acme")
    rig.books.pay("in_acme_1")
    rig.look()
    assert rig.standings() == {"acme": CURRENT}


def test_case_5_an_empty_list_opens_nobody_and_closes_nobody(rig: Rig) -> None:
    """Neither where single questions are answered rightly, nor where every one is a 404; and then nothing climbs."""
    suspend(rig, "acme")
    rig.books.owe("bolt", due_at=on(19))
    rig.look()
    rig.post()
    rig.clock.move(days=20)
    true = rig.books.invoices
    rig.books.invoices = {}
    with pytest.raises(SourceUnavailable, match="shows no open invoice at all"):
        rig.look()
    rig.review.run(rig.clock())
    assert rig.standings() == {"acme": SUSPENDED, "bolt": PAST_DUE}
    assert "stripe.api_key" in rig.ledger.reader.state().distrust
    assert rig.post() == []
    rig.books.invoices = true
    rig.look()
    assert rig.standings() == {"acme": SUSPENDED, "bolt": PAST_DUE}
    assert {notice.step.value for notice in rig.post()} == {"warning"}


@pytest.mark.parametrize("year", [1970, 9999])
def test_case_10_a_due_date_that_cannot_be_meant_is_no_debt(rig: Rig, year: int) -> None:
    rig.books.owe("acme", due_at=DUE_AT.replace(year=year))
    for _ in range(3):
        rig.look()
        assert rig.post() == []
        rig.clock.move(days=30)
    assert SUSPENDED not in rig.standings().values()


def test_case_11_nobody_is_written_to_while_stripe_still_tries_the_card(rig: Rig) -> None:
    one = rig.books.owe("acme", due_at=None, automatic=True, attempted=False)
    rig.look()
    assert rig.standings() == {"acme": CURRENT}
    rig.books.change(one, attempted=True, next_attempt_at=on(2), finalized_at=on(0))
    rig.look()
    assert rig.post() == []


def test_case_12_a_payment_on_its_way_holds_and_its_failure_needs_a_new_warning(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.climb()
    rig.books.change("in_acme_1", processing_since_at=rig.clock())
    rig.sync.invoice("in_acme_1")
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}
    rig.clock.move(days=5)
    rig.books.change("in_acme_1", processing_since_at=None)
    rig.sync.invoice("in_acme_1")
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}
    assert {notice.step.value for notice in rig.post()} == {"warning"}
    rig.clock.move(days=6)
    rig.look()
    assert rig.standings() == {"acme": SUSPENDED}


def test_case_13_thirty_cents_keep_nobody_out(rig: Rig) -> None:
    suspend(rig, "acme")
    rig.books.change("in_acme_1", remaining_minor=30)
    rig.look()
    assert rig.standings() == {"acme": CURRENT}


def test_case_14_a_credit_note_over_everything_opens_access(rig: Rig) -> None:
    """The invoice stays open."""
    suspend(rig, "acme")
    rig.books.change("in_acme_1", remaining_minor=0)
    rig.look()
    assert rig.standings() == {"acme": CURRENT}


def test_case_15_what_is_void_opens_access_and_what_is_written_off_does_not(rig: Rig) -> None:
    """And is watched: paid after all, it opens access too."""
    suspend(rig, "acme", "bolt")
    rig.books.change("in_acme_1", status="void")
    rig.books.change("in_bolt_1", status="uncollectible")
    rig.look()
    assert rig.standings() == {"acme": CURRENT, "bolt": SUSPENDED}
    rig.clock.move(days=60)
    rig.books.pay("in_bolt_1")
    rig.look()
    assert rig.standings() == {"acme": CURRENT, "bolt": CURRENT}


def test_case_15_a_draft_that_was_deleted_is_nobodys_debt(rig: Rig) -> None:
    one = rig.books.owe("acme", status="draft")
    rig.sync.invoice(one)
    del rig.books.invoices[one]
    rig.clock.move(days=40)
    rig.look()
    rig.sync.invoice(one)
    assert rig.review.run(rig.clock()).changed == []
    assert rig.standings() == {"acme": CURRENT}


def test_case_16_a_payment_out_of_band_opens_access(rig: Rig) -> None:
    """`invoice.paid` and no `payment_succeeded`, no charge."""
    suspend(rig, "acme")
    rig.books.pay("in_acme_1")
    rig.event("in_acme_1", "invoice.paid")
    rig.worker().attend()
    assert rig.standings() == {"acme": CURRENT}


def test_case_17_a_chargeback_closes_nothing_again(rig: Rig) -> None:
    """The invoice stays paid. A new debt climbs from its first step."""
    suspend(rig, "acme")
    rig.books.pay("in_acme_1")
    rig.look()
    rig.post()
    rig.event(rig.books.dispute_payment("acme"), "charge.dispute.created")
    made = rig.worker()
    made.attend()
    assert rig.standings() == {"acme": CURRENT}
    rig.books.dispute_payment("acme", closed_at=rig.clock())
    rig.books.owe("acme", due_at=rig.clock())
    rig.clock.move(days=1)
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}
    assert {notice.step.value for notice in rig.post()} == {"reminder"}


def test_case_18_while_a_payment_is_disputed_nobody_is_written_to_or_locked_out(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.climb()
    rig.books.dispute_payment("acme")
    for _ in range(3):
        rig.look()
        assert rig.standings() == {"acme": PAST_DUE}
        assert rig.post() == []
        rig.clock.move(days=30)
    rig.books.dispute_payment("acme", closed_at=rig.clock())
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}


def test_case_19_paying_the_older_of_two_leads_to_no_suspension_that_was_not_announced(rig: Rig) -> None:
    rig.books.owe("acme")
    rig.books.owe("acme", due_at=on(18))
    rig.climb()
    rig.books.pay("in_acme_1")
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}
    told: list[Step] = []
    for _ in range(60):
        for notice in rig.post():
            told.append(notice.step)
            # The word of the suspension is planned with it, and names what is owed only as it goes out
            assert "in_acme_2" in notice.named or notice.step is Step.SUSPEND
        rig.clock.move(days=1)
        rig.look()
    assert rig.standings() == {"acme": SUSPENDED}
    assert told.index(Step.SUSPEND) == len(told) - 2, "both are told of it, last of all"
    named = [row["step"] for row in rig.ledger.rows("notices") if "in_acme_2" in row["named"]]
    assert {"reminder", "warning"} <= set(named)


def test_case_20_what_is_owed_in_one_currency_is_not_settled_in_another(rig: Rig) -> None:
    """A credit of 500 USD beside a debt of 50 EUR."""
    rig.books.owe("acme")
    rig.books.owe("acme", currency="usd", remaining_minor=-50_000, total_minor=-50_000)
    rig.climb()
    rig.look()
    assert rig.standings() == {"acme": SUSPENDED}


def test_case_23_two_customers_of_one_account_and_one_of_none(rig: Rig) -> None:
    """Both must be settled; who names no account is written to by nobody and never suspended, and a deleted one neither."""
    rig.books.customers["cus_more"] = Customer(id="cus_more", account_id="acme", addresses=((Audience.USER, "u@more.example"),))
    rig.books.owe("acme")
    rig.books.owe("acme", customer_id="cus_more")
    rig.books.customers["cus_stray"] = Customer(id="cus_stray", account_id=None)
    rig.books.owe("stray")
    rig.books.customers["cus_gone"] = Customer(id="cus_gone", account_id=None, deleted=True)
    rig.books.owe("gone")
    rig.climb()
    rig.look()
    assert {account for account, standing in rig.standings().items() if standing is SUSPENDED} == {"acme"}
    rig.books.pay("in_acme_1")
    rig.look()
    assert rig.standings()["acme"] is SUSPENDED
    rig.books.pay("in_acme_2")
    rig.look()
    assert rig.standings()["acme"] is CURRENT
    assert {row["account_id"] for row in rig.ledger.rows("notices")} == {"acme"}
