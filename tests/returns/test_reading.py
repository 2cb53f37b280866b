"""What mail servers send back, as it is read; and that no bytes at all stop the reading (cases 48-51)."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Report, Returned, ReturnKind
from gatekeeper.returns import reading
from gatekeeper.returns.verp import verp_address
from tests.returns import samples
from tests.returns.samples import DOMAIN, MESSAGE_ID, SECRET, TO, block, message, report

BOUNCED, DELAYED, COMPLAINED = ReturnKind.BOUNCED, ReturnKind.DELAYED, ReturnKind.COMPLAINED
_OTHER: Final = "user@customer.example"
# How much what it takes to read hostile bytes may differ from what it takes to read as many harmless ones
_DEEP: Final = 3000


def read(said: bytes) -> Returned | None:
    return reading.read(said, domain=DOMAIN, secret=SECRET)


def reports(said: bytes) -> tuple[Report, ...]:
    returned = read(said)
    return () if returned is None else returned.reports


KNOWN = {
    "Postfix": (samples.POSTFIX, "5.1.1 550 5.1.1 (address) User unknown"),
    "Exchange": (samples.EXCHANGE, "5.1.10 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found"),
    "Gmail": (samples.GMAIL, "5.1.1 550-5.1.1 The email account that you tried to reach does not exist."),
    "qmail": (samples.QMAIL, "failure notice"),
    "Exim": (samples.EXIM, "Mail delivery failed: returning message to sender"),
}


@pytest.mark.parametrize("server", KNOWN)
def test_a_bounce_of_each_known_server_names_letter_person_and_reason(server: str) -> None:
    said, detail = KNOWN[server]
    assert read(said) == Returned(message_ids=(MESSAGE_ID,), reports=(Report(BOUNCED, detail, TO),))


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", BOUNCED),
        ("Failed", "5.2.2 (mailbox full)", BOUNCED),
        ("failed", "4.4.7", BOUNCED),  # given up after days of trying: it has not arrived either
        ("delayed", "4.4.1", DELAYED),
        ("delayed", "5.0.0", DELAYED),
        ("", "5.1.1", BOUNCED),
        ("", "4.2.0", DELAYED),
        ("delivered", "2.0.0", None),
        ("relayed", "5.1.1", None),
        ("expanded", "2.0.0", None),
        ("", "", None),
        ("eaten", "9.9.9", None),
    ],
)
def test_the_action_decides_what_became_of_a_letter_and_without_one_the_class_of_the_status(
    action: str, status: str, kind: ReturnKind | None
) -> None:
    assert [one.kind for one in reports(report(block(action, status)))] == ([kind] if kind else [])


def test_each_recipient_has_a_fate_of_its_own() -> None:
    said = report(block("failed", "5.1.1"), block("delayed", "4.4.1", to=_OTHER), block("delivered", "2.0.0", to="c@d.example"))
    assert [(one.kind, one.address) for one in reports(said)] == [(BOUNCED, TO), (DELAYED, _OTHER)]


def test_what_arrived_is_nothing_whoever_says_so() -> None:
    assert read(report(block("delivered", "2.0.0"))) is None


@pytest.mark.parametrize("kind", ["abuse", "fraud", "virus", "other", "opt-out"])
def test_a_complaint_is_read_from_a_feedback_report(kind: str) -> None:
    said = samples.COMPLAINT.replace(b"Feedback-Type: abuse", b"Feedback-Type: " + kind.encode())
    assert read(said) == Returned(message_ids=(MESSAGE_ID,), reports=(Report(COMPLAINED, kind, TO),))


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", ""])
def test_feedback_that_complains_of_nothing_is_nothing(kind: str) -> None:
    assert read(samples.COMPLAINT.replace(b"Feedback-Type: abuse", b"Feedback-Type: " + kind.encode())) is None


ANSWERS = {
    "out of office": samples.HOLIDAY,
    "a person who quotes a bounce": samples.QMAIL.replace(b"MAILER-DAEMON@mx.customer.example", TO.encode()),
    "a person": message("From: {to}\nIn-Reply-To: {id}\n\nPlease stop. unsubscribe, remove, help, 550 user unknown\n"),
    "a person who forwards a report": message(
        "From: {to}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: message/rfc822\n\n"
    )
    + samples.POSTFIX
    + b"\r\n--A--\r\n",
    "a letter of our own": message("From: billing@acme.example\nMessage-ID: {id}\n\nHello\n"),
}


@pytest.mark.parametrize("who", ANSWERS)
def test_case_51_answers_of_people_and_their_programs_are_nothing(who: str) -> None:
    assert read(ANSWERS[who]) is None


def test_a_report_that_names_no_letter_is_nothing() -> None:
    assert read(report(block("failed", "5.1.1"), id="not an id")) is None


def test_its_own_message_id_is_not_taken_for_the_letters() -> None:
    returned = read(samples.EXCHANGE)
    assert returned is not None
    assert "ffffffff" not in "".join(returned.message_ids)


def test_the_signed_return_path_names_the_letter_where_nothing_of_it_comes_back() -> None:
    path = verp_address("bounces@acme.example", MESSAGE_ID, SECRET)
    bare = report(block("failed", "5.1.1"), id="<gone@elsewhere.example>").replace(
        b"bounces@acme.example", path.upper().encode()
    )
    returned = read(bare)
    assert returned is not None
    assert returned.message_ids == (MESSAGE_ID, "<gone@elsewhere.example>")


def test_what_a_server_says_is_kept_short_on_one_line_and_without_addresses() -> None:
    long = "smtp; 550 5.1.1 <secret.person@customer.example>\n \tis\x00 no\x1b[31m user " + "x" * 5000
    (said,) = reports(report(block("failed", "5.1.1", long)))
    assert said.detail.isprintable()
    assert "@" not in said.detail
    assert len(said.detail) == 200


HOSTILE = {
    "nothing": b"",
    "no headers": b"\0\xff\r\n\r\n\x80",
    "endless header": b"From: " + b"mailer-daemon@" * 50_000,
    "deeply nested": b"".join(
        b"Content-Type: multipart/report; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth) for depth in range(_DEEP)
    ),
    "many recipients": report(*[block("failed", "5.1.1", to=f"a{number}@b.example") for number in range(1500)]),
    "many tokens": samples.POSTFIX + b"+" + b"a" * 39 + b"@x " + (b"+" + b"a" * 39 + b"@x ") * 6000,
    "a strange charset": samples.POSTFIX.replace(b"charset=us-ascii", b"charset*0*=no-such''%ff; charset*=%00"),
    "a strange boundary": samples.POSTFIX.replace(b'boundary="B"', b"boundary*=utf-7''%2BAGIAbw-"),
    "a strange encoding": samples.POSTFIX.replace(
        b"Content-Type: message/delivery-status", b"Content-Transfer-Encoding: base64\r\nContent-Type: message/delivery-status"
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bytes_are_read_to_an_end(what: str) -> None:
    returned = read(HOSTILE[what])
    assert returned is None or len(returned.reports) <= 50


SAMPLES = (samples.POSTFIX, samples.EXCHANGE, samples.GMAIL, samples.QMAIL, samples.EXIM, samples.COMPLAINT, samples.HOLIDAY)


@given(data=st.data())
def test_no_change_of_the_bytes_of_a_known_message_makes_the_reading_fail(data: st.DataObject) -> None:
    said = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(said)))
        end = data.draw(st.integers(start, min(len(said), start + 60)))
        said[start:end] = data.draw(st.binary(max_size=60))
    returned = read(bytes(said))
    if returned is not None:
        for one in returned.reports:
            assert one.detail.isprintable()
            assert len(one.detail) <= 200


@given(st.binary(max_size=2000))
def test_no_bytes_make_the_reading_fail(said: bytes) -> None:
    assert read(said) is None
