"""Have a worker measure how versions changed the weights; what was asked before is there at once."""

from collections.abc import Sequence

from adapters.models import AdapterVersion, RegistryTask
from adapters.services.request_registry_task import request_registry_task
from adapters.states import RegistryTaskKind
from finetune_app.accounts.access import Access
from finetune_app.comparison.deltas import Deltas


def ask_deltas(access: Access, versions: Sequence[AdapterVersion], *, again: bool = False) -> RegistryTask:
    """The task for these versions in whatever order: every member may ask. What failed stays so until `again`."""
    params = {"versions": [[version.pk, version.manifest_sha256] for version in _in_task_order(versions)]}
    return request_registry_task(access.workspace, RegistryTaskKind.DELTAS, params, user=access.user, again=again)


def deltas_of(task: RegistryTask, versions: Sequence[AdapterVersion]) -> Deltas:
    """What the task found, in the order of `versions`, for which it was asked."""
    places = {version.pk: place for place, version in enumerate(_in_task_order(versions))}
    return Deltas.model_validate(task.result).in_order([places[version.pk] for version in versions])


def _in_task_order(versions: Sequence[AdapterVersion]) -> list[AdapterVersion]:
    return sorted(versions, key=lambda version: version.pk)
