"""The one check of a base that is built by Python of its own: nobody runs it before an admin allowed that revision."""

from adapters.models import BaseRevision
from finetune_app.errors import UserError


def require_code_allowed(base: BaseRevision, *, field: str = "base_model") -> None:
    """Refuse a base whose own code may not run.

    Raises:
        UserError: `base_code_not_allowed`; it belongs to the form field `field`.
    """
    if base.has_code and not base.trust_remote_code:
        raise UserError(
            "base_code_not_allowed",
            f"{base} is built by Python of its own, which an admin has not allowed. Ask one to look at it on the "
            "revision's page, or choose another base.",
            field=field,
        )


def may_run_code(base: BaseRevision) -> bool:
    """Whether a worker may run the base's own code."""
    return base.has_code and base.trust_remote_code
