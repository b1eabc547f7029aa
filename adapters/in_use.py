"""The refusal to delete what something depends on."""

from collections.abc import Sequence

from finetune_app.errors import UserError

NAMED_AT_ONCE = 5


def in_use_error(what: str, users: Sequence[str]) -> UserError:
    """409 `in_use`: the sentence names the first few, the details all of them."""
    named = "; ".join(users[:NAMED_AT_ONCE])
    more = f" and {len(users) - NAMED_AT_ONCE:,} more" if len(users) > NAMED_AT_ONCE else ""
    return UserError(
        "in_use",
        f"{what} cannot be deleted, because this depends on it: {named}{more}. Aliases can be moved and versions "
        "deleted first; what a job needs stays with it.",
        status=409,
        details=[{"used_by": user} for user in users],
    )
