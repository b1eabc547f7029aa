"""What becomes of an import that did not become a version: it is tried again or given up; and its files go."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.import_source import Fetchable
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.import_from import check_source
from finetune_app.storage import incoming
from finetune_app.uploads.services.end_upload import KEPT
from finetune_app.work.states import TaskState
from finetune_app.work.wake_light_workers import wake_light_workers

UPLOADED = Q(source__kind="uploads")


def import_again(
    access: Access, found: DatasetImport, options: Mapping[str, Any], source: Fetchable | None = None
) -> DatasetImport:
    """Try a refused import once more, its rows read in another way; one that is not refused stays as it is.

    Args:
        access: who asks.
        found: an import that the caller has reached.
        options: how the rows are read, as `upload_dataset` takes it.
        source: another split, revision or path, for one whose files were not fetched.

    Raises:
        UserError: `not_allowed`, `invalid_repo_id`, or `source_unknown`.
    """
    access.require(Role.EDITOR)
    changes: dict[str, Any] = {"options": dict(options)}
    if source is not None and not found.has_files:
        check_source(source)
        changes["source"] = source.model_dump() | {"files": []}
    refused = DatasetImport.objects.filter(Q(has_files=True) | ~UPLOADED, pk=found.pk, state=TaskState.FAILED)
    with transaction.atomic():
        if refused.update(
            state=TaskState.QUEUED, error="", error_code="", result={}, losses=0, finished_at=None, **changes
        ):
            transaction.on_commit(wake_light_workers)
    found.refresh_from_db()
    return found


def give_up_import(access: Access, found: DatasetImport) -> None:
    """Forget an import and its files. A worker that holds it stops, and what it did is lost; a version stays.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    DatasetImport.objects.filter(pk=found.pk).delete()
    discard_files(found)


def discard_files(found: DatasetImport) -> None:
    """Delete what was sent or fetched; doing it again changes nothing."""
    for file in found.source["files"]:
        incoming.discard(file["id"])
    DatasetImport.objects.filter(pk=found.pk).update(has_files=False)


def sweep_imports() -> None:
    """Delete the files of imports that succeeded just before their worker died, or that nobody tried again."""
    held = DatasetImport.objects.filter(has_files=True)
    old = Q(state=TaskState.FAILED, finished_at__lt=timezone.now() - KEPT)
    for found in held.filter(old | Q(state=TaskState.SUCCEEDED)):
        discard_files(found)
