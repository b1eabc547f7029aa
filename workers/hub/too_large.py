"""The refusal of more bytes than an import may fetch."""

from finetune_app.errors import UserError


def refuse_too_large(size: int, limit: int) -> None:
    """Refuse files that have `size` bytes together when `limit` is less.

    Raises:
        UserError: `import_too_large`.
    """
    if size > limit:
        raise UserError(
            "import_too_large",
            f"These files have {_text(size)} together; the limit is {_text(limit)}. Choose fewer of them, or ask the "
            "administrator to raise GRAFT_UPLOAD_LIMIT_MB.",
        )


def _text(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB"
