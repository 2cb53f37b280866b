"""The policy that the settings name, and both checked at once."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from gatekeeper.config import Fault, Settings, SettingsInvalid, load
from gatekeeper.config.sections import Policy as PolicySection
from gatekeeper.config.sources import gather
from gatekeeper.documents import countries, currencies
from gatekeeper.policy.reading import PolicyInvalid, policy_from
from gatekeeper.policy.segments import Policy, Surroundings
from gatekeeper.wiring.holidays import holidays_of, workweek_of
from gatekeeper.wiring.lines import line_of
from gatekeeper.wiring.places import shipped

_WORLD: Final = Surroundings(
    holidays=holidays_of,
    workweek=workweek_of,
    currencies=frozenset(code.lower() for code in currencies()),
    countries=countries(),
)


def load_checked(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings, if they and the policy that they name are sound.

    Raises:
        SettingsInvalid: with the faults of both.
    """
    try:
        settings = load(path, environ)
    except SettingsInvalid as refusal:
        raise SettingsInvalid((*refusal.faults, *_faults_of_policy(path, environ))) from refusal
    load_policy(settings)
    return settings


def load_policy(settings: Settings) -> Policy:
    """The policy that the settings name.

    Raises:
        SettingsInvalid: the policy file is missing or cannot be followed; every fault at once.
    """
    return load_policy_file(settings.policy.file, settings)


def load_policy_file(file: str, settings: Settings) -> Policy:
    """Any policy file, for this product. Raises SettingsInvalid as above."""
    document, _ = _document(file)
    return policy_of(document, settings, file)


def policy_document(settings: Settings) -> Mapping[str, Any]:
    """What the policy file that the settings name states, to be kept beside the cases that began with it."""
    return _document(settings.policy.file)[0]


def policy_of(document: Mapping[str, Any], settings: Settings, file: str) -> Policy:
    """The policy of a document, which stands in `file`, or once stood there. Raises SettingsInvalid as above."""
    product = settings.product
    surroundings = replace(
        _WORLD,
        time_zone=ZoneInfo(product.time_zone),
        country=product.country,
        support=product.support_office_hours,
    )
    return _read(document, file, surroundings, timedelta(days=settings.safety.first_run_age_limit_days))


def _faults_of_policy(path: Path | None, environ: Mapping[str, str]) -> tuple[Fault, ...]:
    """What is wrong with the policy of settings that are themselves at fault; nothing, if they do not say which it is."""
    found = gather(path, environ)
    file = found.values.get("policy", {}).get("file", PolicySection().file)
    if not found.whole or not isinstance(file, str) or not file:
        return ()
    try:
        _read(_document(file)[0], file, _WORLD, timedelta())
    except SettingsInvalid as refusal:
        return refusal.faults
    return ()


def _path_of(file: str) -> Path:
    path = Path(file)
    return shipped("config", str(Path(*path.parts[1:]))) if not path.exists() and path.parts[:1] == ("config",) else path


def _document(file: str) -> tuple[Mapping[str, Any], str]:
    path = _path_of(file)
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as fault:
        raise _refused(path, [f"cannot be read: {fault.strerror}"]) from fault
    except ValueError as fault:  # no TOML, or no UTF-8
        raise _refused(path, [f"is not TOML: {fault}"]) from fault


def _read(document: Mapping[str, Any], file: str, surroundings: Surroundings, first_run_age_limit: timedelta) -> Policy:
    try:
        return policy_from(document, surroundings, first_run_age_limit=first_run_age_limit)
    except PolicyInvalid as fault:
        text = _document(file)[1]
        lines = [f"line {line_of(text, place)}: {what}" for place, what in zip(fault.places, fault.faults, strict=True)]
        raise _refused(_path_of(file), lines) from fault


def _refused(path: Path, whats: Iterable[str]) -> SettingsInvalid:
    return SettingsInvalid(Fault(where=str(path), key="policy.file", what=what) for what in whats)
