"""Queue the import of a base model: of uploads that are complete, or of files that a worker fetches."""

import re
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction

from adapters.base_source import BaseUploads, FetchableBase, HubModel, SharedBase
from adapters.models import BaseImport
from adapters.services.register_base import check_base_name
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.storage.shared_places import address_of
from finetune_app.uploads.services.hand_over import complete, hand_over, listed
from finetune_app.uploads.too_large import base_too_large
from finetune_app.work.wake_light_workers import wake_light_workers

REPO_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def import_base_from(access: Access, *, name: str, source: FetchableBase) -> BaseImport:
    """Queue the import of what `source` names as a revision of the base model `name`, which is made when it is new.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `invalid_repo_id`, or `source_unknown`. What is wrong with the rest,
            the worker finds out.
    """
    access.require(Role.EDITOR)
    name = check_base_name(name)
    check_base_source(source)
    with transaction.atomic():
        found = BaseImport.objects.create(
            workspace=access.workspace,
            name=name,
            source=source.model_dump() | {"files": []},
            created_by=access.user,
        )
        transaction.on_commit(wake_light_workers)
    return found


def import_base_uploads(access: Access, *, name: str, uploads: Sequence[UUID]) -> BaseImport:
    """Queue the import of these files as a revision of the base model `name`; the uploads are used up by this.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `base_too_large`, `same_name_twice`, `no_files`, `upload_incomplete`,
            `upload_busy` (423), `upload_gone` (410), or `upload_lost`.
        NotFound: an upload is not theirs, or was used before.
        OSError: the disk is full; the uploads are as they were.
    """
    access.require(Role.EDITOR)
    name = check_base_name(name)
    with complete(access, uploads) as files:
        if (size := sum(file.size for file in files)) > settings.BASE_LIMIT_BYTES:
            raise base_too_large(size, settings.BASE_LIMIT_BYTES)
        names = [file.file_name for file in files]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(
                "same_name_twice", f"Two files have the name {twice[0]}. Send the files of one folder.", field="file"
            )
        found = BaseImport(
            workspace=access.workspace,
            name=name,
            source=BaseUploads().model_dump() | {"files": listed(files)},
            has_files=True,
            created_by=access.user,
        )
        hand_over(found, files)
    return found


def check_base_source(source: FetchableBase) -> None:
    """Refuse what nobody can fetch.

    Raises:
        UserError: `invalid_repo_id`, or `source_unknown`.
    """
    match source:
        case HubModel() if not REPO_ID.fullmatch(source.repo_id):
            raise UserError(
                "invalid_repo_id",
                "Name it as the hub does: owner/name, for example HuggingFaceTB/SmolLM2-135M-Instruct.",
                field="repo_id",
            )
        case SharedBase():
            address_of(settings.IMPORT_SOURCES, source.source)
        case _:
            pass
