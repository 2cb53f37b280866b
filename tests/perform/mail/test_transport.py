"""What a mail URL may say, and the folder that letters can go to."""

import email
import email.policy
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail import Letter, LetterRefused, MailUrlInvalid, open_transport, parse_mail_url
from gatekeeper.perform.mail.smtp import SmtpServer, Tls


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("smtp://127.0.0.1:2525", SmtpServer(host="127.0.0.1", port=2525, tls=Tls.AUTO)),
        ("smtp://mail.acme.example", SmtpServer(host="mail.acme.example", port=587, tls=Tls.AUTO)),
        ("smtp://[::1]:25/?starttls=off", SmtpServer(host="::1", port=25, tls=Tls.OFF)),
        ("smtp://mail:25?starttls=required", SmtpServer(host="mail", port=25, tls=Tls.REQUIRED)),
        (
            "smtps://user%40acme.example:p%2Fa%23ss@mail.acme.example",
            SmtpServer(host="mail.acme.example", port=465, tls=Tls.IMPLICIT, user="user@acme.example", password="p/a#ss"),
        ),
        ("file:var/mail", Path("var/mail")),
        ("file:///var/my%20mail", Path("/var/my mail")),
    ],
)
def test_a_mail_url_names_a_server_or_a_folder(url: str, target: SmtpServer | Path) -> None:
    assert parse_mail_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "canary",
        "canary://mail.acme.example",
        "smtp:",
        "smtp://",
        "smtp://canary@mail.acme.example",
        "smtp://:canary@mail.acme.example",
        "smtp://acme:canary@",
        "smtp://acme:canary@mail:port",
        "smtp://acme:canary@mail:0",
        "smtp://acme:canary@mail:99999",
        "smtp://acme:canary#x@mail",
        "smtp://acme:[canary@mail",
        "smtp://acme:cañary@mail",
        "smtp://acme:canary@ma il",
        "smtp://acme:canary@a..b",
        "smtp://acme:canary@mail/path",
        "smtp://acme:canary@mail?starttls=canary",
        "smtp://acme:canary@mail?canary=1",
        "smtp://acme:canary@mail?starttls=off&starttls=off",
        "smtps://acme:canary@mail?starttls=off",
        "file:",
        "file://host/canary",
        "file:canary?x=1",
    ],
)
def test_a_bad_url_is_refused_with_what_is_allowed_and_without_its_words(url: str) -> None:
    with pytest.raises(MailUrlInvalid, match="allowed: `smtp://USER:PASSWORD@HOST:PORT") as refused:
        parse_mail_url(url)

    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_opening_a_transport_touches_nothing(tmp_path: Path) -> None:
    open_transport(f"file:{tmp_path}/mail")
    open_transport("smtp://mail.acme.invalid")

    assert not (tmp_path / "mail").exists()


def test_letters_in_a_folder_are_named_by_their_message_id_and_counted(tmp_path: Path, letter: Callable[..., Letter]) -> None:
    transport = open_transport(f"file:{tmp_path}/deep/mail")

    outcomes = [transport.deliver(letter(subject=f"try {n}")) for n in (1, 2, 3)]
    transport.close()

    files = sorted((tmp_path / "deep/mail").iterdir())
    names = ["gk-42@mail.acme.example.2.eml", "gk-42@mail.acme.example.3.eml", "gk-42@mail.acme.example.eml"]
    assert [file.name for file in files] == names
    assert outcomes[0] == Outcome(state=NoticeState.ACCEPTED, detail="gk-42@mail.acme.example.eml")
    assert email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default)["Subject"] == "try 2"
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_message_id_cannot_leave_the_folder(tmp_path: Path, letter: Callable[..., Letter]) -> None:
    transport = open_transport(f"file:{tmp_path}/mail")

    transport.deliver(letter(message_id="<../../etc/" + "x" * 500 + "@acme.example>"))

    (file,) = tmp_path.rglob("*.eml")
    assert file.parent == tmp_path / "mail"
    assert len(file.name) < 120


def test_a_folder_that_cannot_be_written_is_deferred(tmp_path: Path, letter: Callable[..., Letter]) -> None:
    (tmp_path / "mail").write_text("a file is in the way")

    outcome = open_transport(f"file:{tmp_path}/mail").deliver(letter())

    assert outcome == Outcome(state=NoticeState.DEFERRED, detail="the folder of mail.url cannot be written: File exists")


def test_a_letter_that_cannot_be_written_leaves_no_file(tmp_path: Path, letter: Callable[..., Letter]) -> None:
    with pytest.raises(LetterRefused):
        open_transport(f"file:{tmp_path}/mail").deliver(letter(to_address="nobody"))

    assert not (tmp_path / "mail").exists()
