"""The mailbox of what came back, on a real Dovecot. How a bounce gets there, and what it does then: test_postfix.py."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gatekeeper.returns.box import BoxUnavailable, open_box
from gatekeeper.returns.reading import MAX_BYTES
from tests.kit.dovecot import PASSWORD, Dovecot, dovecot
from tests.kit.smtp import trusted_certificate
from tests.returns.samples import POSTFIX

pytestmark = [pytest.mark.peer("dovecot"), pytest.mark.peer("openssl")]

LONG = b"From: one\r\n\r\n" + b"x" * 2 * MAX_BYTES
ODD = b"From: \xfftwo\r\nSubject: {12}\r\n\r\n)\r\n* BYE\r\n"


class Away(Exception):
    """The database is away."""


@pytest.fixture(scope="module")
def trusted() -> Iterator[Path]:
    with trusted_certificate() as file:
        yield file


@pytest.fixture
def server(trusted: Path) -> Iterator[Dovecot]:
    with TemporaryDirectory(prefix="maildir-") as name, dovecot(trusted, Path(name)) as running:
        yield running


def put(server: Dovecot, folder: str, *messages: bytes) -> None:
    with server.session() as session:
        session.create(folder)
        for message in messages:
            assert session.append(folder, "", "", message)[0] == "OK"


def take(server: Dovecot, folder: str = "", url: str = "") -> list[bytes]:
    box, got = open_box((url or server.url) + folder), list[bytes]()
    assert box is not None
    assert box.empty(got.append, MAX_BYTES) == len(got)
    return got


@pytest.mark.parametrize("folder", ["INBOX", "Bounces.New"])
def test_what_is_unread_is_handed_over_once_and_stays_there(server: Dovecot, folder: str) -> None:
    put(server, folder, LONG, POSTFIX, ODD)
    assert take(server, f"/{folder}") == [LONG[:MAX_BYTES], POSTFIX, ODD]
    assert take(server, f"/{folder}") == []
    put(server, folder, POSTFIX)
    assert take(server, f"/{folder}") == [POSTFIX]
    with server.session() as session:
        assert session.select(folder, readonly=True) == ("OK", [b"4"])
        assert session.search(None, "SEEN") == ("OK", [b"1 2 3 4"])


def test_more_than_are_taken_at_once_wait_for_the_next_time(server: Dovecot) -> None:
    put(server, "INBOX", *(b"Subject: %d\r\n\r\n" % number for number in range(203)))
    assert [len(take(server)) for _ in range(3)] == [200, 3, 0]


def test_what_could_not_be_kept_stays_unread(server: Dovecot) -> None:
    put(server, "INBOX", b"one\r\n", b"two\r\n")
    box, got = open_box(server.url), list[bytes]()
    assert box is not None

    def fail_at_the_second(message: bytes) -> None:
        if got:
            raise Away
        got.append(message)

    with pytest.raises(Away):
        box.empty(fail_at_the_second, MAX_BYTES)
    assert take(server) == [b"two\r\n"]


def test_who_is_refused_says_so_and_never_the_password(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = server.url.replace("word", "wort")
    for url, folder in ((wrong, ""), (server.url, "/Nowhere")):
        with pytest.raises(BoxUnavailable, match=r"127\.0\.0\.1: .+; look at mail\.bounces_url") as fault:
            take(server, folder, url)
        assert PASSWORD[:4] not in str(fault.value)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(BoxUnavailable, match=r"certificate verify failed|SSLCertVerificationError"):
        take(server)
