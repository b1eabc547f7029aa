"""The queue over REST: the order and the priorities of waiting jobs."""

from typing import Self

from ninja import Field, Router, Schema
from pydantic import ConfigDict, model_validator

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.jobs.access import get_job
from finetune_app.jobs.priorities import Priority
from finetune_app.jobs.schemas import JobDetailOut
from finetune_app.jobs.services.reorder_queue import Move, move_before, move_in_queue, set_priority
from finetune_app.web.schemas import ErrorOut

router = Router()
ERRORS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}


class MoveIn(Schema):
    """Where a waiting job goes: exactly one of both."""

    model_config = ConfigDict(extra="forbid")

    to: Move | None = Field(None, description="Among the jobs of the same priority.")
    before: int | None = Field(None, description="The number of a waiting job of the same priority.")

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """Neither none nor both."""
        if (self.to is None) == (self.before is None):
            raise ValueError("Name either `to` or `before`.")
        return self


class PriorityIn(Schema):
    """The priority that a waiting job gets."""

    model_config = ConfigDict(extra="forbid")

    priority: Priority


@router.post("/{int:number}/move", response={200: JobDetailOut, **ERRORS}, summary="Move a waiting job")
def move(request: ApiRequest, number: int, payload: MoveIn) -> JobDetailOut:
    """Let a job start sooner or later than other waiting jobs of the workspace. One that runs is refused: 409."""
    if payload.before is not None:
        move_before(request.auth, number, payload.before)
    elif payload.to is not None:
        move_in_queue(request.auth, number, payload.to)
    return JobDetailOut.of(get_job(request.auth, number))


@router.post("/{int:number}/priority", response={200: JobDetailOut, **ERRORS}, summary="Give a job a priority")
def priority(request: ApiRequest, number: int, payload: PriorityIn) -> JobDetailOut:
    """Of two waiting jobs the one with the higher priority starts first. A job that runs is refused: 409."""
    set_priority(request.auth, number, payload.priority)
    return JobDetailOut.of(get_job(request.auth, number))
