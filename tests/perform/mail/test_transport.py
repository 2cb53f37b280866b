"""What a mail URL may say, and the folder that letters can go to."""

import email
import email.policy
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail import Letter, LetterRefused, MailUrlInvalid, open_transport, parse_mail_url
from gatekeeper.perform.mail.pace import Pace, Paced
from gatekeeper.perform.mail.providers.mailgun import Mailgun
from gatekeeper.perform.mail.providers.postmark import Postmark
from gatekeeper.perform.mail.providers.resend import Resend
from gatekeeper.perform.mail.providers.sendgrid import SendGrid
from gatekeeper.perform.mail.providers.ses import SesAccount
from gatekeeper.perform.mail.smtp import SmtpServer, Tls
from gatekeeper.perform.mail.transport import Target


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
        ("postmark:s3cret", Postmark("s3cret")),
        ("postmark://s3cret@", Postmark("s3cret")),
        ("sendgrid:SG.x-y_z?api=https://api.eu.sendgrid.com/", SendGrid("SG.x-y_z", api="https://api.eu.sendgrid.com")),
        ("resend:re_1?api=http://127.0.0.1:8080", Resend("re_1", api="http://127.0.0.1:8080")),
        ("mailgun:key-1@MG.acme.example", Mailgun(key="key-1", domain="mg.acme.example")),
        (
            "mailgun:k%40y@mg.acme.example?api=https://api.eu.mailgun.net",
            Mailgun(key="k@y", domain="mg.acme.example", api="https://api.eu.mailgun.net"),
        ),
        ("ses:AKIA1:s3/cr+et@eu-central-1", SesAccount(key_id="AKIA1", secret_key="s3/cr+et", region="eu-central-1")),
        ("ses://AKIA1:s3/cr+et@us-gov-west-1", SesAccount(key_id="AKIA1", secret_key="s3/cr+et", region="us-gov-west-1")),
        ("file:var/mail", Path("var/mail")),
        ("file:///var/my%20mail", Path("/var/my mail")),
    ],
)
def test_a_mail_url_names_a_server_a_provider_or_a_folder(url: str, target: Target) -> None:
    assert parse_mail_url(url) == target
    assert "s3" not in repr(parse_mail_url(url))


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
        "postmark:",
        "postmark:?api=https://canary.example",
        "postmark:canary@acme.example",
        "sendgrid:canary key",
        "sendgrid:cañary",
        "sendgrid:canary%0d%0aX-Canary: 1",
        "resend:canary?key=canary",
        "resend:canary?api=http://canary.example",
        "resend:canary?api=https://canary:canary@acme.example",
        "resend:canary?api=https://canary.example/?canary",
        "resend:canary?api=https://canary.example:port",
        "resend:canary?api=https://[canary",
        "resend:canary?api=https://canary.example&api=https://canary.example",
        "mailgun:canary",
        "mailgun:canary@localhost",
        "ses:canary@eu-central-1",
        "ses::canary@eu-central-1",
        "ses:AKIA:canary@canary.example",
        "ses:AKIA:canary",
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


@pytest.mark.parametrize(
    ("url", "paced"),
    [
        ("smtp://mail.acme.example", True),
        ("postmark:s3cret", True),
        ("smtp://localhost", False),
        ("smtp://127.0.0.1:2525", False),
        ("smtp://[::1]:25", False),
        ("file:var/mail", False),
    ],
)
def test_letters_that_leave_this_machine_are_paced(url: str, paced: bool) -> None:
    pace = Pace(60, lambda: 0.0, lambda _: False)

    assert isinstance(open_transport(url, pace=pace), Paced) is paced


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

    assert outcome == Outcome(
        state=NoticeState.DEFERRED, detail="the folder of mail.url cannot be written: File exists", ours=True
    )


def test_a_letter_that_cannot_be_written_leaves_no_file(tmp_path: Path, letter: Callable[..., Letter]) -> None:
    with pytest.raises(LetterRefused):
        open_transport(f"file:{tmp_path}/mail").deliver(letter(to_address="nobody"))

    assert not (tmp_path / "mail").exists()
