"""The reference page and the example file tell of every setting, and tell the truth."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

from gatekeeper.config import Settings, load
from gatekeeper.config.faults import keys_of
from gatekeeper.config.sources import sections

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config/gatekeeper.toml"
KEYS = [(section, key) for section, model in sections().items() for key in keys_of(model)]
FILLED_IN = {("product", "name"), ("product", "url"), ("product", "support_email"), ("stripe", "api_key"), ("mail", "from")}


def generated_page() -> str:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs/make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


def test_the_reference_page_is_up_to_date() -> None:
    written = (ROOT / "docs/settings.md").read_text(encoding="utf-8")

    assert written == generated_page(), "out of date: run `python docs/make_settings.py`"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_has_a_description_of_one_line(section: str, key: str) -> None:
    description = keys_of(sections()[section])[key].description

    assert description
    assert "\n" not in description
    assert len(description) < 120


def test_the_example_has_every_key() -> None:
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))

    assert {(section, key) for section, values in example.items() for key in values} == set(KEYS)


def test_the_example_loads_as_it_is_and_holds_the_defaults() -> None:
    settings = load(EXAMPLE, {})

    for section, model in sections().items():
        for key, field in model.model_fields.items():
            if (section, field.alias or key) not in FILLED_IN:
                assert getattr(getattr(settings, section), key) == field.default, f"{section}.{key}"


def test_only_what_must_be_filled_in_has_no_default() -> None:
    required = {(section, key) for section, key in KEYS if keys_of(sections()[section])[key].is_required()}

    assert required == FILLED_IN
    assert set(sections()) == set(Settings.model_fields)
