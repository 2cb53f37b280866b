"""What every object needs to be written: see `Frame`, and the envelope of a list."""

from dataclasses import dataclass

from gatekeeper.demo.standin.records import Json


@dataclass(frozen=True, slots=True)
class Frame:
    """What is written into objects but belongs to the books as a whole.

    `test_clock`: that which the object's customer lives by. `base_url` is where the payment pages are;
    `reading` counts what was written, so that each page has its own address.
    """

    now: int
    livemode: bool
    base_url: str
    reading: int
    test_clock: str | None = None


def listed(url: str, data: list[Json], *, has_more: bool = False) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
