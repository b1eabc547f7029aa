"""Make a dataset version of uploads that are complete: hand their bytes to a worker, and queue the import."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.import_source import Uploads
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.wake_light_workers import wake_light_workers
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage import incoming
from finetune_app.uploads.access import get_upload
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.end_upload import remove_upload


def import_uploads(
    access: Access, *, name: str, uploads: Sequence[UUID], options: Mapping[str, Any] | None = None
) -> DatasetImport:
    """Queue the import of these files, in this order, as the next version of the dataset `name`.

    Args:
        access: who asks, and where.
        name: the dataset; made when it is new.
        uploads: what the person sent; they are used up by this.
        options: how the rows are read, as `upload_dataset` takes it.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `no_files` or `upload_incomplete`.
        NotFound: an upload is not theirs, or was used before.
    """
    access.require(Role.EDITOR)
    name = check_name(name)
    files = [_complete(get_upload(access, pk)) for pk in dict.fromkeys(uploads)]
    if not files:
        raise UserError("no_files", "Choose at least one file.", field="file")
    listed = [{"id": str(file.pk), "file_name": file.file_name, "size": file.size} for file in files]
    with transaction.atomic():
        found = DatasetImport.objects.create(
            workspace=access.workspace,
            name=name,
            source=Uploads().model_dump() | {"files": listed},
            has_files=True,
            options=dict(options or {}),
            created_by=access.user,
        )
        for file in files:
            incoming.hand_over(file.path, str(file.pk))
            remove_upload(file)
        transaction.on_commit(wake_light_workers)
    return found


def _complete(upload: Upload) -> Upload:
    if not upload.is_complete:
        raise UserError(
            "upload_incomplete",
            f"{upload.received:,} of {upload.size:,} bytes of {upload.file_name} are here. Send the rest first.",
            field="file",
        )
    return upload
