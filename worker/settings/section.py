"""What every section of the file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and closed: a key that is not here is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
