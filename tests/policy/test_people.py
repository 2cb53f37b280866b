"""Whom to write to: the fallback order of the sources, as properties."""

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Audience, Contact, Origin
from gatekeeper.policy.people import ORDER, reachable

ADDRESSES = st.sampled_from(["a@x.example", "A@x.example", " b@x.example ", "c@x.example", "d@x.example", "", " "])
CONTACTS = st.lists(
    st.builds(Contact, audience=st.sampled_from(Audience), address=ADDRESSES, origin=st.sampled_from(ORDER)), max_size=8
)
FAILED = st.sets(st.sampled_from(["a@x.example", "b@x.example", "c@x.example", "d@x.example"]))


def plain(contact: Contact) -> str:
    return contact.address.strip().lower()


@given(CONTACTS, FAILED)
def test_an_audience_is_unreachable_only_when_every_address_of_it_has_failed(people: list[Contact], failed: set[str]) -> None:
    found = reachable(people, failed)

    assert set(found) == set(Audience)
    for audience in Audience:
        known = {plain(one) for one in people if one.audience is audience} - {""}
        assert (found[audience] == ()) == (known <= failed)
        assert set(found[audience]) <= known - failed


@given(CONTACTS, FAILED)
def test_all_addresses_are_those_of_the_first_source_that_has_one_left(people: list[Contact], failed: set[str]) -> None:
    for audience, addresses in reachable(people, failed).items():
        left = [one for one in people if one.audience is audience and plain(one) and plain(one) not in failed]
        first = min((ORDER.index(one.origin) for one in left), default=None)
        assert set(addresses) == {plain(one) for one in left if ORDER.index(one.origin) == first}


@given(st.permutations(range(4)), FAILED, st.data())
def test_the_order_in_which_people_are_known_and_repetitions_do_not_matter(
    order: list[int], failed: set[str], data: st.DataObject
) -> None:
    people = data.draw(st.lists(CONTACTS.flatmap(lambda some: st.sampled_from(some or [_ANN])), min_size=4, max_size=4))

    assert reachable([people[index] for index in order] * 2, failed) == reachable(people, failed)


@given(CONTACTS, FAILED, st.sampled_from(Audience))
def test_one_audience_says_nothing_about_the_other(people: list[Contact], failed: set[str], audience: Audience) -> None:
    theirs = [one for one in people if one.audience is audience]

    assert reachable(people, failed)[audience] == reachable(theirs, failed)[audience]


_ANN = Contact(audience=Audience.USER, address="ann@x.example", origin=Origin.API)


def test_who_was_taken_out_of_the_first_source_does_not_come_back_through_another() -> None:
    people = [
        _ANN,
        Contact(audience=Audience.USER, address="left@x.example", origin=Origin.DIRECTORY),
        Contact(audience=Audience.USER, address="left@x.example", origin=Origin.STRIPE),
    ]
    assert ORDER == (Origin.API, Origin.DIRECTORY, Origin.STRIPE)
    assert reachable(people, ())[Audience.USER] == ("ann@x.example",)
    assert reachable(people, {"ann@x.example"})[Audience.USER] == ("left@x.example",)
