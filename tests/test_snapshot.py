"""A snapshot file is read back as it was written, or it is refused."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot, SnapshotInvalid, decode, encode

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LISTED = [Standing.PAST_DUE, Standing.RESTRICTED, Standing.SUSPENDED]
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SNAPSHOTS = st.builds(
    Snapshot,
    revision=st.integers(0, 2**63 - 1),
    published_at=st.datetimes(timezones=st.just(UTC)),
    standings=st.dictionaries(IDS, st.sampled_from(LISTED), max_size=10),
)
SMALL = Snapshot(7, AT, {"acme": Standing.SUSPENDED, "bolt & söhne": Standing.PAST_DUE})


@given(SNAPSHOTS)
def test_what_was_encoded_is_decoded_to_the_same(snapshot: Snapshot) -> None:
    assert decode(encode(snapshot)) == snapshot


@given(SNAPSHOTS)
def test_the_same_standings_give_the_same_bytes_in_whatever_order_they_came(snapshot: Snapshot) -> None:
    turned = Snapshot(snapshot.revision, snapshot.published_at, dict(reversed(snapshot.standings.items())))
    assert encode(turned) == encode(snapshot)


def test_every_corruption_of_one_byte_is_refused() -> None:
    whole = encode(SMALL)
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


def _sealed(body: bytes) -> bytes:
    """A file whose checksum fits."""
    return b"gatekeeper-snapshot 1 " + sha256(body).hexdigest().encode() + b"\n" + body


def test_an_account_that_is_current_is_not_listed() -> None:
    with pytest.raises(KeyError):
        encode(Snapshot(1, AT, {"acme": Standing.CURRENT}))
