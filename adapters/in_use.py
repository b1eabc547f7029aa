"""The refusal to delete what something depends on."""

from collections.abc import Sequence

from finetune_app.errors import UserError

NAMED_AT_ONCE = 5
ADVICE = "Aliases can be moved, merged models and versions deleted first; what a job needs stays with it."


def in_use_error(what: str, users: Sequence[str], *, advice: str = ADVICE) -> UserError:
    """409 `in_use`: the sentence names the first few, the details all of them."""
    named = "; ".join(users[:NAMED_AT_ONCE])
    more = f" and {len(users) - NAMED_AT_ONCE:,} more" if len(users) > NAMED_AT_ONCE else ""
    return UserError(
        "in_use",
        f"{what} cannot be deleted, because this depends on it: {named}{more}. {advice}",
        status=409,
        details=[{"used_by": user} for user in users],
    )
