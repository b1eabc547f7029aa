"""What becomes of an import that did not become a version: it is tried again or given up; and its files go."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from adapters.access import find_base_revision
from adapters.adapter_source import FetchableAdapter
from adapters.models import AdapterImport
from adapters.services.import_adapter import check_source
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.storage import incoming
from finetune_app.uploads.services.end_upload import KEPT
from finetune_app.work.states import TaskState
from finetune_app.work.wake_light_workers import wake_light_workers

UPLOADED = Q(source__kind="uploads")


def import_adapter_again(
    access: Access, found: AdapterImport, *, base: str, source: FetchableAdapter | None = None
) -> AdapterImport:
    """Try a refused import once more, on this base; one that is not refused stays as it is.

    Args:
        access: who asks.
        found: an import that the caller has reached.
        base: the base revision, as `tiny@2`.
        source: another revision, folder or path, for one that is fetched.

    Raises:
        UserError: `not_allowed`, `invalid_reference`, `invalid_repo_id`, or `source_unknown`.
        NotFound: there is no such base (422).
    """
    access.require(Role.EDITOR)
    changes: dict[str, Any] = {"base_revision": find_base_revision(access, base, field="base")}
    if source is not None and not found.has_files:
        check_source(source)
        changes["source"] = source.model_dump() | {"files": []}
    refused = AdapterImport.objects.filter(Q(has_files=True) | ~UPLOADED, pk=found.pk, state=TaskState.FAILED)
    with transaction.atomic():
        if refused.update(
            state=TaskState.QUEUED, error="", error_code="", result={}, losses=0, finished_at=None, **changes
        ):
            transaction.on_commit(wake_light_workers)
    found.refresh_from_db()
    return found


def give_up_adapter_import(access: Access, found: AdapterImport) -> None:
    """Forget an import and its files. A worker that holds it stops, and what it did is lost; a version stays.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    AdapterImport.objects.filter(pk=found.pk).delete()
    discard_files(found)


def discard_files(found: AdapterImport) -> None:
    """Delete what was sent; doing it again changes nothing."""
    for file in found.source["files"]:
        incoming.discard(file["id"])
    AdapterImport.objects.filter(pk=found.pk).update(has_files=False)


def sweep_adapter_imports() -> None:
    """Delete the files of imports that succeeded just before their worker died, or that nobody tried again."""
    held = AdapterImport.objects.filter(has_files=True)
    old = Q(state=TaskState.FAILED, finished_at__lt=timezone.now() - KEPT)
    for found in held.filter(old | Q(state=TaskState.SUCCEEDED)):
        discard_files(found)
