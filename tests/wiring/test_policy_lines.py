"""A fault of a policy file is named with the line on which its key was written, however the file is laid out."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.config import SettingsInvalid, load
from gatekeeper.wiring.lines import line_of
from gatekeeper.wiring.policy import load_checked, load_policy_file

MUST = {
    "GATEKEEPER__PRODUCT__NAME": "Acme Cloud",
    "GATEKEEPER__PRODUCT__URL": "https://app.acme.example/",
    "GATEKEEPER__PRODUCT__SUPPORT_EMAIL": "support@acme.example",
    "GATEKEEPER__STRIPE__API_KEY": "rk_test_1",
    "GATEKEEPER__MAIL__FROM": "billing@acme.example",
}
FAULTY = """# Our policy
audiences = ["accountant",
             "boss"]
thresholds_minor = { eur = 100, EUR = 5, xxx = 1 }

[calendar]
"contact_hours" = ["mon-fri 9-17"]

[[steps]] # the first
kind = "reminder"
after = "0 days"

[[steps]]
kind = "warning"
after = "14 hours"

[[steps]]
kind = "suspend"

[[segments]]
name = "small"

[[segments]]
name = "big"
[segments.when]
country = ["Mexico"]
owed_at_least_minor.mxn = -5
[segments.after]
suspend = "1 day"
"""


def test_every_fault_of_a_policy_file_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(FAULTY)
    (tmp_path / "gatekeeper.toml").write_text("")

    with pytest.raises(SettingsInvalid) as refused:
        load_policy_file(str(file), load(tmp_path / "gatekeeper.toml", MUST))

    said = [fault.what.split(": ")[:2] for fault in refused.value.faults]
    assert {fault.where for fault in refused.value.faults} == {str(file)}
    assert sorted(said) == sorted(
        [
            ["line 2", "audiences"],
            ["line 4", "thresholds_minor.EUR"],
            ["line 4", "thresholds_minor.xxx"],
            ["line 7", "calendar.contact_hours"],
            ["line 15", "steps.2.after"],
            ["line 17", "steps.3.after"],
            ["line 26", "segments.2.when.country"],
            ["line 27", "segments.2.when.owed_at_least_minor.mxn"],
            ["line 29", "segments.2.after.suspend"],
        ]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps:\n  - kind: reminder\n    after: 0 days\n", "is not TOML"),
        ("audiences = [accountant, user]\n", "is not TOML"),
        ("automatic_grace = 3 days\n", "is not TOML"),
        ("audiences = ['user']\naudiences = ['user']\n", "is not TOML"),
        ("", "line 1: steps: nothing; write 1 to 20 steps"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_anything_starts(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    (tmp_path / "gatekeeper.toml").write_text("")

    with pytest.raises(SettingsInvalid, match=said):
        load_checked(tmp_path / "gatekeeper.toml", MUST | {"GATEKEEPER__POLICY__FILE": str(file)})


KEYS = st.sampled_from(["after", "name", "when", "steps", "a.b", "eur", "thresholds_minor", "x y"])
SCALARS = st.one_of(
    st.integers(0, 99), st.booleans(), st.sampled_from(["14 days", "after = 1", "[[steps]]", "# no comment", "'"])
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(KEYS, SCALARS, max_size=2))


class Writer:
    """Writes TOML in the ways in which people do, and remembers on which line it wrote what."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.written: dict[tuple[str | int, ...], int] = {}

    def pad(self) -> None:
        self.lines += self.draw(st.lists(st.sampled_from(["", "# after = 1", "  # [[steps]]", "\t"]), max_size=2))

    def key(self, key: str) -> str:
        bare = key.replace("_", "").isalnum()
        return self.draw(st.sampled_from([key, f'"{key}"', f"'{key}'"] if bare else [f'"{key}"']))

    def assign(self, place: tuple[str | int, ...], key: str, value: Any) -> None:
        self.pad()
        self.written[*place, key] = len(self.lines) + 1
        if isinstance(value, dict):
            inside = ", ".join(f"{self.key(name)} = {json.dumps(one)}" for name, one in value.items())
            self.lines.append(f"{self.key(key)}={{ {inside} }}")
        elif isinstance(value, list) and value and self.draw(st.booleans()):
            self.lines += [f"{self.key(key)} = [ # a list", *(f"  {json.dumps(one)}," for one in value), "]"]
        elif isinstance(value, str) and self.draw(st.booleans()):
            self.lines += [f'  {self.key(key)} = """\\', f'{value}"""']
        else:
            self.lines.append(f"  {self.key(key)} = {json.dumps(value)} # {key} = 2")

    def header(self, place: tuple[str | int, ...], *, entry: bool = False) -> None:
        self.pad()
        self.written.setdefault(place[:-1] if entry else place, len(self.lines) + 1)
        self.written[place] = len(self.lines) + 1
        names = ".".join(self.key(part) for part in place if isinstance(part, str))
        self.lines.append(f"[[ {names} ]]" if entry else f"[{names}] # so")


@st.composite
def texts(draw: Any) -> tuple[str, dict[tuple[str | int, ...], int]]:
    writer = Writer(draw)
    for key, value in draw(st.dictionaries(KEYS, VALUES, max_size=3)).items():
        writer.assign((), f"top_{key}", value)
    for name in draw(st.lists(KEYS, unique=True, max_size=3)):
        entries = draw(st.integers(0, 3))
        for number in range(entries or 1):
            place: tuple[str | int, ...] = (name, number) if entries else (name,)
            writer.header(place, entry=bool(entries))
            for key, value in draw(st.dictionaries(KEYS, VALUES, max_size=3)).items():
                writer.assign(place, key, value)
            if draw(st.booleans()):
                writer.header((*place, "inner"))
                for key, value in draw(st.dictionaries(KEYS, VALUES, max_size=2)).items():
                    writer.assign((*place, "inner"), key, value)
    writer.pad()
    return "\n".join(writer.lines), writer.written


@settings(max_examples=300)
@given(texts())
def test_the_line_of_a_place_is_the_line_where_its_key_was_written(text_and_places: tuple[str, dict[Any, int]]) -> None:
    text, written = text_and_places
    tomllib.loads(text)

    for place, line in written.items():
        assert line_of(text, place) == line
        assert line_of(text, (*place, "missing", 7)) == line
    assert line_of(text, ("nowhere",)) == 1
