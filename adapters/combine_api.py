"""Combinations of adapter versions over REST."""

from typing import Self

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Router, Schema
from ninja.responses import Status

from adapters.combination import CombinationOptions
from adapters.combine_access import get_combination
from adapters.models import RegistryTask
from adapters.services.combine_versions import combine_versions
from finetune_app.accounts.models import Role
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut
from finetune_app.work import run_task
from finetune_app.work.states import TaskState

router = Router()


class PartIn(Schema):
    """One version."""

    version: str = Field(description="`name@3`, `name@production`, or `name` for the newest.")
    weight: float = Field(1.0, description="Not 0; negative takes its effect away.")


class CombinationIn(Schema):
    """What to combine, and how."""

    name: str = Field(description="The adapter; a name that exists gets its next version.")
    versions: list[PartIn] = Field(description="2 to 8; the result is bound to the base of the first.")
    options: CombinationOptions = CombinationOptions()


class CombinationOut(Schema):
    """Where a combination stands. Ask `url` again until `state` is final."""

    id: int
    name: str
    state: TaskState = Field(description="`succeeded` and `failed` are final.")
    done: int = Field(description="Modules of `total`; both are 0 while nothing is known.")
    total: int
    error: ErrorOut | None
    version: str | None = Field(description="What it became: `name@2`.")
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, task: RegistryTask, request: HttpRequest) -> Self:
        """The task as JSON; its address is complete, host and all."""
        made = task.result if task.state == TaskState.SUCCEEDED else None
        failed = task.state == TaskState.FAILED
        return cls(
            id=task.pk,
            name=task.params["name"],
            state=TaskState(task.state),
            done=task.done,
            total=task.total,
            error=ErrorOut(code=task.error_code, message=task.error, **task.result) if failed else None,
            version=f"{made['adapter']}@{made['version']}" if made else None,
            url=request.build_absolute_uri(reverse("api:combination", kwargs={"pk": task.pk})),
        )


@router.post(
    "",
    response={202: CombinationOut, 403: ErrorOut, 422: ErrorOut},
    url_name="combinations",
    summary="Combine adapter versions",
)
def combine(request: ApiRequest, body: CombinationIn) -> Status[CombinationOut]:
    """Have a worker make one version of several; asking twice for the same makes one."""
    parts = [(part.version, part.weight) for part in body.versions]
    task = combine_versions(request.auth, name=body.name, parts=parts, options=body.options)
    return Status(202, CombinationOut.of(task, request))


@router.get(
    "/{int:pk}", response={200: CombinationOut, 404: ErrorOut}, url_name="combination", summary="One combination"
)
def show(request: ApiRequest, pk: int) -> CombinationOut:
    """Where it stands, and why it failed."""
    return CombinationOut.of(get_combination(request.auth, pk), request)


@router.post(
    "/{int:pk}/cancel", response={200: CombinationOut, 403: ErrorOut, 404: ErrorOut}, summary="Stop a combination"
)
def cancel(request: ApiRequest, pk: int) -> CombinationOut:
    """End it; nothing is saved."""
    request.auth.require(Role.EDITOR)
    task = get_combination(request.auth, pk)
    run_task.cancel(task)
    return CombinationOut.of(task, request)
