"""The only ways to reach imports: those of the caller's workspace."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from finetune_app.accounts.access import Access
from finetune_app.datasets.models import DatasetImport
from finetune_app.errors import NotFound
from finetune_app.work.states import OPEN_TASK_STATES, TaskState

SHOWN, SHOWN_FOR = 10, timedelta(days=7)


def imports_of(access: Access) -> QuerySet[DatasetImport]:
    """The workspace's imports, the newest first."""
    found = DatasetImport.objects.filter(workspace=access.workspace)
    return found.select_related("workspace", "version__dataset", "created_by").order_by("-id")


def imports_to_show(access: Access) -> QuerySet[DatasetImport]:
    """Those that are under way, and those that were refused and are not too old to be tried again."""
    refused = Q(state=TaskState.FAILED, finished_at__gt=timezone.now() - SHOWN_FOR)
    return imports_of(access).filter(Q(state__in=OPEN_TASK_STATES) | refused)[:SHOWN]


def get_import(access: Access, pk: int) -> DatasetImport:
    """One of them.

    Raises:
        NotFound: the workspace has no such import.
    """
    found = imports_of(access).filter(pk=pk).first()
    if found is None:
        raise NotFound("import", str(pk))
    return found
