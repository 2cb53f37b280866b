"""The settings: read once, checked whole, and every fault reported at once, with file, key and what is allowed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from gatekeeper.config.checks import cross_check
from gatekeeper.config.faults import Fault, SettingsInvalid, faults_of
from gatekeeper.config.section import Section, demanding_only
from gatekeeper.config.sections import GateAlone, Settings
from gatekeeper.config.sources import gather, sections

__all__ = ["Fault", "GateAlone", "Settings", "SettingsInvalid", "load", "load_for_gate"]

# Of the keys without a default, those that the gate uses: a page of its own names somebody to write to
_NEEDED_BY_GATE: Final = {"product": {"support_email"}}


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of this file, or of `GATEKEEPER_CONFIG`, `./config/gatekeeper.toml` or `/etc/gatekeeper/gatekeeper.toml`.

    Raises:
        SettingsInvalid: with all faults.
    """
    return Settings(**_checked(path, environ, sections()))


def load_for_gate(path: Path | None, environ: Mapping[str, str]) -> GateAlone:
    """The same for a gate alone. What it has no use for may be missing: at an edge nobody should find the key of Stripe.

    Raises:
        SettingsInvalid: with all faults, also of what it has no use for, where that is set.
    """
    models = {name: demanding_only(_NEEDED_BY_GATE.get(name, ()), model) for name, model in sections().items()}
    valid = _checked(path, environ, models)
    return GateAlone(**{name: valid[name] for name in GateAlone.model_fields})


def _checked(path: Path | None, environ: Mapping[str, str], models: Mapping[str, type[Section]]) -> dict[str, Any]:
    """All sections, by these models. Raises SettingsInvalid."""
    found = gather(path, environ)
    if not found.whole:
        raise SettingsInvalid(found.faults)
    faults = list(found.faults)
    valid: dict[str, Any] = {}
    at_fault: set[str] = set()
    for name, model in models.items():
        section, wrong = _section(name, model, found.values.get(name, {}))
        if section is not None:
            valid[name] = section
        for key, said in wrong.items():
            at_fault.add(f"{name}.{key}")
            faults.extend(Fault(where=found.where(name, key), key=full_key, what=what) for full_key, what in said)
    for full_key, what in cross_check(valid):
        section_name, _, key = full_key.partition(".")
        if full_key not in at_fault:
            faults.append(Fault(where=found.where(section_name, key), key=full_key, what=what))
    if faults:
        raise SettingsInvalid(faults)
    return valid


def _section(
    name: str, model: type[Section], values: Mapping[str, Any]
) -> tuple[Section | None, dict[str, list[tuple[str, str]]]]:
    """The section and what is wrong with its keys. Wrong keys are left out, so that the others can still be checked."""
    try:
        return model.model_validate(values), {}
    except ValidationError as refusal:
        wrong = faults_of(refusal, name, model)
    try:
        return model.model_validate({key: value for key, value in values.items() if key not in wrong}), wrong
    except ValidationError:
        return None, wrong
