"""The limits of the workspace over REST."""

from ninja import Field, Router, Schema
from pydantic import ConfigDict

from finetune_app.accounts.models import Workspace
from finetune_app.accounts.services.set_limits import set_limits
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut

router = Router()


class Limits(Schema):
    """How much of the shared workers the workspace may take."""

    model_config = ConfigDict(extra="forbid")

    max_running_jobs: int | None = Field(description="At a time; null: as many as workers take.")

    @classmethod
    def of(cls, workspace: Workspace) -> "Limits":
        """Those of the workspace."""
        return cls(max_running_jobs=workspace.max_running_jobs)


@router.get("", response=Limits, summary="The workspace's limits")
def show(request: ApiRequest) -> Limits:
    """How many jobs of the workspace run at a time at most."""
    return Limits.of(request.auth.workspace)


@router.put("", response={200: Limits, 403: ErrorOut, 422: ErrorOut}, summary="Change the workspace's limits")
def change(request: ApiRequest, payload: Limits) -> Limits:
    """For admins. Jobs that run already go on."""
    return Limits.of(set_limits(request.auth, max_running_jobs=payload.max_running_jobs))
