"""Make a dataset version of files that lie elsewhere: queue an import that a worker fetches."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.import_source import Fetchable, HubDataset, SharedFiles
from finetune_app.datasets.models import DatasetImport
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage.shared_places import address_of
from finetune_app.work.wake_light_workers import wake_light_workers

REPO_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def import_from(
    access: Access, *, name: str, source: Fetchable, options: Mapping[str, Any] | None = None
) -> DatasetImport:
    """Queue the import of what `source` names as the next version of the dataset `name`, which is made when it is new.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `invalid_repo_id`, or `source_unknown`. What is wrong with the rest,
            the worker finds out.
    """
    access.require(Role.EDITOR)
    name = check_name(name)
    check_source(source)
    with transaction.atomic():
        found = DatasetImport.objects.create(
            workspace=access.workspace,
            name=name,
            source=source.model_dump() | {"files": []},
            options=dict(options or {}),
            created_by=access.user,
        )
        transaction.on_commit(wake_light_workers)
    return found


def check_source(source: Fetchable) -> None:
    """Refuse what nobody can fetch.

    Raises:
        UserError: `invalid_repo_id`, or `source_unknown`.
    """
    match source:
        case HubDataset() if not REPO_ID.fullmatch(source.repo_id):
            raise UserError(
                "invalid_repo_id",
                "Name it as the hub does: owner/name, for example HuggingFaceH4/ultrachat_200k.",
                field="repo_id",
            )
        case SharedFiles():
            address_of(settings.IMPORT_SOURCES, source.source)
        case _:
            pass
