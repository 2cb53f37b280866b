"""The demo as a visitor meets it, over HTTP. Each test that changes something has an account of its own."""

import os
import re
import signal
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from gatekeeper.demo.people import PEOPLE
from tests.demo.visiting import Visitor, demo, four_free_ports, starting, until

NAMES = {who.account_id: who for who in PEOPLE}


def pay_link(lockout_page: str) -> str:
    found = re.search(r'href="(http://[^"]+/pay/[^"]+)"', lockout_page)
    assert found
    return found[1]


def test_the_first_page_shows_every_customer_whatever_the_surroundings_set(tmp_path: Path) -> None:
    with demo(tmp_path, GATEKEEPER__GATE__LISTEN="127.0.0.1:1", GATEKEEPER__SAFETY__MODE="dry_run") as visitor:
        page = visitor.page()

        assert "Not finished yet" not in page
        assert len(visitor.listens()) == 4
        assert len(visitor.announced.splitlines()) <= 12
        for who in PEOPLE:
            assert who.name in visitor.card(who.account_id, page)
        assert "past due" in visitor.card("la-nusta", page)
        assert "CLP 89,990" in visitor.card("la-nusta", page).replace("\xa0", " ")
        assert "current" in visitor.card("heron", page)
        for address in (NAMES["la-nusta"].accountant, NAMES["la-nusta"].user or "", NAMES["bright-dhow"].accountant):
            assert len(visitor.letters(address)) == 1
        assert visitor.letters(NAMES["heron"].accountant) == []
        assert visitor.open_as("la-nusta").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    with demo(tmp_path) as visitor:
        assert len(list(tmp_path.iterdir())) == 1
        assert len(visitor.listens()) == 4

        assert visitor.stop(number) == (0, "")

        assert list(tmp_path.iterdir()) == []
        assert visitor.listens() == []
        with pytest.raises(ProcessLookupError):
            os.killpg(visitor.process.pid, 0)


def test_a_signal_while_it_starts_leaves_nothing_behind_either(tmp_path: Path) -> None:
    with starting(tmp_path, four_free_ports()) as process:
        until(lambda: list(tmp_path.iterdir()), seconds=30)
        process.terminate()
        said, _ = process.communicate(timeout=20)

    assert (process.returncode, said.strip()) in {(1, "stopped"), (0, "")}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", [0, 3])
def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path, taken: int) -> None:
    port = four_free_ports()
    with socket.create_server(("127.0.0.1", port + taken)), starting(tmp_path, port) as process:
        said, _ = process.communicate(timeout=30)

    assert process.returncode == 75, said
    assert len(said.splitlines()) == 1
    assert str(port + taken) in said
    assert "--port" in said
    assert list(tmp_path.iterdir()) == []


def test_a_suspended_account_meets_the_lockout_page_at_the_address_it_asked_for(suspended: Visitor) -> None:
    answer = suspended.open_as("olmo", "/contracts/2026?page=2")

    assert answer.status_code == 402
    assert answer.headers["X-Gatekeeper-Standing"] == "suspended"
    assert answer.headers["X-Gatekeeper-Account"] == "olmo"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Clínica del Olmo, S.L." in answer.text
    assert answer.text.count("€249.00") == 2
    assert "€498.00" in answer.text
    assert "j•••@clinicaolmo.example" in answer.text
    assert pay_link(answer.text)


def test_a_program_is_told_in_its_own_language_and_a_head_request_too(suspended: Visitor) -> None:
    suspended.open_as("olmo")
    answer = suspended.client.get(f"{suspended.shop}/api/files", headers={"Accept": "application/json"})
    head = suspended.client.head(f"{suspended.shop}/api/files")

    assert answer.status_code == head.status_code == 402
    assert answer.json()["type"] == "urn:gatekeeper:problem:payment-overdue"


def test_what_is_always_allowed_stays_open(suspended: Visitor) -> None:
    suspended.open_as("olmo")

    for path in ("/login", "/style.css"):
        assert suspended.client.get(suspended.shop + path).status_code == 200


def test_paying_behind_the_link_of_the_page_opens_access_within_two_seconds(suspended: Visitor) -> None:
    locked_out = suspended.open_as("la-nusta")
    assert locked_out.status_code == 402
    payment_page = suspended.client.get(pay_link(locked_out.text)).headers["Location"]
    assert "89,990" in suspended.client.get(payment_page).text

    suspended.client.post(payment_page)

    seconds = until(lambda: suspended.open_as("la-nusta").status_code == 200, seconds=10)
    assert seconds < 2
    assert "current" in suspended.card("la-nusta")
    for address in (NAMES["la-nusta"].accountant, NAMES["la-nusta"].user or ""):
        subjects = suspended.letters(address)
        assert len(subjects) == 4, "reminder, warning, word of the suspension, and that access is back"
        assert "restablecido" in subjects[0], "access is restored, in their language"
    assert "invoice.paid" in suspended.page("/webhooks")


def test_the_buttons_of_the_lockout_page_work(suspended: Visitor) -> None:
    page = suspended.open_as("olmo")
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    answer = suspended.client.post(f"{suspended.shop}/overdue/check", data={"token": token[1]}, follow_redirects=False)
    assert answer.status_code == 303
    assert "are still unpaid" in re.sub(r"<[^>]+>", "", suspended.open_as("olmo").text)


def test_an_account_with_nobody_to_tell_is_never_suspended_and_says_so(suspended: Visitor) -> None:
    card = suspended.card("bright-dhow")

    assert "past due" in card
    assert "The user cannot be reached" in card
    assert suspended.open_as("bright-dhow").status_code == 200
    letters = suspended.dated_letters(NAMES["bright-dhow"].accountant)
    assert [subject for subject, _ in letters] == [
        "Please help us to reach the people who use Acme Cloud",
        "A reminder about an invoice from Acme Cloud",
    ]
    (_, asked_at), (_, reminded_at) = letters
    assert asked_at - reminded_at == timedelta(days=1), "the clock stops for a letter that had to wait, too"


def test_one_person_who_is_both_audiences_gets_each_letter_once(suspended: Visitor) -> None:
    subjects = suspended.letters(NAMES["brzask"].accountant)
    assert len(subjects) == len(set(subjects)) >= 3, "the reminder, the warning, the word of the suspension"


def test_a_debit_on_its_way_opens_access_and_closes_it_again_when_it_fails(suspended: Visitor) -> None:
    (invoice,) = suspended.invoices("zolta-lodz")
    assert suspended.open_as("zolta-lodz").status_code == 402

    assert "suspended → past due" in suspended.said(suspended.press(f"/invoices/{invoice}/start-debit"))
    assert suspended.open_as("zolta-lodz").status_code == 200

    suspended.press(f"/invoices/{invoice}/debit-fails")
    assert "Access will be suspended on" in suspended.card("zolta-lodz"), "a fresh warning has been sent"
    assert suspended.open_as("zolta-lodz").status_code == 200, "nobody is suspended before a fresh warning has named a new day"


def test_staff_can_hold_the_ladder_and_open_by_hand(suspended: Visitor) -> None:
    assert "suspended → past due" in suspended.said(suspended.press("/accounts/parvaz/restore"))
    assert suspended.open_as("parvaz").status_code == 200
    assert "promised to pay by" in suspended.card("parvaz", suspended.press("/accounts/parvaz/promise"))
    assert "Exempt until" in suspended.card("parvaz", suspended.press("/accounts/parvaz/exempt"))
    page = suspended.press("/accounts/parvaz/end-exemption")
    assert "Exempt until" not in suspended.card("parvaz", page)
    assert "/accounts/parvaz/end-exemption" not in page


def test_a_button_whose_time_has_passed_says_why(suspended: Visitor) -> None:
    (invoice,) = suspended.invoices("baobab")

    assert "Half of it was paid" in suspended.said(suspended.press(f"/invoices/{invoice}/pay-half"))
    assert "€49.50" in suspended.card("baobab")
    assert "suspended → current" in suspended.said(suspended.press(f"/invoices/{invoice}/void"))
    assert "is void cannot be paid" in suspended.said(suspended.press(f"/invoices/{invoice}/pay"))


def test_a_corrected_invoice_takes_the_place_of_the_old_one(suspended: Visitor) -> None:
    (before,) = suspended.invoices("heron")

    suspended.press(f"/invoices/{before}/revise")

    (after,) = suspended.invoices("heron")
    assert after != before
    assert "current" in suspended.card("heron")


def test_what_does_not_exist_is_no_fault_of_the_panel(suspended: Visitor) -> None:
    client, panel = suspended.client, suspended.panel

    assert client.get(f"{panel}/mail/..%2F..%2Fgatekeeper.toml").status_code in {303, 404}
    assert client.get(f"{panel}/mail/none/html").status_code == 404
    assert client.post(f"{panel}/accounts/olmo/cancel").status_code == 404
    assert client.post(f"{panel}/invoices/in_none/pay").status_code == 303
    assert client.get(f"{suspended.shop}/login/nobody").headers["Location"] == "/login"
    suspended.press("/accounts/nobody/promise")


def test_letters_are_shown_in_a_sandbox_and_as_text(suspended: Visitor) -> None:
    found = re.search(r'href="(/mail/[^"]+)"', suspended.page("/mail"))
    assert found
    page = suspended.page(found[1])
    framed = suspended.client.get(f"{suspended.panel}{found[1]}/html")

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert framed.headers["Content-Security-Policy"].startswith("sandbox ")
    assert '<base target="_blank">' in framed.text
