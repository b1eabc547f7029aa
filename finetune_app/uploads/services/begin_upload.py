"""Begin to send a file in pieces."""

from django.conf import settings

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.uploads.access import uploads_of
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.end_upload import sweep_uploads
from finetune_app.uploads.too_large import base_too_large
from finetune_app.web.body_limit import file_too_large

OPEN_AT_ONCE = 100  # of one person; a folder of files is one upload each


def begin_upload(access: Access, *, file_name: str, size: int, is_of_base: bool = False) -> Upload:
    """An upload that awaits its first byte.

    Args:
        access: who sends it, and where.
        file_name: without a folder.
        size: in bytes.
        is_of_base: it is a file of a base model, which may be larger.

    Raises:
        UserError: `not_allowed`, `file_too_large`, or `too_many_uploads`.
    """
    access.require(Role.EDITOR)
    if is_of_base and size > settings.BASE_LIMIT_BYTES:
        raise base_too_large(size, settings.BASE_LIMIT_BYTES)
    if not is_of_base and size > settings.UPLOAD_LIMIT_BYTES:
        raise file_too_large(settings.UPLOAD_LIMIT_BYTES)
    if uploads_of(access).count() >= OPEN_AT_ONCE:
        raise UserError(
            "too_many_uploads",
            f"You have {OPEN_AT_ONCE} unfinished uploads. Finish or delete some first.",
            field="file",
            status=429,
        )
    sweep_uploads()
    upload = Upload.objects.create(
        workspace=access.workspace, created_by=access.user, file_name=file_name[-255:], size=size
    )
    upload.path.parent.mkdir(parents=True, exist_ok=True)
    upload.path.touch(mode=0o600)
    return upload
