"""What all sections have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen; an unknown key is a fault; no message repeats a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=False)
