"""A line of changes is read back as it was written, or it is refused; and it takes a snapshot from any revision to its own."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Standing
from gatekeeper.snapshot import (
    Delta,
    Snapshot,
    SnapshotInvalid,
    apply,
    decode_delta,
    delta_document,
    delta_of,
    encode_delta,
    snapshot_of,
)

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=2)
SUSPENDED, RESTRICTED, PAST_DUE, CURRENT = Standing.SUSPENDED, Standing.RESTRICTED, Standing.PAST_DUE, Standing.CURRENT
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PATHS = st.lists(st.sampled_from(["/a", "/b/c", "/é"]), max_size=3).map(tuple)
FEW = st.sampled_from(["a", "b", "c", "d"])
STANDINGS = st.one_of(
    st.tuples(st.sampled_from([CURRENT, PAST_DUE, SUSPENDED]), st.just(())), st.tuples(st.just(RESTRICTED), PATHS)
)
CHANGES = st.dictionaries(IDS, STANDINGS, max_size=5).map(
    lambda found: tuple((account, standing, paths) for account, (standing, paths) in found.items())
)
SMALL = Delta("9a0c", 7, 9, LATER, (("acme", CURRENT, ()), ("bolt & söhne\n", RESTRICTED, ("/x",)), ("cy", RESTRICTED, ())))
BASE = Snapshot(7, AT, {"acme": SUSPENDED, "dee": PAST_DUE}, ledger="9a0c", accounts=12)


@st.composite
def _deltas(draw: st.DrawFn) -> Delta:
    since = draw(st.integers(0, 2**62))
    revision = since + draw(st.integers(1, 2**62))
    return Delta(draw(IDS), since, revision, draw(st.datetimes(timezones=st.just(UTC))), draw(CHANGES))


@given(_deltas())
def test_what_was_encoded_is_decoded_to_the_same_from_one_line(delta: Delta) -> None:
    line = encode_delta(delta)
    assert (line[-1:], line.count(b"\n")) == (b"\n", 1)
    assert decode_delta(line) == decode_delta(line[:-1]) == delta_of(delta_document(delta)) == delta


def test_a_line_is_as_the_page_says() -> None:
    seal, _, body = encode_delta(SMALL).partition(b" ")
    assert seal == sha256(body[:-1]).hexdigest()[:16].encode()
    assert json.loads(body) == {
        "ledger": "9a0c",
        "from": 7,
        "revision": 9,
        "at": "2026-03-02T09:00:02+00:00",
        "changes": [["acme", "current"], ["bolt & söhne\n", "restricted", ["/x"]], ["cy", "restricted"]],
    }


def test_every_corruption_of_one_byte_and_every_truncation_is_refused() -> None:
    line = encode_delta(SMALL)[:-1]
    for place in range(len(line)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            with pytest.raises(SnapshotInvalid):
                decode_delta(line[:place] + bytes([line[place] ^ flip]) + line[place + 1 :])
        with pytest.raises(SnapshotInvalid):
            decode_delta(line[:place])


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_and_raise_nothing_else(data: bytes) -> None:
    for read in (decode_delta, delta_of, snapshot_of):
        with pytest.raises(SnapshotInvalid):
            read(data)


WHOLE = {"ledger": "9a0c", "from": 7, "revision": 9, "at": "2026-03-02T09:00:00+00:00", "changes": [["acme", "current"]]}


@pytest.mark.parametrize(
    "strange",
    [
        {"ledger": 7},
        {"from": -1},
        {"from": True},
        {"from": 9},
        {"from": "7"},
        {"revision": 7},
        {"revision": None},
        {"at": "soon"},
        {"changes": None},
        {"changes": {}, "at": 3},
        {"changes": ["acme"]},
        {"changes": [[]]},
        {"changes": [["acme"]]},
        {"changes": [[7, "current"]]},
        {"changes": [["acme", "banned"]]},
        {"changes": [["acme", 7]]},
        {"changes": [["acme", "restricted", "/x"]]},
        {"changes": [["acme", "restricted", [7]]]},
        {"changes": [["acme", "suspended", ["/x"]]]},
        {"changes": [["acme", "restricted", ["/x"], 1]]},
    ],
)
def test_a_whole_line_with_strange_contents_is_refused(strange: dict[str, object]) -> None:
    assert delta_of(json.dumps(WHOLE).encode()).changes == (("acme", CURRENT, ()),)
    with pytest.raises(SnapshotInvalid):
        delta_of(json.dumps(WHOLE | strange).encode())


@pytest.mark.parametrize("missing", WHOLE)
def test_a_line_without_one_of_its_fields_is_refused(missing: str) -> None:
    with pytest.raises(SnapshotInvalid):
        delta_of(json.dumps({name: value for name, value in WHOLE.items() if name != missing}).encode())


def test_changes_come_in_and_whoever_is_current_goes() -> None:
    standings = {"bolt & söhne\n": RESTRICTED, "cy": RESTRICTED, "dee": PAST_DUE}
    after = Snapshot(9, LATER, standings, {"bolt & söhne\n": ("/x",)}, ledger="9a0c", accounts=12)
    assert apply(BASE, SMALL) == after
    assert apply(after, SMALL) == after, "what it has already changes nothing"
    suspended = Delta("9a0c", 9, 10, LATER, (("bolt & söhne\n", SUSPENDED, ()),))
    assert apply(after, suspended).leaves_open == {}


def test_what_is_missing_or_another_ledgers_is_refused() -> None:
    with pytest.raises(SnapshotInvalid, match="go on from revision 8, and only 7 is known"):
        apply(BASE, Delta("9a0c", 8, 9, LATER, ()))
    with pytest.raises(SnapshotInvalid, match="of ledger other"):
        apply(BASE, Delta("other", 7, 9, LATER, ()))


@given(st.lists(st.lists(st.tuples(FEW, STANDINGS), min_size=1, max_size=3), min_size=1, max_size=8), st.data())
def test_whatever_is_left_out_repeated_or_told_together_the_end_is_the_same(
    history: list[list[tuple[str, tuple[Standing, tuple[str, ...]]]]], data: st.DataObject
) -> None:
    """Each revision changes some accounts; a reader is told any spans of them that leave no gap, some of them again."""
    states: list[dict[str, tuple[Standing, tuple[str, ...]]]] = [{}]
    for changes in history:
        states.append(states[-1] | dict(changes))

    def told(since: int, revision: int) -> Delta:
        names = {account for changes in history[since:revision] for account, _ in changes}
        return Delta("9a0c", since, revision, AT, tuple((name, *states[revision][name]) for name in sorted(names)))

    def stands(revision: int) -> Snapshot:
        listed = {name: found for name, found in states[revision].items() if found[0] is not CURRENT}
        standings = {name: standing for name, (standing, _) in listed.items()}
        return Snapshot(revision, AT, standings, {name: paths for name, (_, paths) in listed.items() if paths}, "9a0c")

    reader = stands(data.draw(st.integers(0, len(history))))
    while reader.revision < len(history):
        since = data.draw(st.integers(0, reader.revision))
        reader = apply(reader, told(since, data.draw(st.integers(since + 1, len(history)))))
        assert reader == stands(reader.revision)
