"""Which adapter versions a workspace keeps."""

from adapters.models import RetentionRule
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import InvalidFields

MOST_KEPT = 10_000
MOST_DAYS = 36_500


def set_rule(access: Access, *, keep_last: int | None, keep_days: int | None, is_on: bool) -> RetentionRule:
    """Change the rule; nothing is deleted by that alone.

    Args:
        access: an admin's.
        keep_last: so many versions of each adapter stay; None: all of them.
        keep_days: younger ones stay in any case.
        is_on: whether it is carried out each day, or only on demand.

    Raises:
        UserError: `not_allowed`; `invalid_fields`: a number is out of bounds, or there is nothing to carry out.
    """
    access.require(Role.ADMIN)
    errors = {}
    if keep_last is not None and not 1 <= keep_last <= MOST_KEPT:
        errors["keep_last"] = f"A number from 1 to {MOST_KEPT:,}, or none."
    if keep_days is not None and not 1 <= keep_days <= MOST_DAYS:
        errors["keep_days"] = f"A number from 1 to {MOST_DAYS:,}, or none."
    if keep_days is not None and keep_last is None:
        errors["keep_last"] = "Say how many versions of each adapter stay: without that all of them do, of any age."
    if errors:
        raise InvalidFields(errors)
    rule, _ = RetentionRule.objects.update_or_create(
        workspace=access.workspace, defaults={"keep_last": keep_last, "keep_days": keep_days, "is_on": is_on}
    )
    return rule
