"""Ask a light worker to keep house in a workspace: to look what would go, or to take it away."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from adapters.models import RegistryTask, RetentionRule
from adapters.services.request_registry_task import request_registry_task
from adapters.states import RegistryTaskKind
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role, User, Workspace
from finetune_app.work.states import OPEN_TASK_STATES, TaskState

EACH = timedelta(days=1)
KEPT = 5  # of each kind the last results stay


def request_look(access: Access) -> RegistryTask:
    """A dry run, which deletes nothing; the one that waits or runs when there is one.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    return _request(access.workspace, carry_out=False, user=access.user)


def request_run(access: Access) -> RegistryTask:
    """A run that deletes what the rule lets go and what nothing names; the one that waits or runs when there is one.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.ADMIN)
    return _request(access.workspace, carry_out=True, user=access.user)


def newest_tidying(workspace: Workspace, *, carry_out: bool) -> tuple[RegistryTask | None, RegistryTask | None]:
    """The newest task, and the newest that succeeded, which may be the same."""
    tasks = _tasks(workspace, carry_out=carry_out)
    return tasks.first(), tasks.filter(state=TaskState.SUCCEEDED).first()


def sweep_rules() -> None:
    """Ask for the daily run of each workspace whose rule is on. Safe at any time."""
    before = timezone.now() - EACH
    due = RetentionRule.objects.filter(Q(last_run_at=None) | Q(last_run_at__lt=before), is_on=True)
    for rule in due.select_related("workspace"):
        last = _tasks(rule.workspace, carry_out=True).first()
        if last is None or last.created_at < before:  # also one that failed is not asked for again at each sweep
            _request(rule.workspace, carry_out=True, user=None)


def _request(workspace: Workspace, *, carry_out: bool, user: User | None) -> RegistryTask:
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        tasks = _tasks(workspace, carry_out=carry_out)
        if (found := tasks.filter(state__in=OPEN_TASK_STATES).first()) is not None:
            return found
        RegistryTask.objects.filter(pk__in=list(tasks.values_list("pk", flat=True)[KEPT:])).delete()
        params = {"carry_out": carry_out, "asked_at": timezone.now().isoformat()}
        return request_registry_task(workspace, RegistryTaskKind.TIDY, params, user=user)


def _tasks(workspace: Workspace, *, carry_out: bool) -> QuerySet[RegistryTask]:
    found = RegistryTask.objects.filter(workspace=workspace, kind=RegistryTaskKind.TIDY, params__carry_out=carry_out)
    return found.order_by("-id")
