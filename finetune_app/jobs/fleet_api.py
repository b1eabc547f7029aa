"""Workers over REST."""

from datetime import datetime
from typing import Literal, Self

from ninja import Field, Router, Schema

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.jobs.fleet_page import WorkerRow, worker_rows

router = Router()


class WorkerOut(Schema):
    """A process that carries out jobs, one at a time, of all workspaces."""

    name: str = Field(description="Unique; what attempts name as their worker.")
    state: Literal["idle", "busy", "gone"]
    job: int | None = Field(description="What it runs, when that is a job of this workspace.")
    kind: Literal["cuda", "cpu"]
    device: str
    memory_bytes: int = Field(description="Of one device.")
    gpus: int = Field(description="How many it holds; 0 of a processor.")
    cores: int
    has_bf16: bool = Field(description="Whether the device computes in bfloat16 by itself.")
    versions: dict[str, str] = Field(description="Of the driver and the libraries.")
    started_at: datetime
    seen_at: datetime = Field(description="When it last said that it lives.")

    @classmethod
    def of(cls, row: WorkerRow) -> Self:
        """The answer for one worker."""
        names = cls.model_fields.keys() - {"state", "job"}
        values = {name: getattr(row.worker, name) for name in names}
        return cls(state=row.state, job=row.job.number if row.job else None, **values)


class WorkersOut(Schema):
    """The workers that were there within a day."""

    items: list[WorkerOut]
    count: int


@router.get("", response=WorkersOut, summary="List workers")
def list_workers(request: ApiRequest) -> WorkersOut:
    """The training workers, those that are online first. They are shared by all workspaces."""
    items = [WorkerOut.of(row) for row in worker_rows(request.auth)]
    return WorkersOut(items=items, count=len(items))
