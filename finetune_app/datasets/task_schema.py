"""A dataset task as JSON over REST: where it stands, and what it found."""

from typing import Annotated, Any, Self

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Query, Schema

from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.task_states import TaskKind
from finetune_app.work.states import TaskState

Again = Annotated[bool, Query(description="Try once more what failed before.")]


class TaskErrorOut(Schema):
    """Why a task failed."""

    code: str = Field(description="Stable; match on this.")
    message: str = Field(description="One sentence for people.")


class DatasetTaskOut(Schema):
    """One piece of work on a dataset version, done by a worker. Ask `url` again until `state` is final."""

    id: int
    kind: TaskKind
    state: TaskState = Field(description="`succeeded` and `failed` are final.")
    done: int = Field(description="Of `total`; both are 0 while nothing is known.")
    total: int
    error: TaskErrorOut | None
    result: dict[str, Any] | None = Field(description="What it found, once it succeeded.")
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, task: DatasetTask, request: HttpRequest | None = None) -> Self:
        """The task as JSON; with `request` the address is complete, host and all."""
        version = task.version
        path = reverse(
            "api:dataset_task", kwargs={"name": version.dataset.name, "number": version.number, "task_id": task.pk}
        )
        return cls(
            id=task.pk,
            kind=TaskKind(task.kind),
            state=TaskState(task.state),
            done=task.done,
            total=task.total,
            error=TaskErrorOut(code=task.error_code, message=task.error) if task.state == TaskState.FAILED else None,
            result=task.result if task.state == TaskState.SUCCEEDED else None,
            url=request.build_absolute_uri(path) if request else path,
        )
