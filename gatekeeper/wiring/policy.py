"""The policy that the settings name, and both checked at once."""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gatekeeper.config import Fault, Settings, SettingsInvalid, load
from gatekeeper.config.sections import Policy
from gatekeeper.config.sources import gather
from gatekeeper.policy.rules import Rules, RulesInvalid, rules_from
from gatekeeper.wiring.places import shipped


def load_checked(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings, if they and the policy that they name are sound.

    Raises:
        SettingsInvalid: with the faults of both.
    """
    try:
        settings = load(path, environ)
    except SettingsInvalid as refusal:
        raise SettingsInvalid((*refusal.faults, *_faults_of_policy(path, environ))) from refusal
    load_rules(settings)
    return settings


def load_rules(settings: Settings) -> Rules:
    """The policy that the settings name.

    Raises:
        SettingsInvalid: the policy file is missing or cannot be followed; every fault at once.
    """
    return _rules(
        settings.policy.file,
        ZoneInfo(settings.product.time_zone),
        timedelta(days=settings.safety.first_run_age_limit_days),
    )


def _faults_of_policy(path: Path | None, environ: Mapping[str, str]) -> tuple[Fault, ...]:
    """What is wrong with the policy of settings that are themselves at fault; nothing, if they do not say which it is."""
    found = gather(path, environ)
    file = found.values.get("policy", {}).get("file", Policy().file)
    if not found.whole or not isinstance(file, str) or not file:
        return ()
    try:
        _rules(file, ZoneInfo("UTC"), timedelta())
    except SettingsInvalid as refusal:
        return refusal.faults
    return ()


def _rules(file: str, time_zone: ZoneInfo, first_run_age_limit: timedelta) -> Rules:
    path = Path(file)
    if not path.exists() and path.parts[:1] == ("config",):
        path = shipped("config", str(Path(*path.parts[1:])))

    def refused(*whats: Any) -> SettingsInvalid:
        return SettingsInvalid(Fault(where=str(path), key="policy.file", what=str(what)) for what in whats)

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return rules_from(document, time_zone=time_zone, first_run_age_limit=first_run_age_limit)
    except OSError as fault:
        raise refused(f"cannot be read: {fault.strerror}") from fault
    except RulesInvalid as fault:
        raise refused(*fault.faults) from fault
    except ValueError as fault:  # no TOML, or no UTF-8
        raise refused(f"is not TOML: {fault}") from fault
