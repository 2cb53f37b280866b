"""Mailboxes that are emptied: each message is handed over, marked, and handed over again if that did not come about."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from gatekeeper.returns.box import BoxUnavailable, BoxUrlInvalid, Imap, Maildir, open_box
from tests.kit.imap import PASSWORD, USER, Mailbox, mailbox
from tests.kit.smtp import trusted_certificate

MOST = 1000


class Away(Exception):
    """The database is away."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def trusted() -> Iterator[Path]:
    with trusted_certificate() as file:
        yield file


@pytest.fixture
def server(trusted: Path) -> Iterator[Mailbox]:
    with mailbox(trusted) as running:
        yield running


def imap(server: Mailbox) -> Imap:
    return Imap(host="127.0.0.1", port=server.port, user=USER, password=PASSWORD, folder="INBOX")


def test_a_maildir_is_emptied_in_order_and_keeps_what_was_read(folder: Path) -> None:
    for number in (2, 1, 3):
        (folder / "new" / f"{number}.host").write_bytes(b"%d" % number * 2000)
    got: list[bytes] = []
    assert Maildir(folder).empty(got.append, MOST) == 3
    assert got == [b"1" * MOST, b"2" * MOST, b"3" * MOST]
    assert [path.name for path in sorted((folder / "cur").iterdir())] == ["1.host:2,S", "2.host:2,S", "3.host:2,S"]
    assert Maildir(folder).empty(got.append, MOST) == 0


def test_what_could_not_be_kept_stays_new_in_a_maildir(folder: Path) -> None:
    (folder / "new" / "1").write_bytes(b"one")

    def fail(_message: bytes) -> None:
        raise Away

    with pytest.raises(Away):
        Maildir(folder).empty(fail, MOST)
    got: list[bytes] = []
    assert Maildir(folder).empty(got.append, MOST) == 1


def test_no_link_in_a_maildir_is_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("else") / "secret"
    secret.write_bytes(b"secret")
    (folder / "new" / "link").symlink_to(secret)
    assert Maildir(folder).empty(lambda _message: None, MOST) == 0


def test_a_maildir_to_which_nothing_was_delivered_yet_is_empty(tmp_path: Path) -> None:
    assert Maildir(tmp_path).empty(lambda _message: None, MOST) == 0


def test_a_maildir_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BoxUnavailable, match="must be ours to write"):
        Maildir(tmp_path / "nowhere").empty(lambda _message: None, MOST)


def test_an_imap_folder_is_emptied_and_what_was_read_is_marked(server: Mailbox) -> None:
    server.messages += [b"From: one\r\n\r\n" + b"x" * 5000, b"", b"From: three\r\n\r\n)\r\n"]
    server.seen.add(2)
    got: list[bytes] = []
    assert imap(server).empty(got.append, MOST) == 2
    assert got == [server.messages[0][:MOST], server.messages[2]]
    assert server.seen == {1, 2, 3}
    assert imap(server).empty(got.append, MOST) == 0


def test_what_could_not_be_kept_stays_unread_on_the_server(server: Mailbox) -> None:
    server.messages += [b"one", b"two"]
    got: list[bytes] = []

    def fail_at_the_second(message: bytes) -> None:
        if got:
            raise Away
        got.append(message)

    with pytest.raises(Away):
        imap(server).empty(fail_at_the_second, MOST)
    assert server.seen == {1}


@pytest.mark.parametrize("refused", ["SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "LOGIN"])
def test_a_server_that_refuses_is_named_and_never_the_password(server: Mailbox, refused: str) -> None:
    server.messages.append(b"one")
    server.refuses = refused
    with pytest.raises(BoxUnavailable, match=r"127\.0\.0\.1: .+; look at mail\.bounces_url") as fault:
        imap(server).empty(lambda _message: None, MOST)
    assert PASSWORD not in str(fault.value)
    assert server.seen == set()


def test_a_certificate_that_nobody_trusts_is_not_spoken_to(server: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(BoxUnavailable, match=r"certificate verify failed|SSLCertVerificationError"):
        imap(server).empty(lambda _message: None, MOST)


def test_each_url_names_its_box() -> None:
    assert open_box("") is None
    assert open_box("maildir:/var/mail/bounces") == Maildir(Path("/var/mail/bounces"))
    url = f"imaps://{quote(USER)}:{quote(PASSWORD, safe='')}@mx.acme.example"
    assert open_box(url) == Imap(host="mx.acme.example", port=993, user=USER, password=PASSWORD, folder="INBOX")
    named = Imap(host="mx.acme.example", port=1993, user="u", password="p", folder="Bounces/New")
    assert open_box("imaps://u:p@mx.acme.example:1993/Bounces/New") == named
    assert PASSWORD not in repr(open_box(url))


@pytest.mark.parametrize(
    "url",
    [
        "imap://u:secret@mx.acme.example/INBOX",
        "imaps://mx.acme.example",
        "imaps://u@mx.acme.example",
        "imaps://u:secret@/INBOX",
        "imaps://u:secret@mx:port",
        "imaps://u:secret@mx/INBOX?x=1",
        "imaps://u:secr%C3%A9t@mx/INBOX",
        "imaps://u:secret@mx/a%22b",
        "imaps://u:secret@mx/a%0d%0ab",
        "maildir://host/folder",
        "maildir:",
        "pop3://u:secret@mx",
        "secret",
    ],
)
def test_what_names_no_box_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BoxUrlInvalid) as fault:
        open_box(url)
    assert "secr" not in str(fault.value).replace("user or password", "")
