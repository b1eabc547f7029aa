"""What becomes of an import that was refused: it is tried again or given up; and its files go."""

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.imports.models import Import
from finetune_app.storage import incoming
from finetune_app.uploads.services.end_upload import KEPT
from finetune_app.work.states import TaskState
from finetune_app.work.wake_light_workers import wake_light_workers

UPLOADED = Q(source__kind="uploads")


def queue_again(found: Import, **changes: Any) -> None:
    """Queue a refused import once more, changed like this; one that is not refused, or has lost its files, stays."""
    refused = _rows(type(found)).filter(Q(has_files=True) | ~UPLOADED, pk=found.pk, state=TaskState.FAILED)
    with transaction.atomic():
        if refused.update(
            state=TaskState.QUEUED, error="", error_code="", result={}, losses=0, finished_at=None, **changes
        ):
            transaction.on_commit(wake_light_workers)
    found.refresh_from_db()


def give_up_import(access: Access, found: Import) -> None:
    """Forget an import and its files. A worker that holds it stops, and what it did is lost; what it became stays.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    _rows(type(found)).filter(pk=found.pk).delete()
    discard_files(found)


def discard_files(found: Import) -> None:
    """Delete what was sent or fetched; doing it again changes nothing."""
    for file in found.source["files"]:
        incoming.discard(file["id"])
    _rows(type(found)).filter(pk=found.pk).update(has_files=False)


def sweep_imports(model: type[Import]) -> None:
    """Delete the files of imports that succeeded just before their worker died, or that nobody tried again."""
    old = Q(state=TaskState.FAILED, finished_at__lt=timezone.now() - KEPT)
    for found in _rows(model).filter(old | Q(state=TaskState.SUCCEEDED), has_files=True):
        discard_files(found)


def _rows(model: type[Import]) -> QuerySet[Import]:
    return model._default_manager.all()  # noqa: SLF001 - the name by which any model's manager is found
