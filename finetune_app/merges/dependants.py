"""What holds an adapter version or a base revision: the merged models that were made of it, or are being made."""

from collections.abc import Iterator

from django.db.models import QuerySet

from adapters.dependants import Dependant
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.merges.models import MergedModel
from finetune_app.work.states import OPEN_TASK_STATES, TaskState


def merged_from(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The merged models of the versions."""
    found = MergedModel.objects.filter(version__in=versions.values("pk"))
    for of, words in _named(found, "version_id"):
        yield Dependant(of, words)


def merged_into(revisions: QuerySet[BaseRevision]) -> Iterator[Dependant]:
    """The merged models that are one of the base revisions with an adapter in it."""
    found = MergedModel.objects.filter(base_revision__in=revisions.values("pk"))
    for of, words in _named(found, "base_revision_id"):
        yield Dependant(of, words)


def _named(found: QuerySet[MergedModel], of: str) -> Iterator[tuple[int, str]]:
    """Also those that failed: their page tells what was tried."""
    rows = found.order_by("id").values_list(of, "version__adapter__name", "version__number", "number", "state")
    for key, name, version, number, state in rows.iterator():
        yield key, f"merged model {number} of {name}@{version}{_state(state)}"


def _state(state: str) -> str:
    if state in OPEN_TASK_STATES:
        return ", which is being made"
    return ", which failed" if state == TaskState.FAILED else ""
