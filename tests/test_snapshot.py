"""A snapshot file is read back as it was written, or it is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, SnapshotInvalid, decode, document, encode, head, snapshot_of

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LISTED = [Standing.PAST_DUE, Standing.RESTRICTED, Standing.SUSPENDED]
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PATHS = st.lists(st.sampled_from(["/a", "/b/c", "/é"]), min_size=1, max_size=3).map(tuple)


@st.composite
def _snapshots(draw: st.DrawFn) -> Snapshot:
    standings = draw(st.dictionaries(IDS, st.sampled_from(LISTED), max_size=10))
    restricted = [account for account, standing in standings.items() if standing is Standing.RESTRICTED]
    leaves_open = {account: draw(PATHS) for account in restricted if draw(st.booleans())}
    revision, at = draw(st.integers(0, 2**63 - 1)), draw(st.datetimes(timezones=st.just(UTC)))
    return Snapshot(revision, at, standings, leaves_open, ledger=draw(IDS), accounts=draw(st.integers(0, 2**31)))


SNAPSHOTS = _snapshots()
LEDGER = "9a0c"
SMALL = Snapshot(7, AT, {"acme": Standing.SUSPENDED, "bolt & söhne": Standing.PAST_DUE}, ledger=LEDGER, accounts=12)
PARTS = Snapshot(8, AT, {"a": Standing.RESTRICTED, "b": Standing.RESTRICTED, "c": Standing.RESTRICTED}, {"a": ("/x",)})


@given(SNAPSHOTS)
def test_what_was_encoded_is_decoded_to_the_same(snapshot: Snapshot) -> None:
    assert decode(encode(snapshot)) == snapshot


@given(SNAPSHOTS)
def test_the_same_standings_give_the_same_bytes_in_whatever_order_they_came(snapshot: Snapshot) -> None:
    standings, leaves_open = (dict(reversed(one.items())) for one in (snapshot.standings, snapshot.leaves_open))
    turned = replace(snapshot, standings=standings, leaves_open=leaves_open)
    assert encode(turned) == encode(snapshot)


def test_a_file_of_the_first_version_is_read_and_its_restricted_accounts_may_read() -> None:
    body = b'{"revision":3,"published_at":"2026-03-02T09:00:00+00:00","past_due":["p"],"restricted":["r"],"suspended":["s"]}'
    standings = {"p": Standing.PAST_DUE, "r": Standing.RESTRICTED, "s": Standing.SUSPENDED}
    assert decode(_sealed(body)) == Snapshot(3, AT, standings, {})


def test_a_file_of_the_second_version_is_read_and_says_of_no_ledger() -> None:
    body = (
        b'{"revision":3,"published_at":"2026-03-02T09:00:00+00:00","past_due":[],"restricted":["r"],"suspended":[],'
        b'"leaves_open":[{"paths":["/x"],"accounts":["q"]}]}'
    )
    standings = dict.fromkeys(("r", "q"), Standing.RESTRICTED)
    assert decode(_sealed(body, 2)) == Snapshot(3, AT, standings, {"q": ("/x",)}, ledger="", accounts=0)


def test_the_first_line_and_the_document_are_as_the_page_says() -> None:
    first, _, body = encode(SMALL).partition(b"\n")
    assert first == b"gatekeeper-snapshot 3 %s 7" % sha256(body).hexdigest().encode()
    assert body == document(SMALL)
    assert json.loads(body) == {
        "ledger": "9a0c",
        "revision": 7,
        "published_at": "2026-03-02T09:00:00+00:00",
        "accounts": 12,
        "past_due": ["bolt & söhne"],
        "restricted": [],
        "suspended": ["acme"],
        "leaves_open": [],
    }
    assert snapshot_of(body) == SMALL


@given(SNAPSHOTS)
def test_the_first_line_says_the_revision_without_the_rest(snapshot: Snapshot) -> None:
    line, _, _ = encode(snapshot).partition(b"\n")
    assert head(line + b"\n") == snapshot.revision
    assert head(line) is None, "a line that may be torn"


@pytest.mark.parametrize(
    "line", [b"gatekeeper-snapshot 2 %s 7\n", b"gatekeeper-snapshot 3 %s -7\n", b"gatekeeper-snapshot 3 %s 07\n"]
)
def test_no_other_first_line_says_a_revision(line: bytes) -> None:
    assert head(line % (b"0" * 64)) is None
    assert head(_sealed(b"{}")) is None


def test_a_first_line_that_names_another_revision_than_the_document_is_refused() -> None:
    with pytest.raises(SnapshotInvalid, match="names revision 8, the rest is revision 7"):
        decode(encode(SMALL).replace(b" 7\n", b" 8\n"))


def test_a_version_of_the_future_is_refused() -> None:
    first, _, body = encode(PARTS).partition(b"\n")
    for version in (b"0", b"4", b"33"):
        with pytest.raises(SnapshotInvalid):
            decode(first.replace(b"snapshot 3", b"snapshot " + version) + b"\n" + body)


def test_a_file_grows_by_an_id_for_each_account_whatever_it_is_left() -> None:
    """The paths are written once for all that share them, and an account in good standing not at all."""
    accounts = [f"acct_{number:08d}" for number in range(1000)]
    paths = tuple(f"/part/{number}" for number in range(50))
    restricted = Snapshot(1, AT, dict.fromkeys(accounts, Standing.RESTRICTED), dict.fromkeys(accounts, paths))
    suspended = Snapshot(1, AT, dict.fromkeys(accounts, Standing.SUSPENDED))
    assert len(encode(restricted)) - len(encode(suspended)) < 1000
    assert len({id(left) for left in decode(encode(restricted)).leaves_open.values()}) == 1


def test_what_a_restriction_left_is_not_written_of_another_standing() -> None:
    assert encode(replace(SMALL, leaves_open={"acme": ("/x",)})) == encode(SMALL)


@pytest.mark.parametrize("snapshot", [SMALL, PARTS])
def test_every_corruption_of_one_byte_is_refused(snapshot: Snapshot) -> None:
    whole = encode(snapshot)
    for place in range(len(whole)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            with pytest.raises(SnapshotInvalid):
                decode(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])


def test_every_truncation_and_every_addition_is_refused() -> None:
    whole = encode(SMALL)
    for length in range(len(whole)):
        with pytest.raises(SnapshotInvalid):
            decode(whole[:length])
    for more in (b"\n", b" ", b"\0", whole):
        with pytest.raises(SnapshotInvalid):
            decode(whole + more)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_and_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(SnapshotInvalid):
        decode(data)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"revision": 1, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": []}',
        b'{"revision": "x", "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": []}',
        b'{"revision": 1, "published_at": "soon", "past_due": [], "restricted": [], "suspended": []}',
        b'{"revision": 1, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": [[]]}',
        b'{"revision": 1, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": [7]}',
        b'{"revision": 1, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": "acme"}',
        b'{"revision": -1, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": []}',
        b'{"revision": 1e999, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": []}',
        b"[" * 100_000,
    ],
)
def test_a_whole_file_with_strange_contents_is_refused(body: bytes) -> None:
    with pytest.raises(SnapshotInvalid):
        decode(_sealed(body))


_REST = b'"revision": 1, "published_at": "2026-03-02T09:00:00+00:00", "past_due": [], "restricted": [], "suspended": []'


@pytest.mark.parametrize(
    "groups",
    [
        b"",
        b', "leaves_open": null',
        b', "leaves_open": {"paths": [], "accounts": []}',
        b', "leaves_open": [["/x"]]',
        b', "leaves_open": [{"paths": ["/x"]}]',
        b', "leaves_open": [{"paths": ["/x"], "accounts": [7]}]',
        b', "leaves_open": [{"paths": [7], "accounts": ["a"]}]',
        b', "leaves_open": [{"paths": "/x", "accounts": ["a"]}]',
    ],
)
def test_strange_groups_are_refused(groups: bytes) -> None:
    with pytest.raises(SnapshotInvalid):
        decode(_sealed(b"{" + _REST + groups + b"}", 2))


def _sealed(body: bytes, version: int = 1) -> bytes:
    """A file whose checksum fits."""
    return b"gatekeeper-snapshot %d " % version + sha256(body).hexdigest().encode() + b"\n" + body


def test_an_account_that_is_current_is_not_listed() -> None:
    with pytest.raises(KeyError):
        encode(Snapshot(1, AT, {"acme": Standing.CURRENT}))
