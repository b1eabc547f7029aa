"""The refusal of a base model that has more bytes than one may have. Pure."""

from finetune_app.errors import UserError


def base_too_large(size: int, limit: int) -> UserError:
    """`size` bytes are more than `limit`."""
    return UserError(
        "base_too_large",
        f"These files have {size / 2**30:,.1f} GiB together; the limit is {limit / 2**30:,.0f} GiB. Ask the "
        "administrator to raise GRAFT_BASE_LIMIT_GB.",
        field="file",
        status=413,
    )
