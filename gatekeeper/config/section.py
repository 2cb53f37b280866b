"""What all sections have in common, and how a command asks for less of one."""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model


class Section(BaseModel):
    """Frozen; an unknown key is a fault; no message repeats a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=False)


def demanding_only(needed: Collection[str], section: type[Section]) -> type[Section]:
    """The section, of whose keys without a default only these must be set. The others are empty where nobody sets them.

    What is set is checked as ever. Empty can be only a text or a secret: other keys have a default.
    """
    left: dict[str, Any] = {
        name: (Annotated[(field.annotation, *field.metadata)], Field(field.annotation(""), alias=field.alias))
        for name, field in section.model_fields.items()
        if field.annotation is not None and field.is_required() and name not in needed
    }
    return create_model(section.__name__, __base__=section, **left) if left else section
