"""What every part of the REST API says alike."""

from typing import Any

from ninja import Field, Schema


class ErrorOut(Schema):
    """How every error looks."""

    code: str = Field(description="Stable; match on this.")
    message: str = Field(description="One sentence for people.")
    field: str | None = Field(None, description="The key or form field at fault, e.g. `config.r`.")
    details: list[dict[str, Any]] | None = Field(
        None, description="One entry for each wrong field, or `row` and `reason` of the first 200 bad rows."
    )
