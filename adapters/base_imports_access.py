"""The only ways to reach imports of base models: those of the caller's workspace."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from adapters.models import BaseImport
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.work.states import OPEN_TASK_STATES, TaskState

SHOWN, SHOWN_FOR = 10, timedelta(days=7)


def base_imports_of(access: Access) -> QuerySet[BaseImport]:
    """The workspace's imports, the newest first."""
    found = BaseImport.objects.filter(workspace=access.workspace)
    return found.select_related("workspace", "revision__base_model", "created_by").order_by("-id")


def base_imports_to_show(access: Access) -> QuerySet[BaseImport]:
    """Those that are under way, and those that were refused and are not too old to be tried again."""
    refused = Q(state=TaskState.FAILED, finished_at__gt=timezone.now() - SHOWN_FOR)
    return base_imports_of(access).filter(Q(state__in=OPEN_TASK_STATES) | refused)[:SHOWN]


def get_base_import(access: Access, pk: int) -> BaseImport:
    """One of them.

    Raises:
        NotFound: the workspace has no such import.
    """
    found = base_imports_of(access).filter(pk=pk).first()
    if found is None:
        raise NotFound("import", str(pk))
    return found
