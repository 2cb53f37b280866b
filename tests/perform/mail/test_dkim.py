"""Signing letters: what a reader's server finds, and what is said of a key that cannot sign."""

import base64
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest

from gatekeeper.config import SettingsInvalid
from gatekeeper.config.mail import Mail
from gatekeeper.perform.mail import Letter, compose, open_transport
from gatekeeper.perform.mail.dkim import DkimRefused, Signer, is_selector
from gatekeeper.wiring.mail import open_signer
from tests.kit.smtp import MailServer

pytestmark = pytest.mark.peer("openssl")


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=given).stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "key.pem"
    openssl("genrsa", "-out", file, "1024")
    return file


@pytest.fixture(scope="module")
def signer(key: Path) -> Signer:
    return Signer(domain="acme.example", selector="gk1", key_file=key)


def is_sound(message: bytes, signer: Signer) -> bool:
    """Whether a reader takes it for the sender's, with the record of the signer and nothing else in DNS."""
    record = signer.record.encode()
    return bool(dkim.verify(message, dnsfunc=lambda name, **_: record if name.decode() == f"{signer.name}." else b""))


def test_a_signed_letter_is_the_senders_for_its_reader(letter: Callable[..., Letter], signer: Signer) -> None:
    message = compose(letter(reply_to="help@acme.example", references="<gk-1@acme.example>", subject="Übersicht " * 12))
    signed = signer(message)
    assert signed.endswith(message)
    assert is_sound(signed, signer)
    (signature, *_) = re.split(rb"\r\n(?![ \t])", signed)
    tags = dict(part.strip().split(b"=", 1) for part in re.sub(rb"\s", b"", signature.partition(b":")[2]).split(b";"))
    assert (tags[b"a"], tags[b"c"], tags[b"d"], tags[b"s"]) == (b"rsa-sha256", b"relaxed/relaxed", b"acme.example", b"gk1")
    wanted = b"from to subject date message-id reply-to auto-submitted content-language in-reply-to references".split()
    assert set(wanted) <= set(tags[b"h"].split(b":"))


@pytest.mark.parametrize(
    "change",
    [
        lambda signed: signed.replace(b"From: Acme Billing", b"From: Acme Hacking"),
        lambda signed: signed.replace(b"120.00", b"920.00"),
        lambda signed: signed.replace(b"\r\nTo: ", b"\r\nReply-To: x@evil.example\r\nTo: "),
        lambda signed: signed.replace(b"\r\nTo: ", b"\r\nFrom: x@evil.example\r\nTo: "),
        lambda signed: signed.replace(b"\r\nTo: ", b"\r\nSubject: Pay here\r\nTo: "),
    ],
)
def test_nothing_that_a_reader_sees_can_be_changed_or_added(
    letter: Callable[..., Letter], signer: Signer, change: Callable[[bytes], bytes]
) -> None:
    signed = signer(compose(letter()))
    assert change(signed) != signed
    assert not is_sound(change(signed), signer)


def test_the_record_is_the_public_half_as_openssl_writes_it(signer: Signer, key: Path) -> None:
    public = openssl("rsa", "-in", key, "-pubout", "-outform", "DER")
    assert signer.record == f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    assert signer.name == "gk1._domainkey.acme.example"


def test_both_forms_of_a_key_are_taken_and_lines_of_any_system(key: Path, signer: Signer, tmp_path: Path) -> None:
    forms = {"PKCS#1": ("rsa", "-traditional"), "PKCS#8": ("pkcs8", "-topk8", "-nocrypt")}
    for form, arguments in forms.items():
        file = tmp_path / form.replace("#", "")
        file.write_bytes(openssl(*arguments, "-in", key).replace(b"\n", b"\r\n"))
        assert Signer(domain="acme.example", selector="gk1", key_file=file).record == signer.record


def test_a_letter_is_signed_on_its_way_to_a_mail_server(
    letter: Callable[..., Letter], signer: Signer, server: MailServer
) -> None:
    transport = open_transport(server.url, sign=signer)
    transport.deliver(letter(text=".\n.. From here\nthe end "))
    transport.close()
    assert is_sound(server.messages[0].raw, signer)


def _small(file: Path) -> None:
    openssl("genrsa", "-out", file, "512")


def _elliptic(file: Path) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", file)


def _locked(file: Path) -> None:
    openssl("genrsa", "-aes128", "-passout", "pass:secret", "-out", file, "1024")


def _cut(file: Path) -> None:
    text = openssl("genrsa", "1024").splitlines(keepends=True)
    file.write_bytes(b"".join(text[:4] + text[-1:]))


def _public(file: Path) -> None:
    file.write_bytes(openssl("rsa", "-pubout", given=openssl("genrsa", "1024")))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "cannot be read: No such file"),
        (lambda file: file.write_text("hello"), "no private key in PEM form"),
        (lambda file: file.write_bytes(b""), "no private key in PEM form"),
        (_public, "no private key in PEM form"),
        (_locked, "has a passphrase"),
        (_elliptic, "no RSA key"),
        (_cut, "no RSA key, or not whole"),
        (_small, "has 512 bits"),
    ],
)
def test_a_key_that_cannot_sign_is_a_fault_of_the_settings_that_says_what_to_do(
    make: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    make(file)
    mail = Mail.model_validate({"from": "billing@acme.example", "dkim_selector": "gk1", "dkim_key_file": str(file)})
    with pytest.raises(SettingsInvalid, match=re.escape(f"{file}: mail.dkim_key_file: the ")) as refused:
        open_signer(mail)
    assert says in str(refused.value)
    assert isinstance(refused.value.__cause__, DkimRefused)


def test_without_a_selector_nothing_is_signed() -> None:
    assert open_signer(Mail.model_validate({"from": "billing@acme.example"})) is None


def test_what_may_be_a_selector() -> None:
    assert all(map(is_selector, ("gk1", "a.b-c", "a" * 63)))
    assert not any(map(is_selector, ("", "a" * 64, "a b", "a..b", "-a", "a.", "é")))
