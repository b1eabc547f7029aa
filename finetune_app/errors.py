"""Errors that a person can act on: a stable code, one sentence, and the field that it belongs to.

Anything that is not a `UserError` is a defect of Graft and becomes a logged 500. This module is pure, so services,
views, the REST API and the workers share it.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class WorkOver(Exception):
    """The work was ended by somebody else (its worker was thought lost), so what it says no longer counts."""


class UserError(Exception):
    """Something the person can mend.

    Args:
        code: stable, snake_case; REST clients match on it.
        message: one sentence for people, ending with what to do next.
        field: the form field or JSON key at fault, "" when there is none.
        status: the HTTP status that REST answers with.
        details: further facts for REST (e.g. the bad rows), JSON-serialisable.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        status: int = 422,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.status = status
        self.details = [dict(item) for item in details]

    def as_json(self) -> dict[str, Any]:
        """The REST error body: `code`, `message` and, where there are any, `field` and `details`."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field:
            body["field"] = self.field
        if self.details:
            body["details"] = self.details
        return body


class InvalidFields(UserError):
    """Several fields are wrong at once: `errors` maps each field to its sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        first = next(iter(errors))
        super().__init__(
            "invalid_fields",
            errors[first],
            field=first,
            details=[{"field": field, "message": message} for field, message in errors.items()],
        )
        self.errors = dict(errors)


class NotFound(UserError):
    """The object does not exist in this workspace, or the caller may not know that it does."""

    def __init__(self, what: str, name: str, *, field: str = "", status: int = 404) -> None:
        slug = what.lower().replace(" ", "_")
        super().__init__(
            f"{slug}_not_found",
            f"There is no {what} “{name}” in this workspace.",
            field=field,
            status=status,
        )
