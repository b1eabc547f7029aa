"""Make a dataset version of uploads that are complete: hand their bytes to a worker, and queue the import."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.import_source import Uploads
from finetune_app.datasets.models import DatasetImport
from finetune_app.names import check_name
from finetune_app.uploads.services.hand_over import complete, hand_over, listed
from finetune_app.web.body_limit import file_too_large


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
        UserError: `not_allowed`, `invalid_name`, `file_too_large`, `no_files`, `upload_incomplete`, `upload_busy`
            (423), `upload_gone` (410), or `upload_lost` when some were moved and the rest could not be.
        NotFound: an upload is not theirs, or was used before.
        OSError: the disk is full; the uploads are as they were.
    """
    access.require(Role.EDITOR)
    name = check_name(name)
    with complete(access, uploads) as files:
        # Files of a base model may be larger than those of a dataset, and nobody knows before what an upload is for.
        if max(file.size for file in files) > settings.UPLOAD_LIMIT_BYTES:
            raise file_too_large(settings.UPLOAD_LIMIT_BYTES)
        found = DatasetImport(
            workspace=access.workspace,
            name=name,
            source=Uploads().model_dump() | {"files": listed(files)},
            has_files=True,
            options=dict(options or {}),
            created_by=access.user,
        )
        hand_over(found, files)
    return found
