"""Writes docs/settings.md from the settings' own descriptions: `python docs/make_settings.py`."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gatekeeper.config.faults import allowed_of, keys_of
from gatekeeper.config.sources import sections

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings

Made by `python docs/make_settings.py` from `gatekeeper/config/`; change the descriptions there.

The settings are read once at the start from the file that `--config` or the environment variable `GATEKEEPER_CONFIG` names,
else from `./config/gatekeeper.toml`, else from `/etc/gatekeeper/gatekeeper.toml`. No file is needed where the environment says
everything. `config/gatekeeper.toml` is a complete example.

Each key can be set by an environment variable too, which goes before the file. Numbers, lists and tables are written there as
in TOML or JSON; a list of one may go without brackets. A **secret** can also be read from a file: add `_FILE` to the variable's
name and give the path. `gatekeeper check-config` reports every fault at once and ends with 78 if there is one. An unknown key
or variable is a fault.

A gate alone (`gatekeeper gate`) asks for less: of the keys that must be set only `product.support_email`. What to give it, and
what not: [a gate on another machine](operations.md#a-gate-on-another-machine).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(name, model) for name, model in sections().items())])


def _section(name: str, model: type[BaseModel]) -> str:
    rows = [_row(name, key, field) for key, field in keys_of(model).items()]
    return "\n".join(
        [
            f"## {name}\n",
            f"{model.__doc__}\n",
            "| key | allowed | default | what it does | environment |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(section: str, key: str, field: FieldInfo) -> str:
    allowed = allowed_of(field)
    kind = f"{allowed.text} (secret)" if allowed.secret else allowed.text
    variable = f"`GATEKEEPER__{section}__{key}`".upper()
    cells = [f"`{key}`", kind, _default(field), field.description or "", variable]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**none, must be set**"
    shown = _toml(field.default)
    return "empty" if shown in {'""', "[]"} else f"`{shown}`"


def _toml(value: Any) -> str:
    match value:
        case SecretStr():  # a default is no secret
            return _toml(value.get_secret_value())
        case BaseModel():
            return (
                "{ "
                + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.model_dump(exclude_defaults=True).items())
                + " }"
            )
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
