"""Make an adapter version of what was made elsewhere: queue an import that a worker fetches and checks."""

import re
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction

from adapters.access import find_base_revision
from adapters.adapter_source import AdapterUploads, FetchableAdapter, HubAdapter, SharedAdapter
from adapters.models import AdapterImport
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage.shared_places import address_of
from finetune_app.uploads.services.hand_over import complete, hand_over, listed
from finetune_app.web.body_limit import file_too_large
from finetune_app.work.wake_light_workers import wake_light_workers

REPO_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
NOTES_LENGTH = 10_000


def import_uploaded_adapter(
    access: Access, *, name: str, base: str, uploads: Sequence[UUID], notes: str = ""
) -> AdapterImport:
    """Queue the import of these files as the next version of the adapter `name`, which is made when it is new.

    Args:
        access: who asks, and where.
        name: the adapter.
        base: the base revision that it is bound to, `tiny@2`, or `tiny` for the newest.
        uploads: what the person sent, one archive or the files of the adapter's folder; they are used up by this.
        notes: what the person writes about it.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `invalid_reference`, `notes_too_long`, `file_too_large`, or what
            `hand_over` refuses.
        NotFound: there is no such base (422), or an upload is not theirs.
        OSError: the disk is full; the uploads are as they were.
    """
    found = _new(access, name=name, base=base, notes=notes)
    with complete(access, uploads) as files:
        # Files of a base model may be larger, and nobody knows before what an upload is for.
        if sum(file.size for file in files) > settings.UPLOAD_LIMIT_BYTES:
            raise file_too_large(settings.UPLOAD_LIMIT_BYTES)
        found.source = AdapterUploads().model_dump() | {"files": listed(files)}
        found.has_files = True
        hand_over(found, files)
    return found


def import_adapter_from(
    access: Access, *, name: str, base: str, source: FetchableAdapter, notes: str = ""
) -> AdapterImport:
    """Queue the import of what `source` names; the rest is as for uploads.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `invalid_reference`, `notes_too_long`, `invalid_repo_id`, or
            `source_unknown`. What is wrong with the rest, the worker finds out.
        NotFound: there is no such base (422).
    """
    found = _new(access, name=name, base=base, notes=notes)
    check_source(source)
    found.source = source.model_dump() | {"files": []}
    with transaction.atomic():
        found.save(force_insert=True)
        transaction.on_commit(wake_light_workers)
    return found


def check_source(source: FetchableAdapter) -> None:
    """Refuse what nobody can fetch.

    Raises:
        UserError: `invalid_repo_id`, or `source_unknown`.
    """
    match source:
        case HubAdapter() if not REPO_ID.fullmatch(source.repo_id):
            raise UserError("invalid_repo_id", "Name it as the hub does: owner/name.", field="repo_id")
        case SharedAdapter():
            address_of(settings.IMPORT_SOURCES, source.source)
        case _:
            pass


def _new(access: Access, *, name: str, base: str, notes: str) -> AdapterImport:
    access.require(Role.EDITOR)
    if len(notes) > NOTES_LENGTH:
        raise UserError("notes_too_long", f"Notes have at most {NOTES_LENGTH:,} characters.", field="notes")
    return AdapterImport(
        workspace=access.workspace,
        name=check_name(name),
        base_revision=find_base_revision(access, base, field="base"),
        notes=notes.strip(),
        created_by=access.user,
    )
