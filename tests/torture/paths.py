"""Which paths there are: mostly fair weather, for a ladder takes weeks, and every way in which it may end in between."""

from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from gatekeeper.policy.rules import Rules
from tests.policy.ladders import rule_books
from tests.torture.books import FOUL
from tests.torture.failpoints import every_point
from tests.torture.play import Step
from tests.torture.post import MOODS

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_GAPS: Final = (
    *[None] * 12,
    0 * DAY,
    timedelta(seconds=30),
    2 * MINUTE,
    16 * MINUTE,
    HOUR,
    6 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    14 * DAY,
)
_BOOKS: Final = (
    *["bill", "pay", "pay_all", "pay_unheard", "pay_in_part", "credit", "revise", "void", "write_off", "pay_by_bank"],
    *["fail_at_bank", "fail_at_bank", "dispute", "settle_disputes", "settle_disputes", "hear", "hear", "grow_old"],
    *["move_customer", "delete_customer", "change_people", "collect_in_vain"],
)
_DESK: Final = (
    *["exempt", "end_exemption", "hold", "end_hold", "promise", "reopen", "arm", "arm", "disarm", "halt", "resume", "resume"],
    *["resend", "tell_people", "look_up", "state", "change_policy"],
)
_MACHINE: Final = ("bounce", "set_clock", "kill", "back_up", "restore")
_POINTS: Final = tuple(every_point())


def _brink(points: int) -> list[Step]:
    """Everybody has been written to twice, under the policy that most paths begin with, and is to be closed out next.

    `points`: after so many one who sends these letters is overtaken by another; 0: one sends them.
    """
    race: dict[str, Any] = {"crew": "both", "switches": ((points, "nothing"),)} if points else {}
    letters = [Step(gap=HOUR, doing="nothing", **race), Step(gap=None, doing="nothing", **race)]
    return [*letters, Step(gap=HOUR, doing="release_brakes")]


def _steps(kinds: list[str], mood: str, weather: str) -> st.SearchStrategy[Step]:
    """Steps of a path on which only these things happen: on one on which everything may happen, nothing ever ripens."""
    doing = st.sampled_from([*kinds, *["nothing", "release_brakes"] * max(2, len(kinds) // 3)])
    meanwhile = ["nothing", *[kind for kind in kinds if kind not in {"kill", "back_up", "restore"}]]
    points = st.one_of(st.integers(1, 12), st.integers(13, 80))  # the first letter comes after some thirty
    switches = st.lists(st.tuples(points, st.sampled_from(meanwhile)), min_size=1, max_size=4)
    return st.builds(
        Step,
        gap=st.sampled_from(_GAPS),
        doing=doing,
        crew=st.sampled_from(["one"] * 5 + ["other", "both", "both", "at once"]),
        job=st.sampled_from(["all"] * 8 + ["turn", "deliver", "poll"]),
        mood=st.sampled_from(["accepts", "accepts", mood]),
        weather=st.sampled_from(["fine"] * 4 + [weather]),
        dies_at=st.sampled_from([""] * 3 * len(_POINTS) + list(_POINTS)),
        switches=st.one_of(st.just(()), st.just(()), switches.map(tuple)),
        number=st.integers(0, 999),
    )


@st.composite
def policies(draw: Any) -> list[Rules]:
    """The one in force at first, and those that may follow it."""
    return draw(st.lists(st.one_of(st.just(Rules()), rule_books()), min_size=1, max_size=3))


@st.composite
def paths(draw: Any, *, longest: int = 50) -> list[Step]:
    kinds = draw(st.lists(st.sampled_from(_BOOKS), max_size=4)) + draw(st.lists(st.sampled_from(_DESK), max_size=4))
    kinds += draw(st.lists(st.sampled_from(_MACHINE), max_size=2))
    kinds += ["back_up"] * kinds.count("restore")  # where there is no backup nothing is restored
    mood, weather = draw(st.sampled_from(["accepts", *MOODS])), draw(st.sampled_from(["fine", "fine", *FOUL]))
    steps = draw(st.lists(_steps(kinds, mood, weather), min_size=min(15, longest), max_size=longest))
    return [*draw(st.one_of(st.just([]), st.integers(0, 80).map(_brink))), *steps]
