"""What becomes of an import that did not become a base revision: it is tried again or given up; and its files go."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from adapters.base_source import FetchableBase
from adapters.models import BaseImport
from adapters.services.import_base import check_base_source
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.storage import incoming
from finetune_app.uploads.services.end_upload import KEPT
from finetune_app.work.states import TaskState
from finetune_app.work.wake_light_workers import wake_light_workers

UPLOADED = Q(source__kind="uploads")


def import_base_again(access: Access, found: BaseImport, source: FetchableBase | None = None) -> BaseImport:
    """Try a refused import once more; one that is not refused stays as it is.

    Args:
        access: who asks.
        found: an import that the caller has reached.
        source: another repository, revision or path, for one that is fetched.

    Raises:
        UserError: `not_allowed`, `invalid_repo_id`, or `source_unknown`.
    """
    access.require(Role.EDITOR)
    changes: dict[str, Any] = {}
    if source is not None and not found.has_files:
        check_base_source(source)
        changes["source"] = source.model_dump() | {"files": []}
    refused = BaseImport.objects.filter(Q(has_files=True) | ~UPLOADED, pk=found.pk, state=TaskState.FAILED)
    with transaction.atomic():
        if refused.update(
            state=TaskState.QUEUED, error="", error_code="", result={}, losses=0, finished_at=None, **changes
        ):
            transaction.on_commit(wake_light_workers)
    found.refresh_from_db()
    return found


def give_up_base_import(access: Access, found: BaseImport) -> None:
    """Forget an import and its files. A worker that holds it stops, and what it did is lost; a revision stays.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    BaseImport.objects.filter(pk=found.pk).delete()
    discard_base_files(found)


def discard_base_files(found: BaseImport) -> None:
    """Delete what was sent; doing it again changes nothing."""
    for file in found.source["files"]:
        incoming.discard(file["id"])
    BaseImport.objects.filter(pk=found.pk).update(has_files=False)


def sweep_base_imports() -> None:
    """Delete the files of imports that succeeded just before their worker died, or that nobody tried again."""
    held = BaseImport.objects.filter(has_files=True)
    old = Q(state=TaskState.FAILED, finished_at__lt=timezone.now() - KEPT)
    for found in held.filter(old | Q(state=TaskState.SUCCEEDED)):
        discard_base_files(found)
