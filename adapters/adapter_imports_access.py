"""The only ways to reach imports of adapters: those of the caller's workspace."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from adapters.models import AdapterImport
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.work.states import OPEN_TASK_STATES, TaskState

SHOWN, SHOWN_FOR = 10, timedelta(days=7)


def adapter_imports_of(access: Access) -> QuerySet[AdapterImport]:
    """The workspace's imports, the newest first."""
    found = AdapterImport.objects.filter(workspace=access.workspace)
    related = ("workspace", "version__adapter", "base_revision__base_model", "created_by")
    return found.select_related(*related).order_by("-id")


def adapter_imports_to_show(access: Access) -> QuerySet[AdapterImport]:
    """Those that are under way, and those that were refused and are not too old to be tried again."""
    refused = Q(state=TaskState.FAILED, finished_at__gt=timezone.now() - SHOWN_FOR)
    return adapter_imports_of(access).filter(Q(state__in=OPEN_TASK_STATES) | refused)[:SHOWN]


def get_adapter_import(access: Access, pk: int) -> AdapterImport:
    """One of them.

    Raises:
        NotFound: the workspace has no such import.
    """
    found = adapter_imports_of(access).filter(pk=pk).first()
    if found is None:
        raise NotFound("import", str(pk))
    return found
