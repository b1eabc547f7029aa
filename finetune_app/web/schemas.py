"""What every part of the REST API says alike."""

from typing import Annotated, Any

from ninja import Field, Query, Schema

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0)]


class ErrorOut(Schema):
    """How every error looks."""

    code: str = Field(description="Stable; match on this.")
    message: str = Field(description="One sentence for people.")
    field: str | None = Field(None, description="The key or form field at fault, e.g. `config.r`.")
    details: list[dict[str, Any]] | None = Field(
        None, description="One entry for each wrong field, or `row` and `reason` of the first 200 bad rows."
    )
