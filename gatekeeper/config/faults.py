"""What is wrong with the settings, in words that say what to do."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gatekeeper.config.kinds import Allowed
from gatekeeper.config.section import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`where`: the file or environment variable that says so; `key` like `stripe.api_key`, or empty. Never shows a value."""

    where: str
    key: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.what) if part)


class SettingsInvalid(ValueError):
    """The settings cannot be used; `faults` are all that is wrong with them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(["the settings cannot be used:", *(f"  {fault}" for fault in self.faults)]))


def keys_of(section: type[Section]) -> dict[str, FieldInfo]:
    """The fields by the names that settings files use."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def allowed_of(field: FieldInfo) -> Allowed:
    """What the field takes; every key says it once, in `sections`."""
    return next(said for said in field.metadata if isinstance(said, Allowed))


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or empty."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1)), "")


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice for an unknown word."""
    close = closest(word, known)
    return f"did you mean {close}?" if close else f"known are {', '.join(sorted(known))}"


def faults_of(refusal: ValidationError, name: str, section: type[Section]) -> dict[str, list[tuple[str, str]]]:
    """By key of the section: full key and what is wrong, for everything that pydantic refuses in it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for error in refusal.errors(include_url=False, include_input=False):
        key = str(error["loc"][0])
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
        found.setdefault(key, []).append((f"{name}{steps}", _what(dict(error), keys_of(section))))
    return found


def _what(error: dict[str, Any], keys: dict[str, FieldInfo]) -> str:
    key, *inside = error["loc"]
    if error["type"] == "extra_forbidden":
        return f"is no setting; {nearest(key, keys)}" if not inside else "is no setting"
    if error["type"] == "missing" and inside:
        return "is missing"
    allowed = f"must be: {allowed_of(keys[key]).text}"
    if error["type"] == "missing":
        return f"is missing; {allowed}"
    wrong = str(error["ctx"]["error"]) if error["type"] == "value_error" else re.sub("^Input should be", "not", error["msg"])
    return f"{allowed} ({wrong})"
