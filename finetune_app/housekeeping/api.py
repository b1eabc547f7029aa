"""Keeping house over REST: the retention rule, what would go, and deleting it."""

from typing import Self

from ninja import Field, Router, Schema
from ninja.responses import Status
from pydantic import ConfigDict

from adapters.models import RegistryTask, RetentionRule
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.errors import NotFound
from finetune_app.housekeeping.amounts import TidyLook
from finetune_app.housekeeping.services.apply_retention import rule_of
from finetune_app.housekeeping.services.request_tidying import newest_tidying, request_look, request_run
from finetune_app.housekeeping.services.set_rule import set_rule
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState

router = Router()


class RuleInOut(Schema):
    """Which adapter versions stay. What has an alias, the tag `keep`, or a dependant stays in any case."""

    model_config = ConfigDict(extra="forbid")

    keep_last: int | None = Field(None, description="So many of each adapter; null: all of them.")
    keep_days: int | None = Field(None, description="And those that are younger; null: age is no matter.")
    is_on: bool = Field(False, description="Whether it is carried out each day, or only by `POST /housekeeping/run`.")

    @classmethod
    def of(cls, rule: RetentionRule) -> Self:
        """The rule as JSON."""
        return cls(keep_last=rule.keep_last, keep_days=rule.keep_days, is_on=rule.is_on)


class TidyOut(Schema):
    """Where a run stands. Ask again with GET until `state` is final."""

    id: int
    state: TaskState = Field(description="`succeeded` and `failed` are final.")
    done: int = Field(description="Steps of `total`.")
    total: int
    error: ErrorOut | None
    result: TidyLook | None = Field(description="What was found; of a run, also what was removed.")

    @classmethod
    def of(cls, task: RegistryTask) -> Self:
        """The task as JSON."""
        failed = task.state == TaskState.FAILED
        return cls(
            id=task.pk,
            state=TaskState(task.state),
            done=task.done,
            total=task.total,
            error=ErrorOut(code=task.error_code, message=task.error, **task.result) if failed else None,
            result=TidyLook.model_validate(task.result) if task.state == TaskState.SUCCEEDED else None,
        )


@router.get("/rule", response=RuleInOut, summary="The retention rule")
def show_rule(request: ApiRequest) -> RuleInOut:
    """Which adapter versions of the workspace stay."""
    return RuleInOut.of(rule_of(request.auth.workspace))


@router.put("/rule", response={200: RuleInOut, 403: ErrorOut, 422: ErrorOut}, summary="Change the retention rule")
def change_rule(request: ApiRequest, payload: RuleInOut) -> RuleInOut:
    """For admins. Nothing is deleted by that alone, unless it says `is_on`: then within a day."""
    rule = set_rule(request.auth, keep_last=payload.keep_last, keep_days=payload.keep_days, is_on=payload.is_on)
    return RuleInOut.of(rule)


@router.post("/dry-run", response={202: TidyOut, 403: ErrorOut}, summary="Look what would go")
def begin_look(request: ApiRequest) -> Status[TidyOut]:
    """For editors. A worker looks which versions the rule lets go and which bytes nothing names. Nothing goes."""
    return Status(202, TidyOut.of(request_look(request.auth)))


@router.get("/dry-run", response={200: TidyOut, 404: ErrorOut}, summary="The newest dry run")
def show_look(request: ApiRequest) -> TidyOut:
    """With each version that would go, and why others stay."""
    return _newest(request, carry_out=False)


@router.post("/run", response={202: TidyOut, 403: ErrorOut}, summary="Delete what may go")
def begin_run(request: ApiRequest) -> Status[TidyOut]:
    """For admins. A worker deletes the versions that the rule lets go, and bytes that nothing names."""
    return Status(202, TidyOut.of(request_run(request.auth)))


@router.get("/run", response={200: TidyOut, 404: ErrorOut}, summary="The newest run")
def show_run(request: ApiRequest) -> TidyOut:
    """What it deleted."""
    return _newest(request, carry_out=True)


def _newest(request: ApiRequest, *, carry_out: bool) -> TidyOut:
    task, _ = newest_tidying(request.auth.workspace, carry_out=carry_out)
    if task is None:
        raise NotFound("run of keeping house", "newest")
    return TidyOut.of(task)
