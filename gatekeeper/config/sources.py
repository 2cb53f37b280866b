"""Where values come from: a TOML file, over it the environment, over that files which the environment names."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard, get_origin

from pydantic.fields import FieldInfo

from gatekeeper.config.faults import Fault, allowed_of, closest, keys_of, nearest
from gatekeeper.config.section import Section
from gatekeeper.config.sections import ContactsFrom, Settings

SEARCHED = (Path("config/gatekeeper.toml"), Path("/etc/gatekeeper/gatekeeper.toml"))
_PREFIX = "GATEKEEPER__"
_NO_FILE = "no settings file (looked for " + " and ".join(map(str, SEARCHED)) + ")"


@dataclass(slots=True)
class Found:
    """Raw values by section and key, where each came from, and what is wrong with names and texts.

    `whole`: the file could be read; otherwise nothing is known of what is missing.
    """

    file: str
    whole: bool = True
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    origins: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def where(self, section: str, key: str) -> str:
        return self.origins.get((section, key), self.file)


def gather(path: Path | None, environ: Mapping[str, str]) -> Found:
    """Everything that file and environment say, unchecked but for the names."""
    chosen = path or _named(environ) or next((place for place in SEARCHED if place.is_file()), None)
    found = Found(file=str(chosen or _NO_FILE))
    if chosen is not None:
        found.whole = _read(chosen, found)
    for name in sorted(environ):
        # GATEKEEPER_STRIPE__API_KEY is a slip for one of ours; GATEKEEPER_SERVICE_HOST comes from Kubernetes
        if name.startswith("GATEKEEPER_") and "__" in name:
            _take(name, environ[name], found)
    return found


def sections() -> dict[str, type[Section]]:
    """The section classes by name."""
    return {name: field.annotation for name, field in Settings.model_fields.items() if _is_section(field.annotation)}


def _is_section(annotation: object) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def variables() -> dict[str, tuple[str, str]]:
    """The environment variables of all keys, those that name a file for a secret included, with section and key."""
    return {
        f"{_PREFIX}{section}__{key}{suffix}".upper(): (section, key)
        for section, model in sections().items()
        for key, field in keys_of(model).items()
        for suffix in (("", "_FILE") if allowed_of(field).secret else ("",))
    }


def _named(environ: Mapping[str, str]) -> Path | None:
    return Path(environ["GATEKEEPER_CONFIG"]) if environ.get("GATEKEEPER_CONFIG") else None


def _read(path: Path, found: Found) -> bool:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        found.faults.append(Fault(where=str(path), key="", what=f"cannot be read: {fault.strerror}"))
        return False
    except ValueError as fault:  # TOMLDecodeError, which says the line, and UnicodeDecodeError
        found.faults.append(Fault(where=str(path), key="", what=f"is not TOML: {fault}"))
        return False
    known = sections()
    for section, values in document.items():
        if section not in known:
            found.faults.append(Fault(where=str(path), key=section, what=f"is no section; {nearest(section, known)}"))
        elif not isinstance(values, dict):
            found.faults.append(Fault(where=str(path), key=section, what=f"is a section: write [{section}]"))
        else:
            found.values[section] = values
    return True


def _take(name: str, text: str, found: Found) -> None:
    known = variables()
    where = f"environment variable {name}"
    if name not in known:
        found.faults.append(Fault(where=where, key="", what=f"names no setting; {_advice(name, known)}"))
        return
    section, key = known[name]
    if found.where(section, key) != found.file:
        found.faults.append(Fault(where=where, key=f"{section}.{key}", what=f"is also set by {found.where(section, key)}"))
        return
    found.origins[section, key] = where
    try:
        field = keys_of(sections()[section])[key]
        if name != f"{_PREFIX}{section}__{key}".upper():
            text = Path(text).read_text(encoding="utf-8").strip()
        found.values.setdefault(section, {})[key] = _value(text, field)
    except OSError as fault:
        found.faults.append(
            Fault(where=where, key=f"{section}.{key}", what=f"names a file that cannot be read: {fault.strerror}")
        )
    except ValueError:
        allowed = allowed_of(field).text
        found.faults.append(Fault(where=where, key=f"{section}.{key}", what=f"is no TOML or JSON value; must be: {allowed}"))


def _advice(name: str, known: Iterable[str]) -> str:
    short = {variable.removeprefix(_PREFIX) for variable in known}
    close = closest(name.removeprefix("GATEKEEPER").lstrip("_"), short)
    return f"did you mean {_PREFIX}{close}?" if close else "it must be GATEKEEPER__SECTION__KEY, see docs/settings.md"


def _value(text: str, field: FieldInfo) -> Any:
    """A text is taken as it is; a number, list or table is a TOML or JSON value. A list of one may go without brackets."""
    listed = get_origin(field.annotation) is tuple
    if not listed and field.annotation not in {int, ContactsFrom}:
        return text
    if listed and not text.startswith("["):
        return [text]
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return json.loads(text)
    if len(document) > 1:
        raise ValueError("a line break, and more keys after it")
    return document["value"]
