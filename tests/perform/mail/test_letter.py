"""What a letter looks like on the wire, and that nothing in it can change whom it goes to (case 53)."""

import email
import email.policy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses
from unicodedata import category

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatekeeper.perform.mail import Letter, LetterRefused, compose
from gatekeeper.perform.mail.letter import envelope
from tests.perform.mail.conftest import WORDS

NAMES = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Content-Language",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
}
HOSTILE = [
    "=?UTF-8?Q?=0A?=Bcc: x@evil.example",
    "=?utf-8?b?CkJjYzogeEBldmlsLmV4YW1wbGU=?= <x@evil.example>",
    "==??UTF-8?Q?=0A?==Bcc: x@evil.example",
    "Ana\r\nBcc: x@evil.example",
    "Ana\nX-Evil: 1\n\nbody",
    "Ana\x00\x0b\x0c\x1c\x85\u2028\u2029Bcc: x@evil.example",
    "\u202emoc.live@x\u202c \u2066Ana\u2069",
    "Ana <x@evil.example>, Eve",
    "Ana, " * 30,
    'Ana" <x@evil.example>, "',
    "Ana\\",
    '"' * 200,
    '",' * 30,
    "x" * 10_240,
    "😀\n" * 100,
    "group: x@evil.example;",
    "(comment) <x@evil.example>",
    "\ud800\udfff",
    "\ufeff\u200b\u00ad",
]


def read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def recipients(message: EmailMessage, header: str = "To") -> list[str]:
    return [address.addr_spec for address in message[header].addresses]


def test_a_letter_says_that_a_machine_wrote_it(letter: Callable[..., Letter]) -> None:
    message = read(compose(letter(language="pt_BR")))

    assert set(message.keys()) == NAMES
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Content-Language"] == "pt-BR"
    assert message["Message-ID"] == "<gk-42@mail.acme.example>"
    assert message["Date"].datetime == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert message["From"] == "Acme Billing <billing@acme.example>"
    assert message["To"] == "Ana Núñez <ana@customer.example>"


def test_both_parts_are_there_in_quoted_printable(letter: Callable[..., Letter]) -> None:
    message = read(compose(letter(text="Señora, 120 €\n.\n..dots\nFrom here", html="<p>Señora, 120 €</p>")))

    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert plain.get_content() == "Señora, 120 €\r\n.\r\n..dots\r\nFrom here\r\n"
    assert html.get_content() == "<p>Señora, 120 €</p>\r\n"
    assert [part["Content-Transfer-Encoding"] for part in (plain, html)] == ["quoted-printable"] * 2


def test_a_later_letter_names_the_first_one(letter: Callable[..., Letter]) -> None:
    message = read(compose(letter(reply_to="Acme <help@acme.example>", references="<gk-1@acme.example> <gk-2@acme.example>")))

    assert message["References"] == "<gk-1@acme.example> <gk-2@acme.example>"
    assert message["In-Reply-To"] == "<gk-2@acme.example>"
    assert recipients(message, "Reply-To") == ["help@acme.example"]


def test_the_same_letter_gives_the_same_bytes(letter: Callable[..., Letter]) -> None:
    assert compose(letter()) == compose(letter())


def test_long_lines_are_wrapped_and_come_back_whole(letter: Callable[..., Letter]) -> None:
    html = "<p>" + "ñ" * 50_000 + "</p>"
    data = compose(letter(html=html, subject="x" * 5_000))

    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert [part.get_content() for part in read(data).iter_parts()][1] == html + "\r\n"


def test_domains_beyond_ascii_are_written_in_ascii(letter: Callable[..., Letter]) -> None:
    written = letter(to_address="pagos@ñandú.example", sender="Acme <x@ácme.example>", reply_to="y@ácme.example")
    message = read(compose(written))

    assert recipients(message) == ["pagos@xn--and-6ma2c.example"]
    assert recipients(message, "From") == ["x@xn--cme-dla.example"]
    assert envelope(written) == ("x@xn--cme-dla.example", "pagos@xn--and-6ma2c.example")


def test_bounces_go_to_the_bounce_address(letter: Callable[..., Letter]) -> None:
    assert envelope(letter(bounce_address="bounces@acme.example"))[0] == "bounces@acme.example"


@pytest.mark.parametrize(
    "changes",
    [
        {"to_address": "ñandú@customer.example"},
        {"to_address": ""},
        {"to_address": "=?utf-8?q?x?=@customer.example"},
        {"sender": "Acme"},
        {"reply_to": "nobody"},
        {"bounce_address": "nobody"},
        {"message_id": "<a@b>\r\nBcc: x@evil.example"},
        {"message_id": "a b"},
        {"references": "<a@b>\nBcc: x@evil.example"},
        {"language": "en\r\nBcc: x@evil.example"},
    ],
)
def test_what_cannot_be_written_as_meant_is_refused(letter: Callable[..., Letter], changes: dict[str, str]) -> None:
    with pytest.raises(LetterRefused) as refused:
        compose(letter(**changes))

    assert "customer.example" not in str(refused.value)
    assert "evil" not in str(refused.value)


@pytest.mark.parametrize("field", ["to_name", "subject"])
@pytest.mark.parametrize("words", HOSTILE)
def test_a_hostile_name_is_cleaned_and_the_letter_still_goes_out(letter: Callable[..., Letter], field: str, words: str) -> None:
    message = read(compose(letter(**{field: words})))

    assert set(message.keys()) == NAMES
    assert recipients(message) == ["ana@customer.example"]
    assert len(str(message["Subject"])) <= 200
    assert len(message["To"].addresses[0].display_name) <= 70
    assert not set(str(message["Subject"]) + str(message["To"])) & set("\x00\r\n\u2028\u202e\u2066\u200b")


@pytest.mark.parametrize(
    "name",
    [
        "Muñoz, Pérez & Cía. S.A. de C.V.",
        "Acme International Holdings, Incorporated (Bogotá)",
        "Acme International Holdings, Inc. (Accounts Payable Dept.)",
        "شركة المثال المحدودة، فرع دبي للتجارة والخدمات",
        "株式会社サンプル国際事業本部経理部財務課御中",
        "می\u200cخواهم",  # noqa: RUF001 - these are Persian letters
        "O'Neil 🇨🇴",
    ],
)
def test_an_honest_name_arrives_as_it_is(letter: Callable[..., Letter], name: str) -> None:
    header = email.message_from_bytes(compose(letter(to_name=name)))["To"]

    assert str(make_header(decode_header(header.rpartition("<")[0].strip()))).strip('"') == name


SEEDS = [
    "=?",
    "?=",
    "=?utf-8?q?",
    "=0A",
    "\r\n",
    "Bcc: x@evil.example",
    "<",
    ">",
    ",",
    ";",
    ":",
    '"',
    "\\",
    "(",
    ")",
    "@",
    "ñ",
    "😀",
]
WILD = st.one_of(
    st.text(max_size=80), st.lists(st.one_of(st.sampled_from(SEEDS), st.text(max_size=4)), max_size=40).map("".join)
)


def unfolded(data: bytes) -> dict[str, str]:
    """The fields as any server on the way sees them: names and values, each name once."""
    lines = re.sub(rb"\r\n(?=[ \t])", b"", data.partition(b"\r\n\r\n")[0]).decode("ascii").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def assert_says(data: bytes, meant: Letter) -> None:
    """Nothing stands in the head but what was meant: for a server, for an old reader of mail, and for a new one."""
    fields, old, new = unfolded(data), email.message_from_bytes(data), read(data)
    names = {*NAMES, "Reply-To", "References", "In-Reply-To"}
    assert set(fields) == set(old.keys()) == set(new.keys()) == names
    for name, address in (
        ("From", "billing@acme.example"),
        ("To", "ana@customer.example"),
        ("Reply-To", "help@acme.example"),
    ):
        assert [one for _, one in getaddresses([old[name]])] == [address]
        assert recipients(new, name) == [address]
        assert fields[name].rpartition("<")[2].removesuffix(">") == address
    exact = {
        "Date": "Mon, 02 Mar 2026 09:30:00 +0000",
        "Message-ID": meant.message_id,
        "References": "<gk-1@acme.example> <gk-2@acme.example>",
        "In-Reply-To": "<gk-2@acme.example>",
        "Content-Language": "en",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
    }
    assert {name: fields[name] for name in exact} == exact
    assert str(make_header(decode_header(fields["Subject"]))) == cleaned(meant.subject)
    assert all(len(line) <= 998 and line.isascii() for line in data.split(b"\r\n"))
    assert [part.get_content_subtype() for part in new.iter_parts()] == ["plain", "html"]


def cleaned(text: str) -> str:
    """The text as its reader is meant to see it, found in another way than the code does."""
    kept = [
        " " if category(c) in {"Cc", "Zs", "Zl", "Zp"} else c
        for c in text.replace("=?", " ").replace("?=", " ")
        if (category(c) not in {"Cf", "Cs", "Co"} or c in "\u200c\u200d")
    ]
    line = " ".join("".join(kept).split())
    return line if len(line) <= 200 else line[:199].rstrip() + "…"


@settings(max_examples=400)
@given(name=WILD, subject=WILD, text=WILD, sender=WILD, helper=WILD)
@example(name="Ana, " * 30, subject="x", text="", sender="Acme", helper="")
@example(name="a" * 59 + ",", subject="=?" * 99, text="\x85\x1c", sender="=?utf-8?q?a=2C?= b,", helper="?=" * 20)
@example(name="x" * 10_000, subject="é" * 10_000, text="\u2028" * 10_000, sender="\ud800" * 10_000, helper="😀" * 10_000)
@example(name="\u2028Bcc: x@evil.example", subject="\ud83d", text="\udc00", sender="a\u2029b", helper="\x85")
@example(name="group: x@evil.example;", subject="a" * 500, text="\r.\r\n", sender="(a", helper="a)")
def test_no_words_change_headers_or_recipients(name: str, subject: str, text: str, sender: str, helper: str) -> None:
    changes = {
        "to_name": name,
        "subject": subject,
        "text": text,
        "html": text,
        "sender": f"{sender} <billing@acme.example>",
        "reply_to": f"{helper} <help@acme.example>",
        "references": "<gk-1@acme.example> <gk-2@acme.example>",
    }
    letter = Letter(**WORDS | changes)
    assert_says(compose(letter), letter)


ANYTHING = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Z", "C"]), max_size=60)


@given(message_id=ANYTHING, references=ANYTHING, language=ANYTHING, to=ANYTHING, bounces=ANYTHING)
@example(message_id="<a@b>\r\nBcc: x@y", references="<a@b>\n", language="en\nBcc: x@y", to="a@b.example,c", bounces="a\r")
def test_what_is_no_words_is_written_as_it_is_or_not_at_all(
    message_id: str, references: str, language: str, to: str, bounces: str
) -> None:
    for change in (
        {"message_id": message_id},
        {"message_id": f"<{message_id}@acme.example>"},
        {"references": references},
        {"references": f"<{references}@acme.example>"},
        {"language": language},
        {"to_address": to},
        {"to_address": f"{to}@customer.example"},
        {"bounce_address": f"{bounces}@acme.example"},
    ):
        letter = Letter(**WORDS | change)
        try:
            data = compose(letter)
        except LetterRefused:
            continue
        fields = unfolded(data)
        assert fields["Message-ID"] == letter.message_id
        assert fields.get("References", "") == letter.references
        assert fields["Content-Language"] == letter.language.replace("_", "-")
        assert len(getaddresses([fields["To"]])) == 1
        assert all(re.fullmatch(r"[!-?A-~]+@[a-z0-9.-]+", address) for address in envelope(letter))


def test_nobody_can_opt_out_of_being_told_and_answers_go_to_a_human(letter: Callable[..., Letter]) -> None:
    message = read(compose(letter(reply_to="Acme Help <help@acme.example>")))
    assert "List-Unsubscribe" not in message
    assert message["Reply-To"] == "Acme Help <help@acme.example>"


def test_a_letter_shows_no_personal_data_when_it_is_printed(letter: Callable[..., Letter]) -> None:
    assert repr(letter()) == "Letter(message_id='<gk-42@mail.acme.example>')"
