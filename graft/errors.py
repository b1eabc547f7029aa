"""What goes wrong, in the server's own words where the server spoke."""

from collections.abc import Mapping, Sequence
from typing import Any


class GraftError(Exception):
    """A call that did not succeed.

    Args:
        code: stable; match on this. Those of the client itself are named where they are raised.
        message: one sentence for people.
        field: the key at fault, "" when there is none.
        status: the HTTP status, 0 when no answer came.
        details: further facts, e.g. the bad rows.
    """

    def __init__(
        self, code: str, message: str, *, field: str = "", status: int = 0, details: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.status = status
        self.details = [dict(item) for item in details]

    @classmethod
    def of(cls, body: Mapping[str, Any], *, status: int = 0) -> "GraftError":
        """The error that a body of REST (`code`, `message`, perhaps `field` and `details`) tells."""
        return cls(
            str(body["code"]),
            str(body["message"]),
            field=body.get("field") or "",
            status=status,
            details=body.get("details") or (),
        )

    def as_json(self) -> dict[str, Any]:
        """As the server says it."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field:
            body["field"] = self.field
        if self.details:
            body["details"] = self.details
        return body
